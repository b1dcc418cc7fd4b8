"""The groups of people and their permissions: Rule editors, Reviewers and Auditors. Replaces 0006_roles."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

# What each role may do, as "app.model": actions. Administrators may change the groups afterwards: a
# migration runs once.
READ = {
    "routing.rule": ("view",),
    "routing.llmmodel": ("view",),
    "routing.routingsettings": ("view",),
    "routing.rulesetversion": ("view",),
    "routing.goldencase": ("view",),
    "conversations.modelperformance": ("view",),
    "conversations.versionperformance": ("view",),
}
HISTORY = {
    "conversations.conversation": ("view",),
    "conversations.message": ("view",),
    "conversations.feedback": ("view",),
    "conversations.generatedimage": ("view",),
    "conversations.shadowdecision": ("view",),
    "conversations.reuse": ("view",),
    "conversations.replayrun": ("view",),
}
EDIT = ("view", "add", "change", "delete")
ROLES = {
    "Rule editors": {
        **READ,
        "routing.rule": EDIT,
        "routing.llmmodel": EDIT,
        "routing.routingsettings": ("view", "add", "change"),
        "routing.rulesetversion": ("view", "publish"),
        "routing.goldencase": EDIT,
        "conversations.shadowdecision": ("view",),
        "conversations.replayrun": ("view", "add", "change"),
    },
    "Reviewers": {
        **READ,
        **HISTORY,
        "routing.goldencase": EDIT,
        "conversations.replayrun": ("view", "add", "change"),
    },
    "Auditors": {**READ, **HISTORY},
}


def make_groups(apps, schema_editor):
    from django.apps import apps as installed

    # Permissions are made after all migrations; the groups need them now.
    for label in ("routing", "conversations"):
        config = installed.get_app_config(label)
        config.models_module = config.models_module or True
        create_permissions(config, apps=apps, verbosity=0)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, rights in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        for table, actions in rights.items():
            label, model = table.split(".")
            group.permissions.add(
                *Permission.objects.filter(
                    content_type__app_label=label,
                    codename__in=[f"{action}_{model}" for action in actions],
                )
            )


class Migration(migrations.Migration):
    replaces = [("conversations", "0006_roles")]
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("conversations", "0001_squashed_0008_growth"),
        ("routing", "0001_squashed_0005_override_permission"),
    ]
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
