"""Paths of OpenAI's API, under ``/v1/``: each with and without a last slash, never by a redirect."""

from __future__ import annotations

from django.urls import re_path

from conversations.api.openai import chat, embeddings, images, models, responses
from conversations.api.openai.errors import error_response, problem_response
from conversations.api.responses import MethodView, View, dispatch


def by_method(**views: View) -> MethodView:
    """One path, several methods; errors have OpenAI's shape."""
    return dispatch(views, error_response, problem_response)


RESPONSE = "(?P<response>[^/]{1,200})"

# Any other path is answered by the site's handler of 404, in the same shape.
urlpatterns = [
    re_path(r"^models/?$", by_method(GET=models.list_models)),
    re_path(r"^models/(?P<model>.{1,200}?)/?$", by_method(GET=models.read_model)),
    re_path(r"^chat/completions/?$", by_method(POST=chat.complete)),
    re_path(r"^images/generations/?$", by_method(POST=images.generate)),
    re_path(r"^embeddings/?$", by_method(POST=embeddings.embed)),
    re_path(r"^responses/?$", by_method(POST=responses.create)),
    re_path(rf"^responses/{RESPONSE}/?$", by_method(GET=responses.read, DELETE=responses.delete)),
    re_path(rf"^responses/{RESPONSE}/cancel/?$", by_method(POST=responses.cancel)),
    re_path(rf"^responses/{RESPONSE}/input_items/?$", by_method(GET=responses.list_input_items)),
]
