"""Variables: tracing, and those of the launcher, the image and the tests."""

from __future__ import annotations

from assistant_site.variables.variable import Section, Variable

# One line of facts and one of meaning each, as in a table.
# fmt: off
SECTIONS = (
    Section("Tracing", (
        Variable("LANGFUSE_PUBLIC_KEY", "text",
            meaning="both keys switch traces on"),
        Variable("LANGFUSE_SECRET_KEY", "text",
            meaning="the second of them"),
        Variable("LANGFUSE_HOST", "address", shown="Langfuse's own cloud", older="LANGFUSE_BASE_URL",
            meaning="root URL of the server. `LANGFUSE_BASE_URL` is read where this is absent"),
        Variable("LANGFUSE_TRACING_ENVIRONMENT", "text",
            meaning="a label of every trace"),
        Variable("OTEL_EXPORTER_OTLP_ENDPOINT", "address", user=True,
            meaning="root URL of a collector that takes OTLP over HTTP, such as `http://collector:4318`; beside Langfuse or alone"),
        Variable("OTEL_EXPORTER_OTLP_HEADERS", "words",
            meaning="headers of its requests: `name=value`, percent-encoded, separated by commas"),
        Variable("OTEL_SERVICE_NAME", "text", default="assistant-core",
            meaning="the service's name there"),
        Variable("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "flag", default=False,
            meaning="`true` sends the messages and answers of calls to the collector, too"),
        Variable("LANGFUSE_RELEASE", "text",
            meaning="a label of every trace"),
        Variable("LANGFUSE_CAPTURE_CONTENT", "flag", default=True,
            meaning="`false` keeps every word of people and models out of the traces"),
    )),
    Section("Read by the launcher, the image and others", (
        Variable("PORT", "integer", default=8000, most=65_535,
            meaning="port of `make run`, and the published one of `docker compose up`; 0 takes a free one under `make run`"),
        Variable("PYTHON", "elsewhere", shown="`python3`", example="",
            meaning="a variable of make: `make run PYTHON=/path/to/python3.13` makes `.venv` with it"),
        Variable("TESTS", "elsewhere", shown="all", example="",
            meaning='a variable of make: `make test TESTS="tests/launcher -k redis"`'),
        Variable("WEB_CONCURRENCY", "elsewhere", shown="1", example="",
            meaning="worker processes of `python -m assistant_site.serve` (uvicorn's own variable)"),
        Variable("SIMULATOR_HOST", "text", shown="none; `docker-compose.yml` sets it", example="",
            meaning="where the image finds the simulator while there is no key"),
        Variable("POSTGRES_PASSWORD", "elsewhere", shown="`assistant`",
            meaning="`docker compose up` only: taken at the database's first start"),
        Variable("TEST_REDIS_URL", "elsewhere", shown="one of the tests' own", example="",
            meaning="a Redis with search for the tests"),
        Variable("REQUIRE_BROWSER", "elsewhere", shown="`0`", example="",
            meaning="`1` lets browser tests fail, not skip, where there is no Chromium; `.ci/run` sets it"),
    )),
)
# fmt: on
