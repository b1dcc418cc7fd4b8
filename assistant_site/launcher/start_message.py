"""What ``make run`` says once it serves."""

from __future__ import annotations

import json
import shlex

from assistant_site.launcher.run_config import Plan

_QUESTION = "Write a short poem about the sea."
_PLACEHOLDER = "PUT-THE-DEMO-PASSWORD-HERE"
_TOKEN = 'import json,sys; print(json.load(sys.stdin)["access"])'  # noqa: S105 - a program


def announcement(plan: Plan, made_up: dict[str, str], seconds: float) -> str:
    """``made_up`` are the passwords of accounts made in this run, by user name."""
    parts = [
        f"Serving after {seconds:.1f} s. Ctrl-C ends it and everything it started.",
        _addresses(plan.url),
        _sign_in(made_up),
        _providers(plan),
        _question(plan, made_up.get("demo", plan.demo_password)),
    ]
    return "\n\n".join(["", *parts, ""])


def _addresses(url: str) -> str:
    rows = {
        "Playground": f"{url}/",
        "Admin": f"{url}/admin/",
        "API docs": f"{url}/api/docs/",
        "Health": f"{url}/healthz   {url}/readyz",
    }
    return "\n".join(f"  {name:<12}{value}" for name, value in rows.items())


def _sign_in(made_up: dict[str, str]) -> str:
    lines = ["  Sign in     as demo (playground, API) or admin (all of that, and the admin)."]
    lines += [f"              {name}: {password}" for name, password in made_up.items()]
    if made_up:
        lines.append("              Note the passwords: they are shown this once.")
    else:
        lines.append(
            "              Lost a password? ASSISTANT_DEMO_PASSWORD=new make run sets another\n"
            "              (ASSISTANT_ADMIN_PASSWORD for admin)."
        )
    return "\n".join(lines)


def _providers(plan: Plan) -> str:
    if plan.simulated:
        return (
            "  Answers are SIMULATED: there is no API key, so stand-ins for OpenAI and Anthropic run on\n"
            '  this machine, and the names of their models begin with "simulated/". For real answers put\n'
            "  OPENAI_API_KEY=… and ANTHROPIC_API_KEY=… (or one of them) into .env and start again."
        )
    asked = " and ".join(
        {"openai": "OpenAI", "anthropic": "Anthropic"}[name] for name in plan.keyed
    )
    if len(plan.keyed) == 1:
        return f"  Answers come from {asked}, the only provider with a key; set the other's in .env too."
    return f"  Answers come from {asked}, with the keys you set."


def _question(plan: Plan, password: str) -> str:
    """One line for any POSIX shell. ``!`` is escaped: bash expands it even in here."""
    credentials = {"username": "demo", "password": password or _PLACEHOLDER}
    body = json.dumps(credentials).replace("!", "\\u0021")
    is_json = "-H 'Content-Type: application/json'"
    token = (
        f"curl -s {plan.url}/api/v1/auth/token/ {is_json} -d {shlex.quote(body)}"
        f" | python3 -c {shlex.quote(_TOKEN)}"
    )
    question = shlex.quote(json.dumps({"content": _QUESTION}))
    ask = (
        f'curl -sN {plan.url}/api/v1/messages/ -H "Authorization: Bearer $({token})"'
        f" {is_json} -d {question}"
    )
    lead = "  Ask a question; paste this line"
    lead += ":" if password else f" and put demo's password for {_PLACEHOLDER}:"
    return f"{lead}\n\n{ask}"
