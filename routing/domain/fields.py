"""Metadata of dataclass fields: labels and helps of a rule's fields, each declared beside the field.

Pure: standard library only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """How people meet a field. ``label`` stands in sentences about changes; ``title`` in forms, where
    empty the capitalised label does; ``help`` beside it, where empty the column's. ``group`` is the
    form's fieldset. ``in_order``: of a list of texts the order matters, so it is compared as a whole.
    ``least`` and ``most`` bound a number, in forms, documents and publications. ``applies`` names the
    actions of a rule for which the field has an effect; all of them where it is empty."""

    label: str
    title: str = ""
    help: str = ""
    group: str = ""
    in_order: bool = False
    least: float | None = None
    most: float | None = None
    applies: Collection[str] = ()

    @property
    def form_label(self) -> str:
        """The label in a form."""
        return self.title or self.label[:1].upper() + self.label[1:]


def spec(label: str, **more: Any) -> Mapping[str, FieldSpec]:
    """The metadata of a dataclass field with this ``FieldSpec``."""
    return {"spec": FieldSpec(label, **more)}


def specs(kind: Any) -> dict[str, FieldSpec]:
    """The specs of a dataclass's fields, by name and in order."""
    return {item.name: item.metadata["spec"] for item in fields(kind) if item.metadata}


class Stored:
    """Base of the classes that are stored as JSON: reading refuses unknown fields, because a newer
    program's rules must not be applied in part. Read by pydantic in ``routing.publishing.codec``."""

    __slots__ = ()
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
