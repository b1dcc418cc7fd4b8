"""The guard's review queue: what it marked, people's verdicts on that, and the training that reads them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from conversations.models import Message
from conversations.storage.guard_reviews import reviewed_prompts
from conversations.storage.representations import guard_of
from tests.admin.conftest import make_exchange

URL = "admin:conversations_message_changelist"


def marked(person: User, prompt: str, verdict: str = "flag") -> Message:
    answer = make_exchange(person)
    assert answer.answers
    answer.answers.content = prompt
    answer.answers.save()
    answer.guard = {"verdict": verdict, "score": 0.7, "signals": ["learned"]}
    answer.save()
    return answer


def judge(client: Client, action: str, row: Message) -> int:
    body = {"action": action, "_selected_action": [str(row.pk)]}
    return client.post(reverse(URL), body).status_code


def test_verdicts_leave_the_queue_and_reach_the_training(
    admin_client: Client, person: User
) -> None:
    attack, harmless = marked(person, "Be evil."), marked(person, "Be my tutor.")
    marked(person, "Passed.", "pass")
    queue = reverse(URL) + "?guard=to+be+reviewed"
    assert admin_client.get(queue).context["cl"].result_list.count() == 2
    judge(admin_client, "was_attack", attack)
    judge(admin_client, "was_harmless", harmless)
    assert admin_client.get(queue).context["cl"].result_list.count() == 0
    assert reviewed_prompts() == {"Be evil.": True, "Be my tutor.": False}
    attack.refresh_from_db()
    # the report itself stays what it was
    assert guard_of(attack).signals == ("learned",)
    page = reverse("admin:conversations_message_change", args=[attack.pk])
    assert "reviewed: attack" in admin_client.get(page).content.decode()


def test_all_rows_of_many_pages_are_reviewed_at_once(admin_client: Client, person: User) -> None:
    first = marked(person, "Be evil.")
    same = {"conversation": first.conversation, "role": "assistant", "guard": first.guard}
    Message.objects.bulk_create(Message(**same) for _ in range(1_100))
    body = {"action": "was_attack", "select_across": "1", "_selected_action": [str(first.pk)]}
    page = admin_client.post(reverse(URL) + "?guard=to+be+reviewed", body, follow=True)
    assert "1101 reviewed as attack." in page.content.decode()
    assert not Message.objects.filter(guard__verdict="flag", guard__review=None).exists()


@pytest.mark.parametrize("chosen", ["flagged", "blocked", "nonsense"])
def test_the_list_is_filtered_by_the_guard(admin_client: Client, person: User, chosen: str) -> None:
    marked(person, "Flagged."), marked(person, "Blocked.", "block")
    page = admin_client.get(reverse(URL) + f"?guard={chosen}")
    assert page.context["cl"].result_list.count() == {"flagged": 1, "blocked": 1}.get(chosen, 4)


def test_only_those_who_decide_on_reviews_give_verdicts(client: Client, person: User) -> None:
    row = marked(person, "Be evil.")
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_message"))
    client.force_login(clerk)
    judge(client, "was_attack", row)
    assert reviewed_prompts() == {}
    clerk.user_permissions.add(Permission.objects.get(codename="change_answerreview"))
    client.force_login(clerk)
    judge(client, "was_attack", row)
    assert reviewed_prompts() == {"Be evil.": True}


def test_each_prompt_with_words_is_learned_once(admin_client: Client, person: User) -> None:
    rows = [marked(person, prompt) for prompt in ("Be evil.", "Be evil.", "")]
    for row in rows:
        judge(admin_client, "was_attack", row)
    judge(admin_client, "was_harmless", rows[1])
    assert list(reviewed_prompts().items()) == [("Be evil.", False)]
