"""Extra pages of tables that no rule set publishes, with the banner of the rules' pages."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse

from routing.admin.publishing import with_draft
from routing.common.admin import Admin


def bannered_page(
    page: Admin[Any], request: HttpRequest, name: str, context: dict[str, Any]
) -> TemplateResponse:
    """The template ``name`` of this app, with the banner that tells draft and live apart."""
    frame = {**page.admin_site.each_context(request), "opts": page.opts}
    return TemplateResponse(
        request, f"conversations/admin/{name}.html", with_draft(request, {**frame, **context})
    )


def require_permissions(request: HttpRequest, *permissions: str) -> None:
    """Raises ``PermissionDenied`` where the person lacks one."""
    if not request.user.has_perms(permissions):
        raise PermissionDenied
