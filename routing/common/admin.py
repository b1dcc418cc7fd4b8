"""Admin bases: typed classes over django-unfold's, and columns and links for the pages of all apps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse, reverse_lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from routing.common.validators import text_validators

M = TypeVar("M", bound=Model)
F = TypeVar("F", bound=Callable[..., Any])

MOST_DIGITS = 18
"""Of a number in an address: SQLite takes none of more than 64 bits."""
NOTHING = "-"
"""The text for no value, as in django-unfold."""

if TYPE_CHECKING:
    # django-unfold has no types; its classes extend these.
    class Admin(admin.ModelAdmin[M]):
        list_filter_submit: bool
        list_fullwidth: bool
        list_before_template: str
        list_after_template: str
        change_form_before_template: str
        change_form_outer_before_template: str
        actions_submit_line: tuple[str, ...]

        def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> list[Any]: ...

        change_form_outer_after_template: str
        warn_unsaved_form: bool
        goes_along: tuple[type[Model], ...]

    class DropdownFilter(admin.SimpleListFilter): ...

    class RangeDateFilter(admin.FieldListFilter): ...

    class ChoicesDropdownFilter(admin.ChoicesFieldListFilter): ...

else:
    from unfold.admin import ModelAdmin
    from unfold.contrib.filters.admin import (  # noqa: F401 - the names above
        ChoicesDropdownFilter,
        DropdownFilter,
        RangeDateFilter,
    )

    class Admin(ModelAdmin):
        """The base of every page; ``Admin[Row]`` names its rows for the type checker."""

        goes_along = ()
        """Tables whose rows are deleted with a row of this page, and never by themselves."""

        def __class_getitem__(cls, _: Any) -> type:
            return cls

        def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
            names, counted, lacking, protected = super().get_deleted_objects(objs, request)
            along = {table._meta.verbose_name for table in self.goes_along}  # noqa: SLF001 - documented
            return names, counted, lacking - along, protected

        def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
            _reader.set(request.user)
            filters = (text for name, text in request.GET.items() if name != SEARCH_VAR)
            if any(text.isdecimal() and len(text) > MOST_DIGITS for text in filters):
                raise BadRequest("A number in the address is too long.")
            response = super().changelist_view(request, extra_context)
            context: dict[str, Any] = getattr(response, "context_data", None) or {}
            if "cl" in context:
                # The table of rows is a tag with a context of its own, which has the list alone.
                context["cl"].page = context.get("page")
            return response

        def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            _reader.set(request.user)
            return super().changeform_view(request, *args, **kwargs)

        def change_view(
            self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
        ) -> Any:
            if not self._may_be_key(unquote(object_id)):
                return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return super().change_view(request, object_id, *args, **kwargs)

        def response_action(self, request: HttpRequest, queryset: Any) -> Any:
            if not all(map(self._may_be_key, request.POST.getlist(ACTION_CHECKBOX_NAME))):
                raise BadRequest("A chosen row has no key of this table.")
            return super().response_action(request, queryset)

        def _may_be_key(self, text: str) -> bool:
            # Asked first: a database may not even look for what is no key.
            try:
                self.opts.pk.clean(text, None)
            except ValidationError:
                return False
            return True

        def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
            field = super().formfield_for_dbfield(db_field, request, **kwargs)
            if field:
                field.validators += text_validators(db_field)
            return field


class ReadOnlyAdmin(Admin[M]):
    """A page that shows and never changes."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


def column(
    description: str, *, ordering: str | None = None, labels: Mapping[Any, str] | None = None
) -> Callable[[F], F]:
    """Name a computed column; ``labels`` maps its values to django-unfold's coloured labels."""

    def named(function: F) -> F:
        function = admin.display(description=description, ordering=ordering)(function)
        if labels is not None:
            function.label = dict(labels)  # type: ignore[attr-defined]
        return function

    return named


def menu_item(
    title: str, icon: str, name: str, permission: str, *, docs: str, empty: str = ""
) -> dict[str, Any]:
    """A row of the sidebar: the page ``admin:<name>``, shown to people with the permission.

    ``title`` is the page's one name, also as heading and in its breadcrumbs. ``docs`` is its part of the
    documentation, a file of ``docs/`` and a heading (``rules.md#models``). ``empty`` is what the page
    says while its table has no rows: its purpose, and what to do to get some.
    """
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{name}"),
        "permission": lambda request: request.user.has_perm(permission),
        "docs": docs,
        "empty": empty,
    }


def menu_page(
    app: str, model: str, icon: str, *, docs: str, empty: str, title: str = ""
) -> dict[str, Any]:
    """A row of the sidebar: a table's list, shown to people who may view the table. It is named by the
    table's plural; ``title`` is for tables of other packages."""
    plural = str(apps.get_model(app, model)._meta.verbose_name_plural)  # noqa: SLF001 - documented
    name, permission = f"{app}_{model}_changelist", f"{app}.view_{model}"
    return menu_item(title or capfirst(plural), icon, name, permission, docs=docs, empty=empty)


_reader: ContextVar[Any] = ContextVar("reader", default=None)
"""The person whose page is made: columns and templates of fields get no request."""


def may_open(table: type[Model]) -> bool:
    """Whether the reader of the page may open the rows of a table: no link leads to a refusal."""
    meta, reader = table._meta, _reader.get()  # noqa: SLF001 - Django's documented name
    names = (f"{meta.app_label}.{act}_{meta.model_name}" for act in ("view", "change"))
    return reader is None or any(map(reader.has_perm, names))


def admin_link(row: Model | None, text: str = "") -> SafeString | str:
    """A link to a row's page, its text alone for those who may not open that; a dash for none."""
    if row is None:
        return NOTHING
    if not may_open(type(row)):
        return text or str(row)
    meta = row._meta  # noqa: SLF001 - Django's documented name
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return format_html('<a class="assistant-link" href="{}">{}</a>', url, text or str(row))


def rendered(template: str, **context: Any) -> SafeString:
    """A template as the content of a read-only field."""
    return SafeString(render_to_string(template, context))
