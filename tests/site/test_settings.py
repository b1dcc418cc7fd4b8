"""What the site is configured with before it serves: its database's options and its secret."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from assistant_site.checks import NEEDED, doubts, refuse_nobodys_key, refuse_wrong_redis_url
from assistant_site.databases import Database, with_options
from assistant_site.env import BASE_DIR, Environment, env


def configured(monkeypatch: pytest.MonkeyPatch, url: str) -> Database:
    monkeypatch.setenv("DATABASE_URL", url)
    return with_options(env.database("DATABASE_URL", ""), pool_size=7, seconds=4)


def test_the_urls_options_are_kept_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgres://u:p@db/site?sslmode=verify-full&connect_timeout=10"
    options = configured(monkeypatch, url)["OPTIONS"]

    assert (options["sslmode"], options["connect_timeout"]) == ("verify-full", 10)
    assert options["pool"]["max_size"] == 7


def test_without_options_in_the_url_ours_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    server = configured(monkeypatch, "postgres://u:p@db/site")
    file = configured(monkeypatch, "sqlite:////tmp/site.sqlite3?timeout=5")

    assert server["OPTIONS"]["connect_timeout"] == 3
    assert file["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert file["OPTIONS"]["timeout"] == 5
    assert "pool" not in file["OPTIONS"]


def faults() -> set[str | None]:
    return {found.id for found in run_checks(include_deployment_checks=True, tags=["security"])}


def test_the_published_key_is_refused(settings: Settings) -> None:
    settings.SECRET_KEY = settings.NOBODYS_KEY

    assert "assistant_site.E001" in faults()
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        refuse_nobodys_key()


def test_a_key_of_its_own_is_not(settings: Settings) -> None:
    settings.SECRET_KEY = "a-secret-that-nobody-else-knows"

    assert "assistant_site.E001" not in faults()
    refuse_nobodys_key()


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e10", "0.01", "soon"])
def test_a_number_out_of_its_range_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SOME_SECONDS", value)

    with pytest.raises(ImproperlyConfigured, match="SOME_SECONDS must be a number"):
        env.number("SOME_SECONDS", 1.0, least=0.1)


@pytest.mark.parametrize("value", ["0", "-5", "36501", "2.5", "9" * 400])
def test_a_whole_number_out_of_its_range_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SOME_DAYS", value)

    with pytest.raises(ImproperlyConfigured, match="SOME_DAYS must be a whole number"):
        env.integer("SOME_DAYS", 14, least=1, most=36_500)


def test_a_number_within_its_range_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_DAYS", "36500")
    monkeypatch.setenv("SOME_SECONDS", "1e-1")

    assert env.integer("SOME_DAYS", 14, least=1, most=36_500) == 36_500
    assert env.number("SOME_SECONDS", 1.0, least=0.1) == 0.1


@pytest.mark.parametrize(
    "value",
    ["lots", "0/minute", "-1/minute", "60", "60/fortnight", "1 per 99 years", "9" * 20 + "/day"],
)
def test_a_rate_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SOME_RATE", value)

    with pytest.raises(ImproperlyConfigured, match="SOME_RATE must be a rate"):
        env.rate("SOME_RATE", "1/minute")


def test_a_word_of_a_choice_is_taken_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_LEVEL", "warning")
    assert env.choice("SOME_LEVEL", "INFO", ["INFO", "WARNING"]) == "WARNING"

    monkeypatch.setenv("SOME_LEVEL", "VERBOSE")
    with pytest.raises(ImproperlyConfigured, match="SOME_LEVEL must be one of INFO, WARNING"):
        env.choice("SOME_LEVEL", "INFO", ["INFO", "WARNING"])


@pytest.mark.parametrize(
    "url", ["postgres:/localhost/x", "postgres://host", "nonsense", "mysql://u:p@h/x"]
)
def test_a_database_url_that_is_none_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must be a database URL"):
        env.database("DATABASE_URL", "")


def test_a_data_folder_is_no_file_and_knows_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SOME_FOLDER", "~/data")
    assert env.folder("SOME_FOLDER", tmp_path) == tmp_path / "data"

    monkeypatch.setenv("SOME_FOLDER", "~/file")
    with pytest.raises(ImproperlyConfigured, match="SOME_FOLDER must be a folder"):
        env.folder("SOME_FOLDER", tmp_path)


@pytest.fixture
def dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file of variables; what it puts into the process goes with the test."""
    for name in MISSPELT | {"GROQ_API_KEY": "", "OPENROUTER_API_KEY": "", "COLOUR": ""}:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path / ".env"


