"""Tables of the audit log: acts of people, append-only, and the names behind its pseudonyms."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from conversations.models.messages import new_id


class AppendOnly(TypeError):
    """Raised for a change of the audit log."""


class AuditPerson(models.Model):
    """Pseudonym: the one place where an account of the audit log has its name. An erasure empties the row;
    the entries stay as they are, and name nobody."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.BigIntegerField(null=True, unique=True)
    name = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name = "name in the audit log"
        verbose_name_plural = "names in the audit log"

    def __str__(self) -> str:
        return self.name or f"erased person {str(self.pk)[-6:]}"


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Rows that are read and added."""

    def update(self, **_: Any) -> NoReturn:
        raise AppendOnly("the audit log is append-only")

    def delete(self) -> NoReturn:
        raise AppendOnly("the audit log is append-only")

    def bulk_update(self, *_: Any, **__: Any) -> NoReturn:
        raise AppendOnly("the audit log is append-only")


class AuditEntry(models.Model):
    """Audit entry: one act of a person, of a program with an API key, or of an operator at the command line.

    Rows are added, never changed: the model refuses it, and so do triggers of the database. No foreign
    keys, so nothing takes rows with it. A migration that alters the table must make the triggers again:
    SQLite copies the table. No secrets and no texts of conversations are in it.
    """

    at = models.DateTimeField(db_index=True)
    action = models.CharField(max_length=48, db_index=True)
    actor = models.UUIDField(null=True, db_index=True, help_text="None: no account did it.")
    key = models.UUIDField(null=True, help_text="The API key that it was done with.")
    network = models.CharField(max_length=48, blank=True, help_text="The address, without its end.")
    kind = models.CharField(max_length=48, blank=True)
    subject = models.CharField(max_length=64, blank=True, help_text="The id of what was changed.")
    name = models.CharField(max_length=200, blank=True)
    person = models.UUIDField(null=True, db_index=True, help_text="Whose data it is about.")
    details = models.JSONField(default=dict)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.action} {self.kind} {self.subject}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("the audit log is append-only")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise AppendOnly("the audit log is append-only")
