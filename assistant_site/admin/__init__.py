"""Admin of accounts: users, groups and failed sign-ins. Tokens stay out of sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axes import admin as _axes  # noqa: F401 - registers, before we take it back
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from rest_framework_simplejwt.token_blacklist import admin as _tokens  # noqa: F401 - the same
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from routing.common.admin import Admin
from routing.common.bulk_delete import delete_selected

if TYPE_CHECKING:
    UserBase = DjangoUserAdmin[User]
else:
    UserBase = DjangoUserAdmin

# For every list of the site, those of other packages included.
admin.site.add_action(delete_selected, "delete_selected")

# A list of people's refresh tokens is a list of ways to sign in as them.
admin.site.unregister([User, Group, BlacklistedToken, OutstandingToken])
for model in (AccessAttempt, AccessLog, AccessFailureLog):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(User)
class UserAdmin(UserBase, Admin[User]):
    """Accounts of people and programs."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, Admin[Group]):
    """Permissions given to several people at once."""


@admin.register(AccessAttempt)
class AccessAttemptAdmin(Admin[AccessAttempt]):
    """Failed sign-ins. Deleting a row lets that person try again at once."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time",)
    # The other columns repeat what was typed into the sign-in form.
    fields = ("username", "ip_address", "user_agent", "failures_since_start", "attempt_time")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AccessAttempt | None = None) -> bool:
        return False
