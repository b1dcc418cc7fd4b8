"""The first rules of a fresh installation, in the format of ``manage.py rules export``."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from routing.models import LLMModel, RoutingSettings, Rule
from routing.publishing.services import ruleset_publish
from routing.publishing.yaml_files import CLASSIFIERS, Document, read_document

_FILE = Path(__file__).with_suffix(".yaml")


def default_document() -> Document:
    """The default models, rules and settings."""
    return read_document(_FILE.read_text(encoding="utf-8"))


@transaction.atomic
def seed_defaults() -> bool:
    """Store the default models, rules and settings, and publish them, where there is no rule.

    Returns whether it did. Models of the same name that exist already are kept as they are.
    """
    if Rule.objects.exists():
        return False
    defaults = default_document()
    models = {
        entry.name: LLMModel.objects.get_or_create(name=entry.name, defaults=dict(entry))[0]
        for entry in defaults.models
    }
    for entry in defaults.rules:
        Rule.objects.create(**{**dict(entry), "model": models.get(entry.model)})
    # Settings of an older installation stay, like models of the same name.
    roles = {role: models[getattr(defaults.settings, role)] for role in CLASSIFIERS}
    RoutingSettings.objects.get_or_create(pk=1, defaults={**dict(defaults.settings), **roles})
    ruleset_publish(why="The rules of a new installation.")
    return True
