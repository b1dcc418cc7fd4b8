"""Pictures: a small abstract scene with colours and shapes that follow from the prompt."""

from __future__ import annotations

import hashlib
import io
import random
import textwrap

from PIL import Image, ImageDraw, ImageFont

# Drawn small and scaled up: a megapixel of shapes would cost a second a picture.
_SCALE = 4


def draw(prompt: str, width: int, height: int, form: str = "png", variant: int = 0) -> bytes:
    """A picture of ``width`` by ``height`` pixels as PNG, JPEG or WebP bytes; the same for the same
    arguments."""
    seed = hashlib.sha256(f"{variant}:{prompt}".encode("utf-8", "replace")).digest()
    chance = random.Random(seed)  # noqa: S311 - the same prompt must give the same picture
    small = _scene(chance, max(1, width // _SCALE), max(1, height // _SCALE))
    picture = small.resize((width, height), Image.Resampling.BILINEAR)
    _caption(picture, prompt)
    written = io.BytesIO()
    picture.save(written, form.upper())
    return written.getvalue()


def _scene(chance: random.Random, width: int, height: int) -> Image.Image:
    top, bottom = _colour(chance, 130, 255), _colour(chance, 40, 160)
    scene = Image.linear_gradient("L").resize((width, height))
    picture = Image.composite(
        Image.new("RGB", (width, height), bottom), Image.new("RGB", (width, height), top), scene
    )
    pen = ImageDraw.Draw(picture)
    for _ in range(9):
        size = chance.randint(2, max(3, min(width, height) // 3))
        x, y = chance.randint(-size // 2, width), chance.randint(-size // 2, height)
        shape = chance.choice((pen.ellipse, pen.rectangle, pen.ellipse))
        shape((x, y, x + size, y + size), fill=_colour(chance, 30, 235))
    return picture


def _colour(chance: random.Random, low: int, high: int) -> tuple[int, int, int]:
    return chance.randint(low, high), chance.randint(low, high), chance.randint(low, high)


def _caption(picture: Image.Image, prompt: str) -> None:
    """Write below the scene that it is a simulation, and the prompt."""
    width, height = picture.size
    size = max(10, width // 36)
    font = ImageFont.load_default(size)
    columns = max(8, int(width / (size * 0.62)))
    lines = ["SIMULATED IMAGE", *textwrap.wrap(prompt, columns)[:3]]
    band = int(size * 1.5 * len(lines) + size)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, height - band, width, height), fill=(18, 20, 28))
    text = "\n".join(lines).encode("latin-1", "replace").decode("latin-1")
    place = (size, height - band + size // 2)
    pen.multiline_text(place, text, fill=(240, 240, 240), font=font, spacing=size // 3)
