"""Price list: LiteLLM's, which comes with its package and is never fetched; and how old it is."""

from __future__ import annotations

from datetime import date

PRICE_LIST_VERSION = "1.106.2"
"""The release of LiteLLM that is installed by requirements/base.txt."""
PRICE_LIST_DATE = date(2026, 10, 21)
"""The day of that release: the list has no date of its own."""


def price_list_words() -> str:
    """The list's origin and age, for pages."""
    return (
        f"Empty prices are those of LiteLLM's list ({PRICE_LIST_VERSION}, {PRICE_LIST_DATE}). A change "
        "holds for calls after it is published; what is in the ledger stays."
    )
