from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from assistant_site.launcher import processes

pytestmark = pytest.mark.services

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def test_it_is_ended_politely() -> None:
    child = processes.start(SLEEPER)

    assert processes.end(child) == -signal.SIGTERM


def test_it_is_killed_when_it_does_not_listen() -> None:
    ignore = "import signal, time; signal.signal(15, signal.SIG_IGN)"
    deaf = f"{ignore}; print('up', flush=True); time.sleep(600)"
    child = processes.start([sys.executable, "-c", deaf], output=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout as lines:
        assert lines.readline() == b"up\n"

        assert processes.end(child, grace=0.2) == -signal.SIGKILL


def test_the_output_goes_into_the_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab") as output:
        command = [sys.executable, "-c", "import sys; print('out'); sys.stderr.write('err')"]
        processes.start(command, output=output).wait()

    assert sorted(log.read_text().split()) == ["err", "out"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone ties a child to its parent")
def test_it_ends_with_a_parent_that_was_killed() -> None:
    code = (
        "import time; from assistant_site.launcher import processes; "
        f"processes.start({SLEEPER!r}); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout as lines:
        assert lines.readline() == b"up\n"  # the child's: it writes where its parent does
        parent.kill()
        parent.wait()

        assert lines.read() == b""  # nobody holds the pipe any more


def test_a_leftover_is_ended_by_its_pid_file(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    left = subprocess.Popen(["sleep", "601"])
    while "sleep" not in processes.command_line(left.pid):
        pass  # Linux tells it a moment after the program has begun
    pid_file.write_text(f"{left.pid}\n")
    reaper = threading.Thread(target=left.wait)  # as init would, so that the pid goes away
    reaper.start()
    assert processes.end_leftover(pid_file, mark="sleep 601")
    reaper.join()

    assert left.returncode == -signal.SIGTERM
    assert not pid_file.exists()


def test_a_pid_that_belongs_to_another_program_by_now_is_left_alone(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    stranger = subprocess.Popen(["sleep", "602"])
    try:
        pid_file.write_text(f"{stranger.pid}\n")

        assert not processes.end_leftover(pid_file, mark="redis-server")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("content", ["", "not a number", "999999999"])
def test_a_pid_file_without_a_process_is_removed(tmp_path: Path, content: str) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(content)

    assert not processes.end_leftover(pid_file, mark="sleep")
    assert not pid_file.exists()


def test_a_port_is_remembered_until_another_takes_it(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    first = processes.remembered_port(port_file)
    assert processes.remembered_port(port_file) == first

    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        assert not processes.is_free(first)
        second = processes.remembered_port(port_file)

    assert second != first
    assert processes.remembered_port(port_file) == second