MISSPELT = {
    "OPENAI_KEY": "OPENAI_API_KEY",
    "ANTHROPIC_APIKEY": "ANTHROPIC_API_KEY",
    "ANTROPIC_API_KEY": "ANTHROPIC_API_KEY",
    "ASK_RATES": "ASK_RATE",
    "Log_Level": "LOG_LEVEL",
    "REDISURL": "REDIS_URL",
}


def read_by(environment: Environment) -> Environment:
    for name in (*MISSPELT.values(), "OPENAI_BASE_URL", "DATABASE_URL"):
        environment.text(name)
    return environment


@pytest.mark.parametrize(("name", "meant"), MISSPELT.items(), ids=MISSPELT)
def test_a_misspelt_name_is_told_with_the_right_one(dotenv: Path, name: str, meant: str) -> None:
    dotenv.write_text(f"# a note\nexport {name}=x\nLANGUAGE=\n")

    assert list(read_by(Environment(dotenv)).unread()) == [
        f"{name} is read by nothing here: did you mean {meant}?"
    ]


def test_a_misspelt_name_of_the_process_is_told_too(
    dotenv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASK_RATES", "1/minute")

    (said,) = read_by(Environment(dotenv)).unread()
    assert "ASK_RATE?" in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r"COLOUR=a, b ,,c", ["a", "b", "c"]),
        (r"COLOUR=cn=law\,ou=teams=Lawyers, ed=@staff", ["cn=law,ou=teams=Lawyers", "ed=@staff"]),
        (r"COLOUR=DOMAIN\law=Lawyers, \,", ["DOMAIN\\law=Lawyers", ","]),
        (r"COLOUR='cn=Doe\\, J.\,ou=x=Law'", [r"cn=Doe\, J.,ou=x=Law"]),
    ],
)
def test_a_comma_may_belong_to_a_word(dotenv: Path, line: str, words: list[str]) -> None:
    dotenv.write_text(f"{line}\n")

    assert Environment(dotenv).words("COLOUR", []) == words


def test_other_providers_names_are_none_of_ours(dotenv: Path) -> None:
    dotenv.write_text("GROQ_API_KEY=x\nOPENROUTER_API_KEY=x\nCOLOUR=red\nASK_RATE=9/minute\n")

    assert list(read_by(Environment(dotenv)).unread()) == [
        "COLOUR in .env is read by nothing here."
    ]


PAIRS = [name for pair in NEEDED for name in pair]


@pytest.mark.parametrize(("name", "needed"), NEEDED, ids="-".join)
def test_a_variable_without_the_one_that_it_needs_is_a_doubt(
    monkeypatch: pytest.MonkeyPatch, name: str, needed: str
) -> None:
    for each in PAIRS:
        monkeypatch.delenv(each, raising=False)
    assert doubts() == []

    monkeypatch.setenv(name, "x")
    assert f"{name} is set without {needed}: {NEEDED[name, needed]}." in doubts()
    assert "assistant_site.W001" in {found.id for found in run_checks()}

    monkeypatch.setenv(needed, "x")
    assert not any(doubt.startswith(f"{name} is set without {needed}") for doubt in doubts())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"HTTPS": True, "PUBLIC_URL": "http://example.com"}, "PUBLIC_URL begins with http:"),
        ({"EMBEDDING_DIMENSIONS": 1536}, "the local model has 384"),
        ({"PASSWORD_SIGN_IN": False}, "nobody can sign in"),
    ],
    ids=str,
)
def test_settings_that_contradict_each_other_are_a_doubt(
    settings: Settings, changed: dict[str, object], told: str
) -> None:
    assert not any(told in doubt for doubt in doubts())

    for name, value in changed.items():
        setattr(settings, name, value)
    assert any(told in doubt for doubt in doubts())


@pytest.mark.parametrize(
    ("model", "doubted"), [("openai/omni-moderation-latest", 2), ("mistral/mistral-moderation-latest", 0), ("", 0)]
)  # fmt: skip
def test_a_misspelt_category_is_a_warning(settings: Settings, model: str, doubted: int) -> None:
    settings.MODERATION_MODEL = model
    settings.MODERATION_REFUSES = ["violance", "Sexual/Minors", "none"]
    settings.MODERATION_THRESHOLDS = {"self-harm": 0.4, "all": 0.5}

    told = [doubt for doubt in doubts() if "no category" in doubt]
    assert [doubt.split()[2] for doubt in told] == ["violance,", "all,"][:doubted]


