"""Tools: the adapters of actions beside text. For an image, a model draws, and Django's storage keeps the
picture for its owner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from django.core.files.base import ContentFile

from conversations.db.access import AWAY, written
from conversations.domain.errors import DatabaseAway, PictureNotStored
from conversations.engine.types import Picture, Turn
from conversations.models import GeneratedImage
from conversations.storage.representations import image_object
from routing.common.memory import give_back
from routing.domain.llm import ImageBytes, ImageOptions, Meter
from routing.domain.rules import ModelRef
from routing.llm.failover.images import ImageGenerator

_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
ALT_LENGTH = 300
LARGE = 4 * 1024 * 1024
"""Bytes of a picture after which free memory is given back."""
STORAGE_SECONDS = 10.0
"""How long the storage may take for one picture."""


class StoringImageTool:
    """The engine's port ``ImageTool``: draws, and stores the picture for its owner."""

    def __init__(self, generator: ImageGenerator) -> None:
        self._generator = generator

    async def draw(
        self, turn: Turn, candidates: Sequence[ModelRef], meter: Meter
    ) -> tuple[Picture, ModelRef]:
        """Draw the prompt and store the picture. Raises ``NoProviderAvailable``,
        ``PictureNotStored`` when the storage does not take it, and ``DatabaseAway``."""
        image_bytes, model = await self._generator.draw(turn.prompt, candidates, meter)
        picture, size = await _stored(turn, image_bytes), len(image_bytes.data)
        del image_bytes
        await _give_back(size)
        return picture, model

    async def draw_all(
        self,
        turn: Turn,
        candidates: Sequence[ModelRef],
        meter: Meter,
        count: int,
        options: ImageOptions,
    ) -> tuple[Sequence[Picture], ModelRef]:
        """Draw the prompt several times, and store all pictures once all are drawn. Raises as ``draw``
        does; then the others are cancelled."""
        draw = partial(self._generator.draw, turn.prompt, candidates, meter, options)
        try:
            async with asyncio.TaskGroup() as group:
                drawing = [group.create_task(draw()) for _ in range(count)]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        pictures = [await _stored(turn, task.result()[0]) for task in drawing]
        size, model = max(len(task.result()[0].data) for task in drawing), drawing[0].result()[1]
        drawing.clear()
        await _give_back(size)
        return pictures, model


async def _give_back(size: int) -> None:
    """After a picture of so many bytes: the allocator keeps what a large one took."""
    if size >= LARGE:
        await asyncio.to_thread(give_back)


async def _stored(turn: Turn, drawn: ImageBytes) -> Picture:
    image = _row(turn, drawn)
    await _save_file(image, drawn)
    await _save_row(image)
    return Picture(**image_object(image, origin=turn.origin))


def _row(turn: Turn, drawn: ImageBytes) -> GeneratedImage:
    return GeneratedImage(
        message_id=turn.message if turn.kept else None,
        owner_id=turn.user,
        media_type=drawn.media_type,
        alt=" ".join(turn.prompt.split())[:ALT_LENGTH],
        width=drawn.width,
        height=drawn.height,
        revised_prompt=drawn.revised_prompt or "",
    )


async def _save_file(image: GeneratedImage, drawn: ImageBytes) -> None:
    """Give the picture its file. Raises ``PictureNotStored``, also when that takes too long."""
    name = f"{image.id}.{_EXTENSIONS.get(drawn.media_type, 'bin')}"
    save = partial(image.file.save, name, ContentFile(drawn.data), save=False)
    try:
        async with asyncio.timeout(STORAGE_SECONDS):
            await asyncio.to_thread(save)
    except OSError as exc:  # TimeoutError is one
        raise PictureNotStored(f"{type(exc).__name__}: {exc}") from exc


async def _save_row(image: GeneratedImage) -> None:
    """Write the picture's row; one that can't be written takes the file with it."""
    try:
        await written(image.save, force_insert=True)
    except BaseException as exc:
        await asyncio.shield(asyncio.to_thread(image.file.storage.delete, image.file.name or ""))
        if isinstance(exc, AWAY):
            raise DatabaseAway.of(exc) from exc
        raise
