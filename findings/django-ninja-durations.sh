#!/usr/bin/env bash
# The duration "01:30" is 90 seconds for Django and its REST framework, and an hour and a half for Django Ninja.
#
# Guessed before: one site reads the same text alike, whichever of its forms or APIs it comes through, and a text that
# one reader cannot read is refused. Seen: Django's DurationField (forms, fixtures, REST framework) reads two numbers
# as minutes and seconds; Django Ninja reads with pydantic, for which they are hours and minutes: 60 times as long,
# without an error. So it is with times: REST framework reads the compact form 20240501 of ISO 8601, Ninja takes it for
# seconds since 1970, which is an August night of that year, and the year 2024 for half an hour after its beginning.
# Limits, time-outs and dates of a client that moves from one API to the other change without a word; a limit of
# "00:45" lasts 45 minutes. Three numbers (01:30:00) and PT90M are read alike.
#
# Seen with Django 5.2.19, django-ninja 1.7.1 with pydantic 2.14.4, djangorestframework 3.18.3, Python 3.11. Installs
# them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet Django==5.2.19 django-ninja==1.7.1 pydantic==2.14.4 djangorestframework==3.18.3
cd "$folder"
cat >two_apis.py <<'PY'
import datetime

import django
from django.conf import settings

APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
SITE = {"ROOT_URLCONF": __name__, "SECRET_KEY": "x", "ALLOWED_HOSTS": ["*"], "INSTALLED_APPS": APPS, "TIME_ZONE": "UTC"}
if not settings.configured:
    settings.configure(**SITE)
    django.setup()

import ninja
from django.test import Client
from django.urls import path
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.response import Response


class Lesson(ninja.Schema):
    lasts: datetime.timedelta
    starts: datetime.datetime


class LessonSerializer(serializers.Serializer):
    lasts = serializers.DurationField()
    starts = serializers.DateTimeField()


def told(lesson):
    return {"seconds": lesson["lasts"].total_seconds(), "starts": f"{lesson['starts']:%Y-%m-%d %H:%M}"}


by_ninja = ninja.NinjaAPI()


@by_ninja.post("/lessons")
def take(request, lesson: Lesson):
    return told(lesson.dict())


@api_view(["POST"])
def by_rest_framework(request):
    lesson = LessonSerializer(data=request.data)
    return Response(told(lesson.validated_data) if lesson.is_valid() else sorted(lesson.errors))


urlpatterns = [path("ninja/", by_ninja.urls), path("rest/lessons", by_rest_framework)]

if __name__ == "__main__":
    for lasts, starts in [("01:30", "20240501"), ("00:45", "2024"), ("01:30:00", "2024-05-01T10:00:00Z")]:
        for api in ("rest", "ninja"):
            sent = {"lasts": lasts, "starts": starts}
            answer = Client().post(f"/{api}/lessons", sent, content_type="application/json")
            print(f"{api}, {lasts} from {starts}: {answer.json()}")
PY
venv/bin/python -W ignore two_apis.py | tee seen
cat >expected <<'END'
rest, 01:30 from 20240501: {'seconds': 90.0, 'starts': '2024-05-01 00:00'}
ninja, 01:30 from 20240501: {'seconds': 5400.0, 'starts': '1970-08-23 06:21'}
rest, 00:45 from 2024: ['starts']
ninja, 00:45 from 2024: {'seconds': 2700.0, 'starts': '1970-01-01 00:33'}
rest, 01:30:00 from 2024-05-01T10:00:00Z: {'seconds': 5400.0, 'starts': '2024-05-01 10:00'}
ninja, 01:30:00 from 2024-05-01T10:00:00Z: {'seconds': 5400.0, 'starts': '2024-05-01 10:00'}
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
