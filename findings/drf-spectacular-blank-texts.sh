#!/usr/bin/env bash
# drf-spectacular describes a text that may be blank so that the blank text is refused by the document.
#
# Since 0.30 a `CharField` or `RegexField` with `allow_blank=True` and a pattern becomes
# `oneOf: [the pattern, maxLength: 0]`. `oneOf` wants exactly one of them. Where the pattern takes the empty text,
# too (`[a-z ]*`, as a person writes who allows blank ones), both are true of "", and it is invalid by the document,
# though the serializer takes it. A client that checks its requests, or a test by the document, goes wrong for
# exactly that value. With a pattern that wants a character, "" is valid; Django's slugs and addresses are such.
# A field that may be null as well has "null" in the first of the two alone.
#
# Seen with drf-spectacular 0.30.0, djangorestframework 3.18.3, Django 5.2.19. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet drf-spectacular==0.30.0 djangorestframework==3.18.3 django==5.2.19 jsonschema==4.26.0
cd "$folder"
venv/bin/python - <<'PY'
import sys

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["rest_framework", "drf_spectacular"],
    REST_FRAMEWORK={"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema", "UNAUTHENTICATED_USER": None},
    SPECTACULAR_SETTINGS={"OAS_VERSION": "3.1.0", "COMPONENT_SPLIT_REQUEST": True},
    ROOT_URLCONF=__name__,
)
django.setup()
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from rest_framework import serializers
from rest_framework.generics import CreateAPIView


class Note(serializers.Serializer):
    any_letters = serializers.RegexField(r"^[a-z ]*$", allow_blank=True)
    some_letters = serializers.RegexField(r"^[a-z ]+$", allow_blank=True)
    nullable = serializers.RegexField(r"^[a-z ]*$", allow_blank=True, allow_null=True)
    no_pattern = serializers.CharField(allow_blank=True, max_length=9)


class Notes(CreateAPIView):
    serializer_class = Note


urlpatterns = [path("notes/", Notes.as_view())]
fields = SchemaGenerator().get_schema(request=None, public=True)["components"]["schemas"]["NoteRequest"]["properties"]
seen = {}
for name, schema in fields.items():
    taken = Note(data={**dict.fromkeys(fields, "a"), name: ""}).is_valid()
    valid = Draft202012Validator(schema).is_valid("")
    seen[name] = (taken, valid)
    print(f'{name:13} "" is taken by the serializer: {taken}, valid by the document: {valid}  {schema}')
expected = {
    "any_letters": (True, False),
    "some_letters": (True, True),
    "nullable": (True, False),
    "no_pattern": (True, True),
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
