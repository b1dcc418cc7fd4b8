"""Access: the rules and models that a person may use, and the published rules cut down to them. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from routing.domain.actions import ACTIONS, DEFAULT_ACTION, ModelKind
from routing.domain.release import Release
from routing.domain.rules import HELPER_RULE, ModelRef, Rule, RuleSet, plain_name


@dataclass(frozen=True, slots=True)
class Access:
    """The names of a person's ``groups``, and the models and rules that these allow; ``None`` stands for
    all that are published."""

    groups: frozenset[str] = frozenset()
    models: frozenset[str] | None = None
    rules: frozenset[str] | None = None

    def allows_model(self, name: str) -> bool:
        """Whether the model may answer the person. A stand-in has the right of its model."""
        return self.models is None or plain_name(name) in self.models


@dataclass(frozen=True, slots=True)
class RestrictedRuleSet(RuleSet):
    """The part of a published version that is for one person. Models outside of it do not exist there,
    under any name; ``own_classifiers`` read prompts all the same, and answer nothing.

    Its fingerprint is its own: stored answers and single flights are shared by people with equal rights.
    """

    access: Access = Access()
    own_classifiers: tuple[ModelRef, ...] = ()

    @property
    def classifying(self) -> tuple[ModelRef, ...]:
        """The classifiers of the whole version."""
        return self.own_classifiers

    def may_answer(self, name: str) -> bool:
        """Whether the person may use the model."""
        return self.access.allows_model(name)

    def facts(self) -> dict[str, Any]:
        """As those of the whole set. Sets have no order: the groups' names are left out."""
        facts = asdict(self)
        del facts["access"]
        facts["restricted"] = self.access.models is not None and sorted(self.access.models)
        return facts


def release_for(release: Release, access: Access) -> Release:
    """The release as it is for a person; itself where all of it is."""
    live = rules_for(release.live, access)
    trial = rules_for(release.trial, access) if release.trial else None
    if live is release.live and trial is release.trial:
        return release
    return replace(release, live=live, trial=trial)


def release_within(release: Release, models: frozenset[str]) -> Release:
    """A person's release, cut down to these of its models."""
    sets = [release.live, *([release.trial] if release.trial else [])]
    restricted = (each.access for each in sets if isinstance(each, RestrictedRuleSet))
    held = next(restricted, Access())
    groups = frozenset(group for each in sets for rule in each.rules for group in rule.groups)
    kept = models if held.models is None else models & held.models
    return release_for(release, Access(groups, kept, held.rules))


def rules_for(rules: RuleSet, access: Access) -> RuleSet:
    """The rules and models that a person may use. A rule whose models may not be used is left out; the
    default rule stays, with a model that may be used, if there is any."""
    models = tuple(model for model in rules.models if access.allows_model(model.name))
    cut = replace(rules, models=models)
    kept = tuple(
        rule for each in rules.rules if (rule := _permitted(each, cut, access)) is not None
    )
    if models == rules.models and kept == rules.rules:
        return rules
    return RestrictedRuleSet(
        **{name: getattr(rules, name) for name in RuleSet.__dataclass_fields__}
        | {"models": models, "rules": kept},
        access=access,
        own_classifiers=rules.classifying,
    )


def _permitted(rule: Rule, cut: RuleSet, access: Access) -> Rule | None:
    default, kind = rule.name == cut.default_rule, ACTIONS[rule.action].model_kind
    if not default and rule.groups and not access.groups.intersection(rule.groups):
        return None
    if kind is None:
        return rule  # what is refused is refused to everybody that the rule names
    if not _allowed(rule, access, default=default):
        return None
    names = [each for each in (rule.model, *rule.fallbacks) if each and cut.model(each)]
    if not names and (default or rule.action is not DEFAULT_ACTION):
        names = _substitutes(cut, kind)
    if not names and not default:
        return None
    return replace(rule, model=names[0] if names else None, fallbacks=tuple(names[1:]))


def _allowed(rule: Rule, access: Access, *, default: bool) -> bool:
    """Whether the groups' list has the rule. The default and the helper rule stand for no kind of prompt."""
    if access.rules is None or default or rule.name == HELPER_RULE:
        return True
    return rule.name in access.rules


def _substitutes(cut: RuleSet, kind: ModelKind) -> list[str]:
    return [model.name for model in cut.models if model.kind is kind][:1]