@pytest.mark.parametrize(
    ("name", "doubted"), [("localy", 1), ("Local", 1), ("local", 0), ("text-embedding-3-small", 0)]
)
def test_a_misspelt_embedding_model_is_a_warning(
    settings: Settings, name: str, doubted: int
) -> None:
    settings.EMBEDDING_MODEL = name

    assert sum("did you mean local?" in doubt for doubt in doubts()) == doubted


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (lambda name: env.flag(name, default=False), "maybe", "true or false"),
        (lambda name: env.integer(name, 1), "6k", "a whole number"),
        (lambda name: env.integer(name, 1), "-5", "a whole number from 0 to 1000000"),
        (lambda name: env.number(name, 1), "nan", "a number from 0 to 86400"),
        (lambda name: env.choice(name, "a", ["a", "b"]), "c", "one of a, b"),
        (lambda name: env.rate(name, "1/day"), "lots", "a rate such as"),
        (lambda name: env.time_zone(name, "UTC"), "Mars", "a time zone such as"),
        (env.http_url, "example.com", "an address such as"),
        (env.origins, "https://a.example,b.example", "origins with scheme"),
        (lambda name: env.folder(name, BASE_DIR), "/dev/null", "a folder and no file"),
        (lambda name: env.database(name, ""), "postgres:/host/x", "a database URL such as"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_fault_tells_name_value_and_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[str], object], value: str, expected: str
) -> None:
    monkeypatch.setenv("SOME_NAME", value)
    with pytest.raises(ImproperlyConfigured) as told:
        read("SOME_NAME")

    assert str(told.value).startswith(f"SOME_NAME must be {expected}")
    assert str(told.value).endswith(f', and is "{value}".')


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOME_URL", "ftp://me:pw1234@host"),
        ("SOME_URL", "sk-pw1234"),
        ("SOME_URL", "mysql://host/name?password=pw1234"),
        ("SOME_URL", "pw1234" * 6),
        ("SOME_API_KEY", "pw1234"),
        ("SOME_SECRET", "pw1234"),
        ("SOME_PASSWORD", "pw1234"),
    ],
)
def test_a_fault_tells_no_secret(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert str(env.fault(name, "another")) == f"{name} must be another."


def test_a_fault_is_one_line_of_a_bounded_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_NAME", "two\n lines\x1b[31m " * 1_000)
    told = str(env.fault("SOME_NAME", "a number"))
    assert told.isprintable()
    assert len(told) < 120


@pytest.mark.parametrize("url", ["localhost:6379", "redis://me:pw/1234@host/0", "redis://h:port"])
def test_a_redis_url_that_is_none_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(
        ImproperlyConfigured, match="REDIS_URL must be an address of a Redis"
    ) as told:
        refuse_wrong_redis_url(url)
    assert "pw" not in str(told.value)
    assert ("@" in url) != (url in str(told.value))


def test_libraries_add_no_lines_to_what_commands_print() -> None:
    import redisvl.index  # noqa: F401, PLC0415 - it makes its loggers

    assert not logging.getLogger("redisvl.index.index").isEnabledFor(logging.INFO)


def test_commands_sign_with_the_secret_that_the_server_keeps(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("kept-by-the-launcher")
    told = "from assistant_site import settings; print(settings.SECRET_KEY)"
    environment = {"PATH": os.environ["PATH"], "ASSISTANT_DATA_DIR": str(tmp_path)}

    found = subprocess.check_output([sys.executable, "-c", told], env=environment, text=True)
    assert found.strip() == "kept-by-the-launcher"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ASK_RATE", "fast", "ASK_RATE must be a rate such as"),
        ("OPENAI_BASE_URL", "localhost:4000/v1", "OPENAI_BASE_URL must be an address such as"),
        ("ANTHROPIC_API_BASE", "proxy", "ANTHROPIC_API_BASE must be an address such as"),
    ],
)
def test_a_command_tells_a_wrong_value_in_one_line(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    environment = {"PATH": os.environ["PATH"], "ASSISTANT_DATA_DIR": str(tmp_path), name: value}

    command = [sys.executable, str(BASE_DIR / "manage.py"), "check"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(expected)
    assert ended.stderr.count("\n") == 1


THREADS = """
import os
from django.conf import settings
settings.SECRET_KEY
import numpy
square = numpy.ones((600, 600), "float32")
square @ square
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the threads of a process are told by Linux")
def test_numpy_calculates_in_one_thread() -> None:
    environment = {name: value for name, value in os.environ.items() if name[:8] != "OPENBLAS"}
    command = [sys.executable, "-c", THREADS]
    told = subprocess.run(
        command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout == "1\n"
