"""Bounds of data URLs, in words."""

from __future__ import annotations

import pytest
from pydantic_core import PydanticCustomError

from conversations.api.data_urls import MAX_DATA_CHARS, check_base64

pytestmark = pytest.mark.pure


def test_the_bound_that_is_told_is_the_one_that_holds() -> None:
    assert check_base64("A" * 4) == "AAAA"
    with pytest.raises(PydanticCustomError, match=f"{MAX_DATA_CHARS // 1024**2} MiB"):
        check_base64("A" * (MAX_DATA_CHARS + 4))
