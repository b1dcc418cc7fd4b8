"""Error views: RFC 9457 problems for unknown paths, refused requests and crashes.

The admin and static files keep Django's HTML pages.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views import csrf, defaults

from conversations.api.responses import problem_response
from conversations.domain.problems import problem

_PAGES = ("/admin/", "/static/")
_PROBLEMS = {
    400: ("invalid", "The request could not be understood."),
    403: ("forbidden", "This is not allowed."),
    404: ("not_found", "There is nothing here."),
    500: ("internal_error", "Something went wrong on our side."),
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler400``."""
    return _problem_response(request, 400) or defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler403``."""
    return _problem_response(request, 403) or defaults.permission_denied(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """``CSRF_FAILURE_VIEW``."""
    return _problem_response(request, 403) or csrf.csrf_failure(request, reason)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler404``."""
    return _problem_response(request, 404) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """``handler500``."""
    return _problem_response(request, 500) or defaults.server_error(request)


def _problem_response(request: HttpRequest, status: int) -> HttpResponse | None:
    if request.path.startswith(_PAGES):
        return None
    code, detail = _PROBLEMS[status]
    request_id = request.META.get("assistant.request_id", "")
    return problem_response(
        problem(status, code, detail, instance=request.path, request_id=request_id)
    )
