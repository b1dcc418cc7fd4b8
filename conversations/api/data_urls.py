"""Data URLs and addresses of pictures and files, as requests hold them: validators that raise pydantic's error."""

from __future__ import annotations

import binascii
import re
from typing import NoReturn

from pydantic_core import PydanticCustomError

from routing.common.translatable import Translatable

MAX_DATA_CHARS = 28 * 1024 * 1024
"""Characters of a picture or a file in a data URL: some 20 MiB of bytes."""
MAX_URL = 8_192
_PICTURE = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,", re.IGNORECASE)
_FILE = re.compile(r"data:[\w.+-]{1,64}/[\w.+-]{1,100};base64,", re.ASCII)
_ADDRESS = re.compile(r"https://[^\s\x00-\x1f]+", re.IGNORECASE)


def _reject(detail: str) -> NoReturn:
    raise PydanticCustomError("value_error", "{detail}", {"detail": detail})


def check_base64(data: str, start: int = 0) -> str:
    """Raises pydantic's error; the bytes themselves are for the model to read."""
    if len(data) > MAX_DATA_CHARS:
        _reject(
            Translatable(
                "It may have {most} MiB of characters at most", most=MAX_DATA_CHARS // 1024**2
            )
        )
    try:
        decoded = binascii.a2b_base64(data[start:], strict_mode=True)
    except ValueError:
        _reject(Translatable("It must hold base64"))
    return data if decoded else _reject(Translatable("It is empty"))


def check_picture_url(url: str) -> str:
    """An ``https`` address, or a data URL of a picture. Raises pydantic's error."""
    if head := _PICTURE.match(url):
        return check_base64(url, head.end())
    if len(url) > MAX_URL or not _ADDRESS.fullmatch(url):
        _reject(
            Translatable(
                "It must be an https address, or a data URL of a PNG, JPEG, GIF or WebP picture"
            )
        )
    return url


def check_file_data(url: str) -> str:
    """A data URL of any type. Raises pydantic's error."""
    head = _FILE.match(url)
    if not head:
        _reject("It must be a data URL: data:application/pdf;base64,…")
    return check_base64(url, head.end())
