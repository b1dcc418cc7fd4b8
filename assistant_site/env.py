"""Environment variables: the only typed readers, used by ``settings`` and the launcher.

A variable with an unreadable value stops the start; the message has its name, the expected form, and the
value unless it may be a secret. An empty variable counts as absent, because ``.env`` files and compose
files contain empty ones. A name that nothing reads is reported with the name that was probably meant.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Collection, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
import limits
from django.core.exceptions import ImproperlyConfigured

from routing.common.text import clean_line

DAY = 86_400
"""Seconds: the most of a wait."""
MOST = 1_000_000
"""The most of a count, where nothing else is said."""
BASE_DIR = Path(__file__).resolve().parent.parent
ALSO_READ = frozenset(
    {
        "MAKELEVEL",
        # Of the providers' own libraries
        "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_TYPE", "OPENAI_API_VERSION", "OPENAI_ORGANIZATION",
        "OPENAI_ORG_ID", "OPENAI_PROJECT_ID",
    }
)  # fmt: skip
"""Names that make sets or the providers' libraries read, and that are no settings of ours."""
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=")
_NEAR = 0.8
"""Similarity of two names, from which one is taken for a misspelling of the other."""
_OF_PROVIDER = re.compile(r"(?:_API)?_?(?:KEY|BASE|BASE_URL|VERSION|SECRET|TOKEN)$")
"""The end of a name that LiteLLM may read for another provider."""
_SECRET_NAME = re.compile(r"(?:KEY|SECRET|PASSWORD|TOKEN|HEADERS)$")
_SECRET_VALUE = re.compile(r"(?i)@|pass\w*=|\b(?:sk|pk|rk|whsec)[-_]|[\w=+-]{32,}")
"""A user's information of a URL, and words that look like a key, put into another variable."""
_SHOWN_CHARS = 60
_COMMA = re.compile(r"(?<!\\),")

_DATABASES = frozenset({"postgres", "postgresql", "psql", "pgsql", "sqlite"})
_ORIGIN = re.compile(r"https?://[^\s/?#@]+")
_DATABASE_URL = "a database URL such as postgres://user:pw@host/name"


