"""Menu: the pages that try the rules, of the history, of its statistics, and of API keys."""

from __future__ import annotations

from routing.common.admin import menu_item, menu_page

MENU = {
    "Routing": [
        menu_item("Try a prompt", "experiment", "routing_try", "routing.view_rule"),
        menu_page("Replays", "replay", "conversations", "replayrun"),
        menu_page("Decided in shadow", "visibility", "conversations", "shadowdecision"),
    ],
    "Conversations": [
        menu_page("Conversations", "forum", "conversations", "conversation"),
        menu_page("Messages", "chat", "conversations", "message"),
        menu_page("Feedback", "thumbs_up_down", "conversations", "feedback"),
        menu_page("Review desk", "rule", "conversations", "answerreview"),
        menu_page("Pictures", "image", "conversations", "generatedimage"),
    ],
    "Performance": [
        menu_page("Models at work", "monitoring", "conversations", "modelperformance"),
        menu_page("Answers used again", "recycling", "conversations", "reuse"),
        menu_page("Numbers set aside", "error", "conversations", "uncounted"),
    ],
    "People": [menu_page("API keys", "key", "conversations", "apikey")],
}
