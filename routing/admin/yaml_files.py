"""The draft, and every version, as a YAML file to take away and to bring back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from routing.admin.publishing import BanneredAdmin
from routing.admin.publishing_forms import ImportForm
from routing.domain.errors import RuleSetInvalid
from routing.models import LLMModel, RuleSetVersion
from routing.publishing.draft import draft_now
from routing.publishing.selectors import ruleset_of
from routing.publishing.yaml_files import (
    Document,
    document_of,
    document_of_tables,
    read_document,
    write_tables,
)

CHANGES = ("routing.add_rule", "routing.change_rule", "routing.delete_rule",
           "routing.add_llmmodel", "routing.change_llmmodel", "routing.delete_llmmodel",
           "routing.change_routingsettings")  # fmt: skip


def export_view(
    _: BanneredAdmin[Any], request: HttpRequest, number: int | None = None
) -> HttpResponse:
    """``GET``: the draft, or a version, as a file."""
    if not request.user.has_perm("routing.view_rule"):
        raise PermissionDenied
    name = f"rules-{number}.yaml" if number else "rules.yaml"
    try:
        text = _document(number).yaml()
    except RuleSetInvalid as exc:
        messages.error(request, f"Not exported: {exc}")
        return HttpResponseRedirect(reverse("admin:routing_rule_changelist"))
    return HttpResponse(
        text.encode(),
        content_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _document(number: int | None) -> Document:
    if number is None:
        return document_of_tables()
    version = RuleSetVersion.objects.filter(pk=number).first()
    if version is None:
        raise Http404
    return document_of(ruleset_of(version))


def import_view(page: BanneredAdmin[Any], request: HttpRequest) -> HttpResponse:
    """Show the changes of a file against the draft; ``_take`` writes them into it."""
    if not request.user.has_perms(CHANGES):
        raise PermissionDenied
    posted = request.method == "POST"
    form = ImportForm(request.POST if posted else None, request.FILES if posted else None)
    shown: dict[str, Any] = {"title": "Import rules", "form": form}
    if form.is_valid():
        take = "_take" in request.POST
        try:
            document = read_document(form.cleaned_data["text"])
            _check_addresses(request, document)
            shown["imported"] = _imported(document, take=take)
        except RuleSetInvalid as exc:
            shown["faults"] = exc.faults
        else:
            if take:
                messages.success(request, "Imported into the draft: nothing live has changed.")
                return HttpResponseRedirect(reverse("admin:routing_rule_changelist"))
            shown["text"] = form.cleaned_data["text"]
    return page.framed(request, "routing/admin/import.html", shown)


def _check_addresses(request: HttpRequest, document: Document) -> None:
    """Raise ``RuleSetInvalid`` where a person without the right to it would change an address or a key."""
    if request.user.has_perm("routing.address_llmmodel"):
        return
    rows = LLMModel.objects.values_list("name", "base_url", "key_variable")
    known = {name: (url, variable) for name, url, variable in rows}
    if faults := [
        f"Only administrators may change the address or the key of “{entry.name}”."
        for entry in document.models
        if known.get(entry.name, ("", "")) != (entry.base_url, entry.key_variable)
    ]:
        raise RuleSetInvalid(faults)


def _imported(document: Document, *, take: bool) -> Any:
    """The draft as it would be, and is, where it is taken over. Raises ``RuleSetInvalid``."""
    with transaction.atomic():
        write_tables(document)
        draft = draft_now()
        if not take:
            transaction.set_rollback(True)
    return draft
