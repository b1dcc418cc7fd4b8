"""The image tool: a model draws, Django's storage keeps the picture for its owner."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.core.files.base import ContentFile

from conversations.engine.types import Picture, Turn
from conversations.errors import PictureNotStored
from conversations.models import GeneratedImage
from conversations.representations import image_object
from conversations.runs.database import in_database
from routing.domain import ModelRef
from routing.llm.images import ImageGenerator
from routing.llm.types import Attempt, ImageBytes

_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
ALT_LENGTH = 300


class StoringPainter:
    """Implements the engine's port ``Painter``."""

    def __init__(self, generator: ImageGenerator) -> None:
        self._generator = generator

    async def draw(
        self, turn: Turn, candidates: Sequence[ModelRef], meter: Callable[[Attempt], None]
    ) -> tuple[Picture, ModelRef]:
        """Draw the prompt and store the picture. Raises ``NoProviderAvailable``, and
        ``PictureNotStored`` when the storage does not take it."""
        drawn, model = await self._generator.draw(turn.prompt, candidates, meter)
        stored = await in_database(image_store, turn, drawn)
        return Picture(**image_object(stored, origin=turn.origin)), model


def image_store(turn: Turn, drawn: ImageBytes) -> GeneratedImage:
    """Write the file, then its row; a row that can't be written takes the file with it."""
    image = GeneratedImage(
        message_id=turn.message,
        owner_id=turn.user,
        media_type=drawn.media_type,
        alt=" ".join(turn.prompt.split())[:ALT_LENGTH],
        width=drawn.width,
        height=drawn.height,
        revised_prompt=drawn.revised_prompt or "",
    )
    name = f"{image.id}.{_EXTENSIONS.get(drawn.media_type, 'bin')}"
    try:
        image.file.save(name, ContentFile(drawn.data), save=False)
    except OSError as exc:
        raise PictureNotStored(f"{type(exc).__name__}: {exc}") from exc
    try:
        image.save(force_insert=True)
    except BaseException:
        image.file.storage.delete(image.file.name or name)
        raise
    return image
