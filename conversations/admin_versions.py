"""Published versions with how they did."""

from __future__ import annotations

from routing.admin_versions import VersionAdmin


class MeasuredVersionAdmin(VersionAdmin):
    """A version's page with its numbers."""
