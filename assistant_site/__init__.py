"""The Django site: settings, the server process, its pages and its simulator."""

VERSION = "0.2.0"
"""Of the product, as in ``pyproject.toml`` and CHANGELOG.md."""
