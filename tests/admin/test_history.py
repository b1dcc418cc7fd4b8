"""The history: shown to staff, changed by nobody, cheap to list."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from conversations.admin import MessageAdmin
from conversations.models import (
    Feedback,
    Message,
    ModelPerformance,
    PromptAttachments,
    ShadowDecision,
    first_id_at,
)
from conversations.storage.attachments import attachments_store
from tests.admin.conftest import make_exchange, make_feedback, make_picture
from tests.openai.test_tools import PIXEL

LISTS = (
    "routing_rule", "routing_llmmodel", "routing_rulesetversion", "conversations_conversation",
    "conversations_message", "conversations_feedback", "conversations_generatedimage",
    "conversations_modelperformance", "auth_user", "auth_group", "axes_accessattempt",
)  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_lists_open_for_staff_only(admin_client: Client, client: Client, name: str) -> None:
    url = reverse(f"admin:{name}_changelist")
    assert admin_client.get(url).status_code == 200
    assert client.get(url).status_code == 302


def test_tokens_and_keys_have_no_pages(admin_client: Client) -> None:
    for path in ("token_blacklist/outstandingtoken", "conversations/idempotencykey"):
        assert admin_client.get(f"/admin/{path}/").status_code == 404


def test_the_first_page_shows_only_what_its_reader_may_see(
    admin_client: Client, client: Client
) -> None:
    assert "Nothing is published yet" in admin_client.get("/admin/").content.decode()
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    page = client.get("/admin/")
    assert page.status_code == 200
    assert "published" not in page.content.decode()


def test_the_history_cannot_be_changed(admin_client: Client, person: User) -> None:
    given = make_feedback(person)
    picture = make_picture(person, b"-")
    for row in (given, given.message, given.message.conversation, picture):
        name = f"admin:conversations_{row._meta.model_name}"
        change, delete = (reverse(f"{name}_{what}", args=[row.pk]) for what in ("change", "delete"))
        assert admin_client.get(change).status_code == 200
        assert admin_client.post(change, {"content": "forged"}).status_code == 403
        assert admin_client.post(delete, {"post": "yes"}).status_code == 403
        assert admin_client.get(reverse(f"{name}_add")).status_code == 403


def test_an_answers_page_tells_how_it_came_about(admin_client: Client, person: User) -> None:
    answer = make_feedback(person, comment="Not <i>so</i>").message
    page = admin_client.get(reverse("admin:conversations_message_change", args=[answer.pk]))
    text = page.content.decode()
    for part in ("complex-reasoning", "provider_timeout", "20000 ms", "flag", "override"):
        assert part in text
    assert "no_provider_available" in text
    assert "Not &lt;i&gt;so&lt;/i&gt;" in text
    assert "<b>that</b>" not in text


def test_a_conversations_page_shows_its_thread(admin_client: Client, person: User) -> None:
    answer = make_exchange(person, "Because <script>x</script>.")
    thread = answer.conversation
    page = admin_client.get(reverse("admin:conversations_conversation_change", args=[thread.pk]))
    text = page.content.decode()
    assert "Because &lt;script&gt;x&lt;/script&gt;." in text
    assert text.index("Why is &lt;b&gt;that&lt;/b&gt; so?") < text.index("Because &lt;script")


def test_no_link_leads_to_a_page_that_refuses_its_reader(client: Client, person: User) -> None:
    answer = make_exchange(person)
    Feedback.objects.create(message=answer, user=person, verdict="bad")
    pages = {
        "conversation": reverse(
            "admin:conversations_conversation_change", args=[answer.conversation_id]
        ),
        "message": reverse("admin:conversations_message_change", args=[answer.pk]),
    }
    reader = User.objects.create_user("reader", is_staff=True)
    client.force_login(reader)
    links: dict[str, set[int]] = {}
    tables: dict[str, set[str]] = {}
    for name, page in pages.items():
        reader.user_permissions.set(Permission.objects.filter(codename=f"view_{name}"))
        shown = client.get(page).content.decode()
        targets = set(re.findall(r'href="(/admin/conversations/[^"?]+/change/)', shown))
        links[name] = {client.get(target).status_code for target in targets}
        reader.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        tables[name] = set(re.findall(r"/(\w+)/[^/]+/change/", client.get(page).content.decode()))  # fmt: skip

    assert links["conversation"] | links["message"] <= {200}
    assert "message" in tables["conversation"]
    assert {"conversation", "feedback"} <= tables["message"]


def test_messages_are_found_by_id_words_user_and_facts(admin_client: Client, person: User) -> None:
    sought = make_exchange(person, "A rare aardvark.", model="gpt", cache_outcome="exact")
    make_exchange(User.objects.create_user("other"))
    # The models to choose from are those that were counted at work.
    ModelPerformance.objects.create(day=date(2026, 1, 1), model="gpt")

    def found(**query: str) -> set[object]:
        page = admin_client.get(reverse("admin:conversations_message_changelist"), query)
        return {row.pk for row in page.context["cl"].result_list}

    pair = {sought.pk, sought.answers_id}
    assert found(q=str(sought.pk)) == {sought.pk}
    assert found(q=str(sought.conversation_id)) == pair
    assert found(q="aardvark") == {sought.pk}
    assert found(q="demo") == pair
    assert found(cache_outcome="exact") == found(model="gpt") == {sought.pk}
    assert found(action="answer", source="classifier") == set(
        Message.objects.filter(role="assistant").values_list("pk", flat=True)
    )


@pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime")  # unfold's filter
def test_words_and_rare_facts_are_looked_for_in_the_latest_or_the_chosen_period(
    admin_client: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MessageAdmin, "search_limit", 2)
    march = datetime(2026, 3, 1, 12, tzinfo=UTC)
    facts = {"id": first_id_at(march), "cache_outcome": "exact"}
    old = make_exchange(person, "A rare aardvark.", **facts)
    Message.objects.filter(pk=old.pk).update(created_at=march)
    make_exchange(person, "Another one.")

    def found(**query: str) -> set[object]:
        page = admin_client.get(reverse("admin:conversations_message_changelist"), query)
        return {row.pk for row in page.context["cl"].result_list}

    assert found(q="aardvark") == found(cache_outcome="exact") == set()
    assert found(q=str(old.pk)) == {old.pk}
    assert len(found()) == 4
    for sought in ({"q": "aardvark"}, {"cache_outcome": "exact"}):
        assert found(**sought, created_at_from="2026-02-01", created_at_to="2026-04-01") == {old.pk}
    assert found(q="aardvark", created_at_to="2026-02-31") == set()


def test_long_lists_cost_as_much_as_short_ones(
    admin_client: Client, person: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(12):
        make_feedback(person)
    for name in ("conversation", "message", "feedback"):
        # Four of them note the look in the audit log.
        with django_assert_max_num_queries(13):
            admin_client.get(reverse(f"admin:conversations_{name}_changelist"))


def test_a_picture_opens_for_staff_who_may_see_it(
    admin_client: Client, client: Client, person: User
) -> None:
    row = make_picture(person, b"\x89PNG bytes")
    url = reverse("admin:conversations_picture", args=[row.pk])
    shown = admin_client.get(url)
    assert (shown.content, shown["Content-Type"]) == (b"\x89PNG bytes", "image/png")
    assert "no-store" in shown["Cache-Control"]

    clerk = User.objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    assert client.get(url).status_code == 404
    clerk.user_permissions.add(Permission.objects.get(codename="view_generatedimage"))
    assert client.get(url).status_code == 200


def test_attached_pictures_are_shown_with_their_prompt(
    admin_client: Client, client: Client, person: User
) -> None:
    prompt = make_exchange(person).answers
    assert prompt
    parts = [{"type": "image_url", "image_url": {"url": PIXEL}} for _ in range(2)]
    attachments_store(message=prompt.pk, parts=parts)
    kept = PromptAttachments.objects.get()
    kept.pictures[1] = None
    kept.save()
    url = reverse("admin:conversations_attachment", args=[prompt.pk, 0])
    page = admin_client.get(reverse("admin:conversations_message_change", args=[prompt.pk]))
    thread = reverse("admin:conversations_conversation_change", args=[prompt.conversation_id])

    assert f'src="{url}" alt="Attached picture 1" width="1"' in page.content.decode()
    assert "Attached picture 2: not kept here." in page.content.decode()
    assert admin_client.get(thread).content.decode().count(url) == 1
    shown = admin_client.get(url)
    assert shown.content == b64decode(PIXEL.partition(",")[2])
    assert shown["Content-Type"] == "image/png"
    assert admin_client.get(url.replace("/0/", "/1/")).status_code == 404
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.get(url).status_code == 404


def test_the_list_tells_why_an_answer_failed(admin_client: Client, person: User) -> None:
    make_exchange(person, "", status="failed", problem={"detail": "The key was refused."})
    page = admin_client.get(reverse("admin:conversations_message_changelist"))
    assert "The key was refused." in page.content.decode()


def test_a_day_and_a_time_are_read_in_one_way(admin_client: Client, person: User) -> None:
    answer = make_exchange(person)
    page = admin_client.get(reverse("admin:conversations_message_changelist"))
    assert f"{answer.created_at.day} {answer.created_at:%b %Y, %H:%M}" in page.content.decode()


def test_the_cost_of_a_decision_in_shadow_is_dollars(admin_client: Client, person: User) -> None:
    ShadowDecision.objects.create(
        message=make_exchange(person),
        ruleset=2,
        agrees=True,
        action="answer",
        source="classifier",
        cost_usd=Decimal("0.002699"),
    )
    page = admin_client.get(reverse("admin:conversations_shadowdecision_changelist"))
    assert "$0.0027" in page.content.decode()
    assert "0.00269900" not in page.content.decode()
