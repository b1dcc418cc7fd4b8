"""Files that people hand to commands, and tables for spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

PROMPT_COLUMNS = ("text", "prompt")
"""Either name is that of the column of prompts."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class TableFault(ValueError):
    """A table that cannot be read or lacks something; its text is one line with the file's name."""


def file_fault(path: object, exc: Exception) -> str:
    """One line about a file that cannot be read."""
    match exc:
        case UnicodeDecodeError():
            why = f"byte {exc.start + 1} is not UTF-8. Save it as UTF-8"
        case OSError():
            why = exc.strerror or str(exc)
        case _:
            why = str(exc)
    return f"{path} cannot be read: {why.rstrip('.')}."


def read_table(path: Path, needed: str, *columns: Collection[str]) -> list[dict[str, str]]:
    """The rows of a CSV file, which has one column at least of each of the ``columns``; ``needed`` says so in
    words. Raises ``TableFault``."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            rows = [*table]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise TableFault(file_fault(path, exc)) from exc
    if not rows:
        raise TableFault(f"{path} has no rows.")
    found = table.fieldnames or ()
    if not all(set(names) & set(found) for names in columns):
        shown = ", ".join(f"'{name}'" for name in found if name) or "none"
        raise TableFault(f"{path} needs the columns {needed}; it has {shown}.")
    return rows


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as CSV. A text that a spreadsheet would take for a formula, a name for instance, begins with
    a quotation mark."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
