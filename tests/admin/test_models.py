"""Models: names that LiteLLM does not know are told where they are typed, and before they are published."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from routing.models import LLMModel, RoutingSettings
from tests.admin.forms import change


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("openai/gpt-5-mini", ""),
        ("ollama/mine", ""),
        ("hosted_vllm/mine", ""),
        ("openai/gpt-55-minni", "check the spelling"),
        ("antropic/claude-sonnet-4-6", "knows no provider"),
        ("mine", "knows no provider"),
    ],
)
def test_a_name_that_nobody_knows_is_told(
    published: None, admin_client: Client, name: str, told: str
) -> None:
    page = change(admin_client, LLMModel.objects.get(name="gpt"), litellm_name=name)
    said = " ".join(map(str, page.context["messages"]))  # type: ignore[attr-defined]
    RoutingSettings.objects.update(callers_choose=False)
    publishing = admin_client.get(reverse("admin:routing_publish")).content.decode()

    assert told in said
    assert ("spelling" in said or "no provider" in said) is bool(told)
    assert ("Perhaps misspelt" in publishing) is bool(told)
    assert LLMModel.objects.get(name="gpt").litellm_name == name
