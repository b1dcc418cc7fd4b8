"""Deprecated alias of ``python -m assistant_site.launcher``, kept for one release."""

import runpy

runpy.run_module("assistant_site.launcher", run_name="__main__", alter_sys=True)
