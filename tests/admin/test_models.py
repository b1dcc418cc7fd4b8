"""Models: names that LiteLLM does not know are told where they are typed, and before they are published."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from routing.classifier.fallback import PATIENCE
from routing.models import LLMModel, RoutingSettings
from routing.publishing.yaml_files import document_of_tables
from tests.admin.forms import change


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("openai/gpt-5-mini", ""),
        ("ollama/mine", ""),
        ("hosted_vllm/mine", ""),
        ("openai/gpt-55-minni", "did you mean gpt-5-mini"),
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
    assert ("did you mean" in said or "no provider" in said) is bool(told)
    assert ("Look at this" in publishing) is bool(told)
    assert LLMModel.objects.get(name="gpt").litellm_name == name


LIST = "admin:routing_llmmodel_changelist"


@pytest.fixture
def editor(client: Client, published: None) -> Client:
    """Signed in as one who may edit rules and models, and is no administrator."""
    user = User.objects.create_user("editor", is_staff=True)
    user.groups.add(Group.objects.get(name="Rule editors"))
    client.force_login(user)
    return client


def test_the_list_tells_prices_and_the_variable_that_is_not_set(
    published: None, admin_client: Client, settings: Settings
) -> None:
    settings.MODEL_KEYS = {"SET_API_KEY": "gpu-secret"}
    LLMModel.objects.filter(name="gpt").update(key_variable="SET_API_KEY", input_price="1.5")
    LLMModel.objects.filter(name="gpt-mini").update(key_variable="UNSET_API_KEY")
    page = admin_client.get(reverse(LIST)).content.decode()

    assert "the variable UNSET_API_KEY is not set." in page
    assert "the variable SET_API_KEY" not in page
    assert "gpu-secret" not in page
    assert "1.5 in, 15 out (partly the list)" in page
    assert "(list)" in page
    assert "by the list in" not in page  # of pictures


def test_parameters_are_kept_in_order_and_strange_ones_are_told(
    published: None, admin_client: Client
) -> None:
    row = LLMModel.objects.get(name="gpt-mini")
    page = change(admin_client, row, parameters='{"seed": 3,\n "min_p": 0.1}')
    said = " ".join(map(str, page.context["messages"]))  # type: ignore[attr-defined]

    assert "is asked without min_p" in said
    assert LLMModel.objects.get(pk=row.pk).parameters == '{"min_p": 0.1, "seed": 3}'


def test_only_administrators_set_addresses_and_keys(editor: Client, admin_client: Client) -> None:
    row = LLMModel.objects.get(name="gpt")
    url = reverse("admin:routing_llmmodel_change", args=[row.pk])
    assert 'name="base_url"' in admin_client.get(url).content.decode()
    page = editor.get(url).content.decode()
    assert 'name="base_url"' not in page
    assert 'name="key_variable"' not in page
    assert 'name="temperature"' in page

    LLMModel.objects.filter(pk=row.pk).update(base_url="http://evil/v1")
    text = document_of_tables().yaml()
    LLMModel.objects.filter(pk=row.pk).update(base_url="")
    file = SimpleUploadedFile("rules.yaml", text.encode())
    answer = editor.post(reverse("admin:routing_import"), {"file": file}).content.decode()
    assert "Only administrators may change the address or the key of “gpt”." in answer
    assert LLMModel.objects.get(pk=row.pk).base_url == ""


def test_the_form_tells_how_long_a_classifier_is_waited_for(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:routing_llmmodel_add")).content.decode()

    assert f"waited for {PATIENCE:.0f} s at most" in page
