"""Menu: the pages that try the rules, of the history, of its statistics, and of API keys."""

from __future__ import annotations

from routing.common.admin import menu_item, menu_page

MENU = {
    "Routing": [
        menu_item(
            "Try a prompt",
            "experiment",
            "routing_try",
            "routing.view_rule",
            docs="rules.md#try-a-prompt",
        ),
        menu_page(
            "conversations",
            "replayrun",
            "replay",
            docs="rules.md#replay",
            empty="A replay has the draft decide prompts that people really asked, and shows what would "
            "change and what it would cost. Press “Add replay”: it tells its price before it starts.",
        ),
        menu_page(
            "conversations",
            "shadowdecision",
            "visibility",
            docs="rules.md#try-a-version-before-it-is-for-all",
            empty="A version in shadow decides each prompt beside the live version, without effect. Its "
            "decisions are listed here. Change a rule, press “Save draft”, then “Publish…”, and choose "
            "“In shadow”.",
        ),
    ],
    "History": [
        menu_page(
            "conversations",
            "conversation",
            "forum",
            docs="admin.md#history",
            empty="The conversations of all people. Ask something in the playground to begin one.",
        ),
        menu_page(
            "conversations",
            "message",
            "chat",
            docs="admin.md#history",
            empty="Every prompt and answer, with the decision, the calls to models and their cost. Ask "
            "something in the playground to have the first two.",
        ),
        menu_page(
            "conversations",
            "feedback",
            "thumbs_up_down",
            docs="admin.md#history",
            empty="How people rated answers, with reasons and corrections. Rate an answer in the "
            "playground to have the first one.",
        ),
        menu_page(
            "conversations",
            "answerreview",
            "rule",
            docs="admin.md#answer-reviews",
            empty="Stored answers that people rated bad or corrected wait here for a decision, the most "
            "harmful first. An answer comes here with its first rating.",
        ),
        menu_page(
            "conversations",
            "generatedimage",
            "image",
            docs="admin.md#history",
            empty="Images that models drew. Ask for one in the playground: “Draw a lighthouse.”",
        ),
    ],
    "Performance": [
        menu_item(
            "Charts",
            "bar_chart",
            "conversations_charts",
            "conversations.view_modelperformance",
            docs="admin.md#charts",
        ),
        menu_item(
            "Usage",
            "payments",
            "conversations_usage",
            "conversations.view_ledgerentry",
            docs="limits.md#reports",
        ),
        menu_page(
            "conversations",
            "modelperformance",
            "monitoring",
            docs="admin.md#model-performance",
            empty="Answers, errors, times, tokens and cost per day, model and rule. The first answer "
            "makes the first row.",
        ),
        menu_page(
            "conversations",
            "reuse",
            "recycling",
            docs="answer-cache.md",
            empty="Each time that a stored answer was considered for a similar question: whether it was "
            "served, and how sure the verifier was. Ask the same thing in two ways to have the first one.",
        ),
        menu_page(
            "conversations",
            "vectoraudit",
            "conversion_path",
            docs="rules.md#known-kinds-of-question",
            empty="Decisions that earlier verdicts of the classifier made or would have made, beside what it "
            "says itself. Ask many questions of one kind to have the first one.",
        ),
        menu_page(
            "conversations",
            "ledgerentry",
            "receipt_long",
            docs="limits.md#the-ledger",
            empty="Every call to a model, as it was booked when its run ended: who asked, what it was for, "
            "its tokens and its cost. Ask something in the playground to have the first rows.",
        ),
        menu_page(
            "conversations",
            "uncounted",
            "error",
            docs="admin.md#model-performance",
            empty="Answers whose numbers could not be added to the statistics. None: there is nothing to "
            "do here.",
        ),
    ],
    "People": [
        menu_page(
            "conversations",
            "limit",
            "speed",
            docs="limits.md#limits",
            empty="A limit says how many requests, tokens or US dollars a person, a group, an API key, an end "
            "user or all together may spend. Press “Add limit”: it holds within a second.",
        ),
        menu_page(
            "conversations",
            "auditentry",
            "policy",
            docs="admin.md#audit-log",
            empty="Who changed rules, keys, limits and rights, who signed in, and who looked at whose "
            "conversations. The next change makes the first entry.",
        ),
        menu_page(
            "conversations",
            "limitwarning",
            "notifications",
            docs="limits.md#warnings",
            empty="A limit that is spent to 80 or 100 % is noted here, once in its window. None: there is "
            "nothing to do here.",
        ),
        menu_page(
            "conversations",
            "apikey",
            "key",
            docs="api.md#api-keys",
            empty="A program signs in with an API key in place of a password. Press “Add API key”, choose "
            "whose it is, and copy the key: it is shown once.",
        ),
    ],
}
