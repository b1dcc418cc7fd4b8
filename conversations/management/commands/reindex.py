"""``manage.py reindex``: give stored answers the vectors of the embedder that is configured now."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis.exceptions import RedisError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from conversations.adapters.answer_cache.reindex import Reindexer
from conversations.management.answer_cache import configured_cache
from routing.domain.errors import EmbedderUnavailable


class Command(BaseCommand):
    """Idempotent, and may be interrupted: entries with a vector are passed by."""

    help = (
        "After another EMBEDDING_MODEL: embed the questions of stored answers again, so that they are found by"
        " their meaning. Run it again at will."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would be done, write nothing."
        )

    def handle(self, *_: Any, dry_run: bool, **__: Any) -> None:
        done: Counter[str] = Counter()
        try:
            asyncio.run(self._reindex(done, dry_run=dry_run))
        except (RedisError, OSError, EmbedderUnavailable) as exc:
            raise CommandError(
                f"{exc}. {done['new']} answers were embedded; run it again for the rest."
            ) from exc
        would = "would be " if dry_run else ""
        self.stdout.write(f"{done['new']} {would}embedded, {done['known']} had a vector.")

    async def _reindex(self, done: Counter[str], *, dry_run: bool) -> None:
        columns = TextColumn("Embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        async with configured_cache() as parts:
            await parts.index.ensure()
            total = (await parts.index.count()).entries
            reindexer = Reindexer(parts.index, parts.embedder, parts.cache.signature)
            with Progress(*columns, console=Console(stderr=True)) as progress:
                task = progress.add_task("", total=total)
                async with aclosing(reindexer.steps(dry_run=dry_run)) as steps:
                    async for so_far in steps:
                        done.update(so_far - done)
                        progress.update(task, completed=so_far.total())
