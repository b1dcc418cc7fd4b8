"""Admin site behind the second factor: no page of it is there for a session that has not shown one."""

from __future__ import annotations

from base64 import b32encode
from typing import Any
from urllib.parse import quote

import segno
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite

from assistant_site.two_factor import devices
from assistant_site.views.sign_in import to_a_page

MAX_CODE = 32
WRONG = "This code is not right. Each one works once, and for half a minute."


class TwoFactorAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # has no types
    """django-unfold's site. ``has_permission``, which Django asks for every page, wants the second factor too."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the session may see pages of the admin."""
        return self.is_staff(request) and devices.is_passed(request)

    def is_staff(self, request: HttpRequest) -> bool:
        """The same without the second factor."""
        return bool(super().has_permission(request))

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The form; for a session that lacks the second factor alone, the way there."""
        if request.method == "GET" and self.is_staff(request) and not devices.is_passed(request):
            page = quote(request.GET.get(REDIRECT_FIELD_NAME, ""))
            return redirect(f"{reverse('admin:two_factor')}?{REDIRECT_FIELD_NAME}={page}")
        response: HttpResponse = super().login(request, extra_context)
        return response

    def extra_urls(self) -> list[URLPattern]:
        """The pages beside Django's."""
        page = never_cache(to_a_page(self.two_factor))
        return [path("two-factor/", page, name="two_factor")]

    def two_factor(self, request: HttpRequest) -> HttpResponse:
        """Asks for a code, sets an authenticator up, or tells of it: the part that the session lacks."""
        if not (self.is_staff(request) and devices.is_asked(request)):
            return redirect("admin:login")
        if request.method != "POST":
            return self._page(request)
        code = request.POST.get("code", "")[:MAX_CODE].replace(" ", "").replace("-", "").lower()
        if seconds := devices.locked_seconds(devices.verifier(_user(request), code)):
            wait = f"Too many wrong codes. Try again in {seconds} s."
            return self._page(request, error=wait, status=429)
        known = devices.device_of(request.user)
        if not devices.verify(request, _user(request), code):
            return self._page(request, error=WRONG, status=400)
        return self._passed(request, new=known is None)

    def _passed(self, request: HttpRequest, *, new: bool) -> HttpResponse:
        action = request.POST.get("action")
        if action == "remove":
            devices.reset(_user(request))
            return redirect("admin:two_factor")
        if new or action == "codes":
            return self._page(request, codes=devices.new_codes(_user(request)))
        return redirect(_next(request))

    def _page(self, request: HttpRequest, *, status: int = 200, **told: Any) -> HttpResponse:
        device, recovery = devices.device_of(request.user), devices.recovery_of(_user(request))
        context = {
            **self.each_context(request),
            "title": "Two-factor authentication",
            "device": device,
            "verified": device and devices.is_verified(request, device),
            "codes_left": recovery.token_set.count() if recovery else 0,
            "next": _next(request),
            "docs_url": f"{reverse('documentation', args=['security.md'])}#two-factor-authentication",
            **({} if device else _enrolment(request)),
            **told,
        }
        return render(request, "admin/two_factor.html", context, status=status)


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """Links of the account's menu. django-unfold leaves its own one out where there are others."""
    if not request.user.is_authenticated:  # the page of the sign-in
        return []
    password = [("Password change", "admin:password_change")] * request.user.has_usable_password()
    second = [("Two-factor authentication", "admin:two_factor")] * devices.is_asked(request)
    return [{"title": title, "link": reverse(name)} for title, name in (*password, *second)]


def _enrolment(request: HttpRequest) -> dict[str, str]:
    device = devices.begun(_user(request))
    code = segno.make(device.config_url, micro=False)
    key = b32encode(device.bin_key).decode()
    groups = " ".join(key[start : start + 4] for start in range(0, len(key), 4))
    return {"qr": code.svg_data_uri(scale=5, border=4, light="white"), "key": groups}


def _next(request: HttpRequest) -> str:
    page = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    local = url_has_allowed_host_and_scheme(page, {request.get_host()}, request.is_secure())
    return page if local else reverse("admin:index")


def _user(request: HttpRequest) -> Any:
    return request.user
