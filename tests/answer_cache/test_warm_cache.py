"""The command, from a file to a paraphrase that is answered."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest
import redis.asyncio
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from pytest_django import Settings

from routing.embeddings.local import LocalEmbedder
from tests.answer_cache.conftest import Asked, indexed, make_cache, make_rules, make_turn

# What a new answer replaces is looked up by the database's own threads.
pytestmark = pytest.mark.django_db(transaction=True)

FAQ = "question,answer\nHow do I reset my password?,Click 'Forgot'.\nHow do I pay?,By card.\n"


@pytest.fixture
async def asked(
    client: redis.asyncio.Redis, prefix: str, embedder: LocalEmbedder
) -> AsyncIterator[Asked]:
    """The cache the command fills."""
    cache = make_cache(client, prefix, embedder_name=embedder.name, dimensions=embedder.dimensions)
    async with indexed(client, cache):
        yield Asked(cache, make_rules())


@pytest.fixture
def faq(tmp_path: Path) -> Path:
    path = tmp_path / "faq.csv"
    path.write_text(FAQ)
    return path


async def warm(file: Path, **options: bool) -> str:
    out = StringIO()
    await sync_to_async(call_command)("warm_cache", str(file), stdout=out, **options)
    return out.getvalue().strip()


async def test_a_paraphrase_is_answered_and_another_question_is_not(
    asked: Asked, embedder: LocalEmbedder, faq: Path
) -> None:
    assert await warm(faq) == "2 new, 0 changed, 0 unchanged, 0 at fault."
    paraphrase = await embedder.embed("How can I reset my password?")
    hit = await asked.cache.lookup_similar(make_turn("x"), asked.rules, paraphrase)
    assert hit
    assert hit.content == "Click 'Forgot'."
    assert hit.facts.outcome == "semantic"
    other = await embedder.embed("How do I change my e-mail address?")
    assert await asked.cache.lookup_similar(make_turn("x"), asked.rules, other) is None


async def test_again_changes_nothing_and_a_new_answer_replaces_the_old(
    asked: Asked, faq: Path
) -> None:
    await warm(faq)
    assert await warm(faq) == "0 new, 0 changed, 2 unchanged, 0 at fault."
    faq.write_text(FAQ.replace("By card.", "In cash."))  # noqa: ASYNC240
    assert await warm(faq) == "0 new, 1 changed, 1 unchanged, 0 at fault."
    assert await asked.exact("How do I pay?") == "In cash."
    assert (await asked.cache.stats()).entries == 2


async def test_a_dry_run_writes_nothing(asked: Asked, faq: Path) -> None:
    told = await warm(faq, dry_run=True)
    assert told == "2 would be new, 0 would be changed, 0 unchanged, 0 at fault."
    assert (await asked.cache.stats()).entries == 0


async def test_bad_rows_are_named_and_the_good_ones_are_kept(
    asked: Asked, faq: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faq.write_text(f"{FAQ},No question.\n")  # noqa: ASYNC240
    with pytest.raises(CommandError, match="1 rows were left out"):
        await warm(faq)
    assert "line 4 has no question" in capsys.readouterr().err
    assert (await asked.cache.stats()).entries == 2


async def test_redis_away_is_told_and_fails(redis_settings: Settings, faq: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        redis_settings.REDIS_URL = f"redis://127.0.0.1:{gone.getsockname()[1]}/0"
    with pytest.raises(CommandError, match="0 of 2 rows were done"):
        await warm(faq)


async def test_a_missing_file_is_told() -> None:
    with pytest.raises(CommandError, match="can't be read"):
        await warm(Path(os.devnull).parent / "no-such-file.csv")
