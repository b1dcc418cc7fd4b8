"""Trying a prompt by the rules, and trying a model."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from assistant_site.simulator import Simulator
from routing.models import LLMModel, Rule

CODE = "Write a Python function that merges two sorted lists."


def tried(client: Client, prompt: str) -> str:
    return client.post(reverse("admin:routing_try"), {"prompt": prompt}).content.decode()


def asked(client: Client, name: str, prompt: str = "Say hello.") -> str:
    url = reverse("admin:routing_model_try", args=[LLMModel.objects.get(name=name).pk])
    return client.post(url, {"prompt": prompt}).content.decode()


@pytest.mark.usefixtures("providers")
def test_draft_and_live_stand_side_by_side(admin_client: Client) -> None:
    Rule.objects.filter(name="code").update(enabled=False)
    page = tried(admin_client, CODE)

    assert "Draft and live decide differently" in page
    assert "answer by gpt" in page
    assert "The prompt is about code." in page
    assert "miss: an answer would be made" in page
    assert "Keep as a golden case" in page
    assert "Guard: <strong>pass</strong>" in page


@pytest.mark.usefixtures("providers")
def test_a_draft_with_faults_shows_them(admin_client: Client) -> None:
    Rule.objects.filter(is_default=True).update(is_default=False)
    page = tried(admin_client, CODE)
    assert "Only one side could be asked" in page
    assert "must be the default" in page


def test_what_is_no_prompt_is_told(published: None, admin_client: Client) -> None:
    assert "The message is empty" in tried(admin_client, "\u200b")
    assert "<progress" not in tried(admin_client, "")


def test_both_classifiers_are_told_where_the_first_failed(
    providers: Simulator, admin_client: Client
) -> None:
    providers.fault(provider="anthropic", status=500, times=10)
    page = tried(admin_client, CODE)
    assert "(the second classifier)" in page
    assert "Asked, in order" in page


@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gpt", "It answered"),
        ("claude-haiku", "First words after"),
        ("gpt-image", "A picture of"),
    ],
)
def test_a_model_of_each_kind_answers(admin_client: Client, name: str, told: str) -> None:
    assert told in asked(admin_client, name)


@pytest.mark.usefixtures("providers")
def test_an_embedding_model_gives_a_vector(admin_client: Client) -> None:
    LLMModel.objects.create(
        name="embedder",
        litellm_name="openai/text-embedding-3-small",
        provider="openai",
        kind="embedding",
        enabled=False,
    )
    assert "A vector of 1,536 dimensions." in asked(admin_client, "embedder")


def test_a_model_that_fails_says_how(providers: Simulator, admin_client: Client) -> None:
    providers.fault(call="chat", status=429, times=5)
    page = asked(admin_client, "gpt")
    assert "It failed: provider_error" in page
    assert "after" in page


def test_a_model_that_hangs_is_left(providers: Simulator, admin_client: Client) -> None:
    LLMModel.objects.filter(name="gpt").update(total_timeout=0.2)
    providers.fault(call="chat", headers_delay_ms=5_000)
    assert "It failed: provider_timeout" in asked(admin_client, "gpt")


def test_asking_costs_so_looking_is_not_enough(published: None, client: Client) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_llmmodel"))
    client.force_login(viewer)
    model = LLMModel.objects.get(name="gpt")
    page = client.get(reverse("admin:routing_llmmodel_change", args=[model.pk]))
    assert "Try it" not in page.content.decode()
    assert client.get(reverse("admin:routing_model_try", args=[model.pk])).status_code == 403


def tried_at_once(client: Client, prompts: str, **files: Any) -> str:
    sent = {"prompts": prompts, "_several": "", **files}
    return client.post(reverse("admin:routing_try"), sent).content.decode()


@pytest.mark.usefixtures("providers")
def test_several_prompts_are_tried_at_once(admin_client: Client) -> None:
    Rule.objects.filter(name="code").update(enabled=False)
    file = SimpleUploadedFile("more.txt", "=Tell me about tides.\r\n\r\n".encode("utf-8-sig"))
    page = tried_at_once(admin_client, f"{CODE}\n\n  What is a fjord?", file=file)

    assert "3 prompts: draft and live decide 1 of them differently" in page
    assert page.count('<span class="assistant-quiet">rule ') == 6
    table = unquote(page.partition("charset=utf-8,")[2].partition('"')[0]).splitlines()
    assert table[0] == "prompt,draft action,draft rule,draft model,live action,live rule,live model,alike,guard"  # fmt: skip
    assert table[1].startswith(f"{CODE},answer,")
    assert table[1].endswith(",code,gpt,no,pass")
    assert table[3].startswith("'=Tell me about tides.,answer,")
    assert ",yes," in table[3]


def test_a_draft_that_says_what_is_live_is_asked_once(
    providers: Simulator, admin_client: Client
) -> None:
    page = tried_at_once(admin_client, "What is a fjord?")
    assert "1 prompt: draft and live decide 0 of them differently" in page
    assert len(providers.requests) == 1


@pytest.mark.parametrize(
    ("prompts", "told"),
    [
        ("\n  \n", "There is no prompt"),
        ("a\n" * 51, "These are 51 prompts, of 50 at most."),
        ("fine\n\u200b", "Prompt 2: The message is empty"),
        ("x" * 200_001, "at most 200000 characters"),
    ],
)
def test_several_prompts_are_bounded(
    published: None, admin_client: Client, prompts: str, told: str
) -> None:
    page = tried_at_once(admin_client, prompts)
    assert told in page
    assert "assistant-fault" in page
    assert 'aria-label="Decisions"' not in page


def test_a_file_that_is_no_text_is_told(published: None, admin_client: Client) -> None:
    file = SimpleUploadedFile("picture.txt", b"\xff\xfe\x00")
    assert "The file is not UTF-8." in tried_at_once(admin_client, "", file=file)
