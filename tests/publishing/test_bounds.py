"""Bounds of a model's numbers, the same in forms, documents and publications."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from routing.domain.errors import RuleSetInvalid
from routing.models import LLMModel
from routing.publishing.default_rules import seed_defaults
from routing.publishing.draft import ruleset_build
from routing.publishing.yaml_files import document_of_tables, read_document

ODD = [
    *(
        (name, value)
        for name in ("connect", "first_token", "stall", "total")
        for value in (0, -5, 1e9)
    ),
    *((name, -1) for name in ("input_price", "output_price")),
    *((name, 0) for name in ("context_window", "max_output_tokens")),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "value"), ODD)
def test_a_number_out_of_bounds_is_taken_nowhere(name: str, value: float) -> None:
    name = name if "_" in name and name != "first_token" else f"{name}_timeout"
    seed_defaults()
    row = LLMModel.objects.get(name="gpt")
    text = document_of_tables().yaml()
    setattr(row, name, value)
    with pytest.raises(ValidationError) as in_form:
        row.full_clean()
    LLMModel.objects.filter(pk=row.pk).update(**{name: value})
    with pytest.raises(RuleSetInvalid, match="must be between"):
        ruleset_build()
    lines = [
        f"    {name}: {value}" if line.strip().startswith(f"{name}:") else line
        for line in text.split("\n")
    ]
    with pytest.raises(RuleSetInvalid, match=name):
        read_document("\n".join(lines).replace("    " + name, _indent(text, name) + name))

    assert set(in_form.value.message_dict) == {name}


def _indent(text: str, name: str) -> str:
    line = next(line for line in text.split("\n") if line.strip().startswith(f"{name}:"))
    return line[: len(line) - len(line.lstrip())]
