"""What Linux tells of a process: its children, its open descriptors, and whom its sockets speak to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
_ESTABLISHED = "01"


def children(pid: int) -> list[int]:
    """The process ids of its children, oldest first."""
    return sorted(
        int(entry.name)
        for entry in PROC.iterdir()
        if entry.name.isdigit() and _parent(int(entry.name)) == pid
    )


def _parent(pid: int) -> int:
    with suppress(OSError, IndexError, ValueError):
        # The name, in brackets, may hold anything.
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


def is_alive(pid: int) -> bool:
    """Whether it runs: one that ended and waits to be reaped does not."""
    with suppress(OSError, IndexError):
        state = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
        return state not in {"Z", "X"}
    return False


def descriptors(pid: int) -> int:
    """How many it holds open."""
    return sum(1 for _ in _links(pid))


def connections(pid: int, named: Mapping[int, str]) -> dict[str, int]:
    """Its open TCP connections by the name of their port, theirs or ours; 0 where there is none."""
    mine = {link[8:-1] for link in _links(pid) if link.startswith("socket:[")}
    counted: Counter[str] = Counter(dict.fromkeys(named.values(), 0))
    for inode, ports in _established(pid):
        if inode in mine:
            counted.update(named[port] for port in ports if port in named)
    return dict(counted)


def _links(pid: int) -> Iterator[str]:
    for entry in (PROC / str(pid) / "fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            yield str(entry.readlink())


def _established(pid: int) -> Iterator[tuple[str, set[int]]]:
    for line in (PROC / str(pid) / "net" / "tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _ESTABLISHED:
            yield fields[9], {int(end.rsplit(":", 1)[1], 16) for end in fields[1:3]}
