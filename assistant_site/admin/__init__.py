"""Admin of accounts: users, groups and failed sign-ins. Tokens stay out of sight."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from axes import admin as _axes  # noqa: F401 - registers, before we take it back
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django_otp.plugins.otp_static.admin import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDevice
from rest_framework_simplejwt.token_blacklist import admin as _tokens  # noqa: F401 - the same
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from conversations.adapters.background.erasure import AT_ONCE_SECONDS, counts, erase
from conversations.admin.groups import GroupPolicyInline
from conversations.models import LimitWarning
from conversations.storage.erasure import erasure_begin, last_administrators
from routing.common.admin import Admin
from routing.common.bulk_delete import delete_selected

if TYPE_CHECKING:
    UserBase = DjangoUserAdmin[User]
else:
    UserBase = DjangoUserAdmin

# For every list of the site, those of other packages included.
admin.site.add_action(delete_selected, "delete_selected")

# Lists of people's refresh tokens and of the keys of their devices are lists of ways to sign in as them.
admin.site.unregister([User, Group, BlacklistedToken, OutstandingToken, StaticDevice, TOTPDevice])
for model in (AccessAttempt, AccessLog, AccessFailureLog):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


ERASED = "an erased account"
RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class UserAdmin(UserBase, Admin[User]):
    """Accounts of people and programs. Deleting one erases the person, in the background where that
    takes longer than a request may."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        return (*super().get_readonly_fields(request, obj), *_rights(request, RIGHTS))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_change(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The accounts, and the counts of what goes along: single rows are too many to name, and to
        delete them with their person takes no permission of its own."""
        keys = [person.pk for person in objs]
        kept = [f"the last administrator: {one}" for one in last_administrators(keys)]
        kept += [f"staff: {one}" for one in objs if not _may_change(request, one)]
        return list(map(str, objs)), {"users": len(keys), **counts(keys)}, set(), kept

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[User]) -> Any:
        """Log that accounts were deleted, without their names and keys."""
        kind = ContentType.objects.get_for_model(User)
        entry = {"content_type": kind, "action_flag": DELETION, "object_repr": ERASED}
        by = int(request.user.pk or 0)
        return LogEntry.objects.bulk_create(LogEntry(user_id=by, **entry) for _ in queryset)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        self._erase(request, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._erase(request, list(queryset.values_list("pk", flat=True)))

    def _erase(self, request: HttpRequest, people: list[int]) -> None:
        # Begun for all of them first: none stays able to sign in while others are deleted.
        erasure_begin(people)
        # The page's own transaction would hold back the answers that are to end.
        transaction.on_commit(partial(_erase_soon, request, people))


def _rights(request: HttpRequest, fields: tuple[str, ...]) -> tuple[str, ...]:
    """The fields of rights that the reader may not set: whoever sets them could take all rights."""
    return () if request.user.is_superuser else fields


def _may_change(request: HttpRequest, person: User | None) -> bool:
    """Whether the reader may change this account: a new password of staff would be their rights, too."""
    own = person is not None and person.pk == request.user.pk
    return bool(request.user.is_superuser or own or person is None or not person.is_staff)


def _erase_soon(request: HttpRequest, people: list[int]) -> None:
    left, end = people, time.monotonic() + AT_ONCE_SECONDS
    while left and (seconds := end - time.monotonic()) > 0 and erase(left[0], seconds=seconds):
        left = left[1:]
    if left:
        told = f"{len(left)} deactivated: what is theirs is deleted in the background."
        messages.info(request, told)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, Admin[Group]):
    """Permissions given to several people at once, and the models and rules that they may use."""

    inlines = (GroupPolicyInline,)
    goes_along = (LimitWarning,)

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        return (*super().get_readonly_fields(request, obj), *_rights(request, ("permissions",)))


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
