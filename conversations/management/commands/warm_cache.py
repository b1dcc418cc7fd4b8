"""``manage.py warm_cache FILE``: put the operator's own answers into the answer cache."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from conversations.adapters.answer_cache.cache import RedisAnswerCache
from conversations.adapters.answer_cache.curated_files import CuratedRow, RowFault, read_rows
from conversations.adapters.answer_cache.entries import curated_id
from conversations.db.access import in_database
from conversations.feedback.reviews import answer_replaced
from conversations.management.answer_cache import configured_cache
from routing.domain.errors import CacheUnavailable, EmbedderUnavailable
from routing.embeddings.port import Embedder

BATCH = 32
"""Rows embedded together."""


class Command(BaseCommand):
    """Idempotent: a question that is there with the same answer is left alone."""

    help = (
        "Put questions and answers of your own into the answer cache, for everybody. FILE is CSV with the "
        "header question,answer, or JSON lines (.jsonl) with these two. Run it again at will."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would be done, write nothing."
        )

    def handle(self, *_: Any, file: Path, dry_run: bool, **__: Any) -> None:
        try:
            read = list(read_rows(file, longest_question=settings.PROMPT_MAX_CHARS))
        except OSError as exc:
            raise CommandError(f"{file} can't be read: {exc}") from exc
        # All rows are read first: a file with faults is told whole, and its good rows are used.
        rows = [row for row in read if isinstance(row, CuratedRow)]
        faults = [row for row in read if isinstance(row, RowFault)]
        done: Counter[str] = Counter()
        try:
            asyncio.run(self._warm(rows, done, dry_run=dry_run))
        except (CacheUnavailable, EmbedderUnavailable) as exc:
            raise CommandError(
                f"{exc}. {done.total()} of {len(rows)} rows were done; run it again for the rest."
            ) from exc
        self._report(done, faults, dry_run=dry_run)

    async def _warm(self, rows: Sequence[CuratedRow], done: Counter[str], *, dry_run: bool) -> None:
        async with configured_cache() as parts:
            await parts.cache.stats()  # makes the index, or says why it can't
            for batch in self._shown(rows):
                done.update(await _warm_batch(parts.cache, parts.embedder, batch, dry_run=dry_run))

    def _shown(self, rows: Sequence[CuratedRow]) -> Iterator[Sequence[CuratedRow]]:
        """The rows in batches, with a bar that moves as they are done."""
        columns = TextColumn("Warming"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("", total=len(rows))
            for batch in _batches(rows):
                yield batch
                progress.advance(task, len(batch))

    def _report(self, done: Counter[str], faults: Sequence[RowFault], *, dry_run: bool) -> None:
        for fault in faults:
            self.stderr.write(f"line {fault.line} {fault.detail}")
        would = "would be " if dry_run else ""
        self.stdout.write(
            f"{done['new']} {would}new, {done['changed']} {would}changed, "
            f"{done['unchanged']} unchanged, {len(faults)} at fault."
        )
        if faults:
            raise CommandError(f"{len(faults)} rows were left out; the lines are named above.")


async def _warm_batch(
    cache: RedisAnswerCache, embedder: Embedder, batch: Sequence[CuratedRow], *, dry_run: bool
) -> Counter[str]:
    """Write new and changed rows; returns the number of rows by state."""
    warmth = [await cache.warmth(row.question, row.answer) for row in batch]
    if not dry_run:
        stale = [row for row, is_ in zip(batch, warmth, strict=True) if is_ != "unchanged"]
        vectors = await embedder.embed_many([row.question for row in stale]) if stale else []
        for row, vector in zip(stale, vectors, strict=True):
            # Stored first: the old answer's verdicts count until the new one is in the cache.
            await cache.warm(row.question, row.answer, vector)
            await in_database(answer_replaced, subject=curated_id(row.question))
    return Counter(warmth)


def _batches(rows: Iterable[CuratedRow]) -> Iterator[list[CuratedRow]]:
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch
