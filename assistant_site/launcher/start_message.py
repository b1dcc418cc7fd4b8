"""Start message: addresses, passwords and a first question, printed by ``make run``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from assistant_site import VERSION
from assistant_site.launcher.run_config import RunConfig
from routing.llm.providers.registry import PROVIDERS

_QUESTION = "Write a short poem about the sea."
_PLACEHOLDER = "PUT-THE-DEMO-PASSWORD-HERE"
_TOKEN = 'import json,sys; print(json.load(sys.stdin)["access"])'  # noqa: S105 - a program


def start_message(
    config: RunConfig, new_passwords: dict[str, str], seconds: float, doubts: Sequence[str] = ()
) -> str:
    """``new_passwords``: the passwords of accounts that this run created, by user name. ``doubts``:
    sentences about variables that are probably mistakes."""
    parts = [
        f"Assistant Core {VERSION}, serving after {seconds:.1f} s. Ctrl-C ends it and everything it started.",
        _addresses(config),
        _sign_in(new_passwords),
        _providers(config),
        *(["\n".join(f"  Look at: {doubt}" for doubt in doubts)] if doubts else []),
        _question(config, new_passwords.get("demo", config.demo_password)),
    ]
    return "\n\n".join(["", *parts, ""])


def _addresses(config: RunConfig) -> str:
    url = config.url
    rows = {
        "Playground": f"{url}/",
        "Admin": f"{url}/admin/",
        "API docs": f"{url}/api/docs/",
        "Health": f"{url}/healthz   {url}/readyz",
    }
    lines = [f"  {name:<12}{value}" for name, value in rows.items()]
    if config.https:
        lines.append(
            "  HTTPS=true: all of them redirect to https, which a proxy in front must speak."
        )
    return "\n".join(lines)


def _sign_in(new_passwords: dict[str, str]) -> str:
    lines = ["  Sign in     as demo (playground, API) or admin (all of that, and the admin)."]
    lines += [f"              {name}: {password}" for name, password in new_passwords.items()]
    if new_passwords:
        lines.append("              Note the passwords: they are shown this once.")
    else:
        lines.append(
            "              Lost a password? ASSISTANT_DEMO_PASSWORD=new make run sets another\n"
            "              (ASSISTANT_ADMIN_PASSWORD for admin)."
        )
    return "\n".join(lines)


def _providers(config: RunConfig) -> str:
    if config.simulated:
        return (
            "  Answers are SIMULATED: there is no API key, so stand-ins for OpenAI and Anthropic run on\n"
            '  this machine, and the names of their models begin with "simulated/". For real answers put\n'
            "  OPENAI_API_KEY=… and ANTHROPIC_API_KEY=… (or one of them) into .env and start again."
        )
    providers = " and ".join(PROVIDERS[name].title for name in config.keyed)
    if len(config.keyed) == 1:
        return f"  Answers come from {providers}, the only provider with a key; set the other's in .env too."
    return f"  Answers come from {providers}, with the keys you set."


def _question(config: RunConfig, password: str) -> str:
    # One line for any POSIX shell. ``!`` is escaped, because bash expands it inside quotes.
    credentials = {"username": "demo", "password": password or _PLACEHOLDER}
    body = json.dumps(credentials).replace("!", "\\u0021")
    is_json = "-H 'Content-Type: application/json'"
    token = (
        f"curl -s {config.url}/api/v1/auth/token/ {is_json} -d {shlex.quote(body)}"
        f" | python3 -c {shlex.quote(_TOKEN)}"
    )
    question = shlex.quote(json.dumps({"content": _QUESTION}))
    ask = (
        f'curl -sN {config.url}/api/v1/messages/ -H "Authorization: Bearer $({token})"'
        f" {is_json} -d {question}"
    )
    lead = "  Ask a question; paste this line"
    lead += ":" if password else f" and put demo's password for {_PLACEHOLDER}:"
    return f"{lead}\n\n{ask}"
