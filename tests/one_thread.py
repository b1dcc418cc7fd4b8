"""Plugin of pytest: NumPy calculates in one thread, in each of the tests' processes.

Loaded before anything imports NumPy, which reads the variable once. The threads of OpenBLAS wait for each other
in busy loops: beside other processes a training of a second took a minute, and that of processor time.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
