"""Languages of the pages: the context of their templates, and the catalog of messages of their scripts."""

from __future__ import annotations

import hashlib
from functools import cache

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.views.i18n import JavaScriptCatalog

FOREVER = "public, max-age=31536000, immutable"


def page_language(_: HttpRequest) -> dict[str, object]:
    """The language of a page, the others to choose from, and the address of its catalog."""
    language = translation.get_language() or settings.LANGUAGE_CODE
    address = reverse("catalog", args=[language, catalog_version(language)])
    return {"page_language": language, "languages": settings.LANGUAGES, "catalog": address}


def catalog(_: HttpRequest, language: str, version: str) -> HttpResponse:
    """The messages of the scripts in one language, as a script. An address tells the version, so that browsers
    keep it; that of another version, from a page of another release, is answered and not kept."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    kept = version == catalog_version(language)
    headers = {"Cache-Control": FOREVER if kept else "no-cache"}
    return HttpResponse(_script(language), content_type="text/javascript", headers=headers)


@cache
def catalog_version(language: str) -> str:
    """The digest of a catalog."""
    return hashlib.sha256(_script(language)).hexdigest()[:12]


@cache
def _script(language: str) -> bytes:
    with translation.override(language):
        return JavaScriptCatalog(packages=["assistant_site"]).get(HttpRequest()).content