class Environment:
    """The process environment over an optional ``.env`` file."""

    def __init__(self, dotenv: Path) -> None:
        self._read: set[str] = set()
        self._in_file: list[str] = []
        if dotenv.is_file():
            lines = dotenv.read_text(errors="replace").splitlines()
            self._in_file = [found[1] for line in lines if (found := _LINE.match(line))]
            environ.Env.read_env(dotenv, overwrite=False)

    def unread(self, declared: Collection[str] = ()) -> Iterator[str]:
        """Sentences about names that nothing has read so far and that are not ``declared``: all of
        ``.env``, and those of the process that look like a misspelling. Ask for it when ``settings`` is
        imported."""
        known = self._read.union(ALSO_READ, declared)
        for name in dict.fromkeys((*self._in_file, *os.environ)):
            if name in known or not os.environ.get(name, "").strip():
                continue
            if meant := _meant(name, self._read):
                yield f"{name} is read by nothing here: did you mean {meant}?"
            elif name in self._in_file and not _OF_PROVIDER.search(name):
                yield f"{name} in .env is read by nothing here."

    def has(self, name: str) -> bool:
        """Whether the variable is set and not empty."""
        self._read.add(name)
        return bool(os.environ.get(name, "").strip())

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        # Not through environ: it would take a value that begins with $ for another variable's name.
        return os.environ[name].strip() if self.has(name) else default

    def values_of(self, ending: str) -> dict[str, str]:
        """The variables whose names end so, with their values."""
        named = (name for name in os.environ if name.endswith(ending))
        return {name: value for name in named if (value := os.environ[name].strip())}

    def flag(self, name: str, *, default: bool) -> bool:
        """``true``, ``1``, ``yes``, ``on`` or their opposites."""
        if not self.has(name):
            return default
        value = self.text(name).lower()
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        raise self.fault(name, "true or false")

    def integer(self, name: str, default: int, *, least: int = 0, most: int = MOST) -> int:
        """A whole number from ``least`` to ``most``."""
        try:
            value = int(self.text(name)) if self.has(name) else default
        except ValueError as exc:
            raise self.fault(name, f"a whole number from {least} to {most}") from exc
        if not least <= value <= most:
            raise self.fault(name, f"a whole number from {least} to {most}")
        return value

    def number(self, name: str, default: float, *, least: float = 0.0, most: float = DAY) -> float:
        """A decimal number from ``least`` to ``most``. Not by environ, which reads ``1e3`` as 13."""
        try:
            value = float(self.text(name)) if self.has(name) else default
        except ValueError as exc:
            raise self.fault(name, f"a number from {least:g} to {most:g}") from exc
        if not least <= value <= most:  # NaN is in no range
            raise self.fault(name, f"a number from {least:g} to {most:g}")
        return value

    def choice(self, name: str, default: str, options: Collection[str]) -> str:
        """One of ``options``, in any letter case."""
        value = self.text(name, default)
        found = next((option for option in options if option.lower() == value.lower()), None)
        if found is None:
            raise self.fault(name, f"one of {', '.join(options)}")
        return found

    def rate(self, name: str, default: str) -> str:
        """A rate as ``limits`` writes it, ``60/minute``."""
        value = self.text(name, default)
        try:
            rate = limits.parse(value)
        except ValueError:
            rate = None
        if rate is None or not 1 <= rate.amount <= 1000 * MOST or rate.get_expiry() > 366 * DAY:
            raise self.fault(name, "a rate such as 10/second, 60/minute or 500/day")
        return value

    def time_zone(self, name: str, default: str) -> str:
        """The name of a time zone, ``Europe/Berlin``."""
        value = self.text(name, default)
        try:
            ZoneInfo(value)
        except (ValueError, OSError, LookupError) as exc:
            raise self.fault(name, "a time zone such as Europe/Berlin") from exc
        return value

    def http_url(self, name: str, *, user: bool = False) -> str:
        """An address of http or https without a fragment, or nothing; with a user if ``user`` is true."""
        value = self.text(name)
        try:
            parts = urlsplit(value)
            known = bool(parts.hostname) and parts.port != 0  # an impossible port raises
        except ValueError:
            known = False
        good = known and parts.scheme in {"http", "https"} and (user or "@" not in parts.netloc)
        if value and not (good and not parts.fragment and value.isprintable()):
            raise self.fault(name, "an address such as https://example.com/v1")
        return value

    def signing_secret(self, name: str, *, required: bool) -> str:
        """A secret of Standard Webhooks: ``whsec_`` and base64 of 24 to 64 bytes."""
        value = self.text(name)
        if not (value or required):
            return ""
        encoded = value.removeprefix("whsec_")
        try:
            size = len(base64.b64decode(encoded, validate=True))
        except ValueError:
            size = 0
        if encoded == value or not 24 <= size <= 64:
            raise self.fault(name, "whsec_ and base64 of 24 to 64 bytes")
        return value

    def folder(self, name: str, default: Path) -> Path:
        """A folder, which need not exist; ``~`` is the home of the user."""
        folder = Path(self.text(name, str(default))).expanduser()
        if folder.exists() and not folder.is_dir():
            raise self.fault(name, "a folder and no file")
        return folder

    def words(self, name: str, default: list[str]) -> list[str]:
        r"""A comma-separated list; ``\,`` is a comma of a word's own."""
        if not self.has(name):
            return default
        words = (word.strip() for word in _COMMA.split(self.text(name)))
        return [word.replace("\\,", ",") for word in words if word]

    def scores(self, name: str) -> dict[str, float]:
        """A comma-separated list of names with numbers from 0 to 1, ``violence=0.8``."""
        found: dict[str, float] = {}
        for word in self.words(name, []):
            left, _, right = word.partition("=")
            try:
                score = float(right)
            except ValueError:
                score = -1.0
            if not left.strip() or not 0 <= score <= 1:  # NaN is in no range
                raise self.fault(name, "names with scores from 0 to 1 such as violence=0.8")
            found[left.strip()] = score
        return found

    def database(self, name: str, default: str) -> dict[str, Any]:
        """A database URL as Django's ``DATABASES`` entry."""
        url = self.text(name, default)
        # Of a scheme that it does not know, environ prints the whole URL, with the password.
        if url.partition(":")[0] not in _DATABASES:
            raise self.fault(name, _DATABASE_URL)
        try:
            database = dict(environ.Env.db_url_config(url))
        except (ValueError, KeyError) as exc:
            raise self.fault(name, _DATABASE_URL) from exc
        # ``postgres:/host/name``, with one slash, is a name without a host.
        if not database.get("NAME") or not (database.get("HOST") or "sqlite" in database["ENGINE"]):
            raise self.fault(name, _DATABASE_URL)
        return database

    def origins(self, name: str) -> list[str]:
        """A comma-separated list of origins, ``https://app.example.com``; ``*.`` may begin a host."""
        origins = self.words(name, [])
        if not all(_ORIGIN.fullmatch(origin) for origin in origins):
            raise self.fault(name, "origins with scheme and no path such as https://example.com")
        return origins

    @staticmethod
    def fault(name: str, expected: str) -> ImproperlyConfigured:
        """The error of a variable's value, which it tells on one line unless it may be a secret."""
        value = os.environ.get(name, "").strip()
        secret = _SECRET_NAME.search(name) or _SECRET_VALUE.search(value)
        found = f', and is "{clean_line(value, _SHOWN_CHARS)}"' if value and not secret else ""
        return ImproperlyConfigured(f"{name} must be {expected}{found}.")


def _meant(name: str, known: Collection[str]) -> str:
    """The known name that ``name`` is nearest to; empty where none is near."""
    ending = _OF_PROVIDER.search(name)
    likeness = {other: _likeness(name, other) for other in known if other.isupper()}
    best = max(likeness, key=lambda other: likeness[other], default="")
    if not best or likeness[best] <= _NEAR:
        return ""
    # OPENROUTER_API_KEY is another provider's, and no misspelling of OPENAI_API_KEY.
    stems = _OF_PROVIDER.sub("", name), _OF_PROVIDER.sub("", best)
    return best if not ending or _likeness(*stems) > _NEAR else ""


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one.upper(), other, autojunk=False).ratio()


env = Environment(BASE_DIR / ".env")
