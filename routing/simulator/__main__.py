"""Deprecated alias of ``python -m assistant_site.simulator``, kept for one release."""

import runpy

runpy.run_module("assistant_site.simulator", run_name="__main__", alter_sys=True)
