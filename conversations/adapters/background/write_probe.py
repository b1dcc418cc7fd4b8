"""Write probe: readiness tries small writes to the database and to the media folder now and then.

A database with a full disk, a lock or no right to write still answers reads.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction

from conversations.db import faults
from conversations.db.access import last_write_failed, written
from conversations.models import WriteProbeRow
from routing.common.tasks import Background

OK = "ok"
EVERY_SECONDS, AGAIN_SECONDS = 10.0, 1.0
"""Between two writes; the second after a failure."""
PATIENCE_SECONDS = 1.5
"""How long a write may take until the database counts as locked."""
PADDING_BYTES, AFTER_FAILURE_BYTES = 16_384, 262_144
"""Of a write: about an answer. After a failure more than the longest question with its answer."""


class WriteProbe:
    """Results of small writes, each kept for EVERY_SECONDS; one write at a time, off the loop."""

    def __init__(self, background: Background, clock: Callable[[], float] = time.monotonic) -> None:
        self._background, self._clock = background, clock
        self.database, self.media = OK, OK
        self._due = 0.0

    async def look(self) -> None:
        """Try both where it is due, or at once after a failed write. Sets ``database`` and ``media``."""
        if self._clock() < self._due and not (self.database == OK and last_write_failed()):
            return
        self._due = self._clock() + EVERY_SECONDS
        if not self._background.count("write probe"):
            self._background.start("write probe", self._try())
        await self._background.wait("write probe", seconds=PATIENCE_SECONDS)
        if self._background.count("write probe"):
            # It goes on: the next look sees how it ended.
            self.database = faults.LOCKED
        if self.database != OK:
            self._due = self._clock() + AGAIN_SECONDS

    async def _try(self) -> None:
        self.media = await asyncio.to_thread(_media_fault)
        try:
            # Room that this write frees must not be all the room there is.
            failed = self.database != OK or last_write_failed()
            await written(_write_row, AFTER_FAILURE_BYTES if failed else PADDING_BYTES)
        except DatabaseError as exc:
            self.database = faults.reason_of(exc)
        else:
            self.database = OK


@transaction.atomic
def _write_row(size: int) -> None:
    # A new row before the old ones go: it needs room of its own.
    row = WriteProbeRow.objects.create(padding=os.urandom(size))
    WriteProbeRow.objects.filter(pk__lt=row.pk).delete()


def _media_fault() -> str:
    """The reason for which the media folder takes no file, or ``ok``. Other storages are not tried."""
    if not hasattr(default_storage, "location"):
        return OK
    try:
        Path(default_storage.location).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=default_storage.location) as file:
            file.write(bytes(PADDING_BYTES))
    except OSError as exc:
        return exc.strerror or type(exc).__name__
    return OK
