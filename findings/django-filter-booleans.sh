#!/usr/bin/env bash
# A filter by a boolean that django-filter cannot read returns all rows, and the form is valid.
#
# A tool of an assistant, or a client, asks for `?is_public=yes`. Guessed before: an error, as for a number that is
# none, or the public rows. Seen: every row, the private ones too, with a valid form, for yes, no, on and t, and for
# `1`, `0` and `TRUE` in a plain FilterSet; in the one for the REST framework those three are read, and `yes` is not.
# `2` is true and `3` is false in the plain one, the values of its list. A field of the REST framework itself reads
# all four words.
#
# Seen with django-filter 26.2, Django 5.2.19, djangorestframework 3.18.3, Python 3.11. Installs them into a temporary
# folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet django-filter==26.2 django==5.2.19 djangorestframework==3.18.3
"$folder/venv/bin/python" - <<'PY'
import sys

import django
from django.conf import settings

MEMORY = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
settings.configure(DATABASES=MEMORY, INSTALLED_APPS=["django_filters", "rest_framework"])
django.setup()

import django_filters
import django_filters.rest_framework
import rest_framework.serializers
from django.db import connection, models


class Page(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=9)
    size = models.IntegerField()
    is_public = models.BooleanField()

    class Meta:
        app_label = "pages"


with connection.schema_editor() as editor:
    editor.create_model(Page)
for name, is_public in (("guide", True), ("salaries", False)):
    Page.objects.create(name=name, size=1, is_public=is_public)

META = type("Meta", (), {"model": Page, "fields": ["is_public", "size"]})
PLAIN = type("Plain", (django_filters.FilterSet,), {"Meta": META})
REST = type("Rest", (django_filters.rest_framework.FilterSet,), {"Meta": META})


def found(filters, **query):
    filtered = filters(query, queryset=Page.objects.order_by("id"))
    return [page.name for page in filtered.qs] if filtered.is_valid() else "an error"


def read_by_serializer(value):
    return rest_framework.serializers.BooleanField().run_validation(value)


ALL, PUBLIC, PRIVATE = ["guide", "salaries"], ["guide"], ["salaries"]
expected = {
    "true": (PUBLIC, PUBLIC), "TRUE": (ALL, PUBLIC), "1": (ALL, PUBLIC), "0": (ALL, PRIVATE), "2": (PUBLIC, ALL),
    "3": (PRIVATE, ALL), "yes": (ALL, ALL), "no": (ALL, ALL), "on": (ALL, ALL), "t": (ALL, ALL),
}
seen = {value: (found(PLAIN, is_public=value), found(REST, is_public=value)) for value in expected}
for value, (plain, rest) in seen.items():
    print(f"is_public={value}: FilterSet {plain}, that for the REST framework {rest}")
size = found(PLAIN, size="yes")
print(f"size=yes: {size}")
serializer = [read_by_serializer(value) for value in ("yes", "no", "on", "t")]
print(f"yes, no, on and t by a field of the REST framework: {serializer}")
same = seen == expected and size == "an error" and serializer == [True, False, True, True]
sys.exit(0 if same else f"changed: expected {expected}, an error and [True, False, True, True]")
PY
