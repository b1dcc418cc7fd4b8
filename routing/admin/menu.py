"""Menu: the pages of rules, models and versions."""

from __future__ import annotations

from routing.common.admin import menu_page

MENU = {
    "Routing": [
        menu_page(
            "routing",
            "rule",
            "alt_route",
            docs="rules.md",
            empty="A rule says in plain words which prompts fit it, and which model answers them, or "
            "why they are refused. Press “Add rule”, or import a YAML file.",
        ),
        menu_page(
            "routing",
            "llmmodel",
            "memory",
            docs="admin.md#models",
            empty="A model is a name that rules use for one model of a provider. Press “Add model”, and "
            "enter its name as LiteLLM spells it.",
        ),
        menu_page(
            "routing",
            "routingsettings",
            "tune",
            docs="admin.md#routing-settings",
            empty="The routing settings name the classifiers, and say when answers are used again.",
        ),
        menu_page(
            "routing",
            "rulesetversion",
            "history",
            docs="rules.md#see-what-changed-and-go-back",
            empty="A version is the rules, models and settings as they were published at one time. "
            "Change a rule and press “Save and publish”: that makes the first one.",
        ),
        menu_page(
            "routing",
            "goldencase",
            "verified",
            docs="rules.md#golden-cases",
            empty="A golden case is a prompt with the decision that it must get. Publishing runs every "
            "case first, and is refused where one fails. Press “Add golden case”, or open a message and "
            "press “Keep as a golden case”.",
        ),
    ]
}
