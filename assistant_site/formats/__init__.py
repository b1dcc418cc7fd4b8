"""Formats of dates in the admin, by language: Django reads them from here first (``FORMAT_MODULE_PATH``)."""
