# The few commands of this project. PYTHON names the interpreter that makes .venv (3.11 or newer).
PYTHON ?= python3
TESTS ?=
LOCAL = $(PYTHON) -m assistant_site.launcher
BIN = .venv/bin
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

.DEFAULT_GOAL := help
.PHONY: help run demo check test test-browser test-clients scorecard bench growth harden screenshots real-model fuzz fuzz-api lint lock browser-libraries translations clean

help: ## Show these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Install what is missing and serve on 127.0.0.1:8000 (PORT moves it); Ctrl-C ends it
	@exec $(LOCAL) run

demo: ## Fill the running site with 30 days of history (ARGS=--remove takes it away)
	@$(BIN)/python manage.py demo $(ARGS)

check: ## Lint, check types and imports, and run the tests marked pure: under a minute
	@$(LOCAL) install --dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy . & types=$$!; $(BIN)/python -m pytest -q -n 2 --dist worksteal -m pure $(TESTS); tests=$$?; wait $$types && exit $$tests

# Some tests wait for servers and time-outs, so three workers keep two cores busy; a fourth would cost
# fourteen seconds of a core before its first test. Worksteal gives each worker whole files: the fixtures
# of a module are set up once.
test: ## Run every test but the browser's, starting what it needs (TESTS="tests/launcher -k redis" for some)
	@exec $(LOCAL) test -n 3 --dist worksteal $(or $(TESTS),--ignore=tests/browser)

# Each worker has a browser of its own, which takes about a core: two keep two cores busy.
test-browser: ## Test the pages in a headless Chromium (TESTS="-k drawer" for some)
	@exec $(LOCAL) test -n 2 --dist worksteal tests/browser $(TESTS)

test-clients: ## Test with the clients of others: SDKs, agents, the AI SDK (TESTS="-k langchain")
	@$(LOCAL) install --dev
	@$(BIN)/python -m tests.clients.install var/clients
	@exec env CLIENTS_HOME=var/clients $(LOCAL) test -n 2 --dist loadfile tests/clients $(TESTS)

scorecard: ## Kill every part once under load and audit (ARGS="--database postgresql --json F")
	@$(LOCAL) install --dev
	@$(BIN)/python -m benchmarks.scorecard $(ARGS)

bench: ## Measure the stream path beside a bare relay and LiteLLM Proxy (ARGS="--quick --json F")
	@$(LOCAL) install --dev
	@$(BIN)/python -m benchmarks.throughput $(ARGS)

growth: ## Time the database at 1,000 to a million messages (ARGS="--database postgresql --json F")
	@$(LOCAL) install --dev
	@$(BIN)/python -m benchmarks.growth $(ARGS)

screenshots: ## Take the pictures of README and docs of a demo of their own (ARGS="--url U --password P")
	@$(LOCAL) install --dev
	@$(BIN)/python -m benchmarks.screenshots $(ARGS)

real-model: ## Play the walk with a small language model in place of the stand-ins (ARGS="--json F")
	@$(LOCAL) install --dev
	@$(BIN)/python -m benchmarks.real_model $(ARGS)

harden: ## Play hostile clients against a server and print the table (ARGS="--http h11 --json F")
	@$(LOCAL) install --dev
	@$(BIN)/python -m benchmarks.harden $(ARGS)

fuzz: ## Read a million odd replies of providers (CASES=1000000); for the night
	@FUZZ_CASES=$(or $(CASES),1000000) $(MAKE) test TESTS="tests/llm/test_fuzz.py"

fuzz-api: ## Follow the OpenAPI document's links with odd requests (SEED=1 SECONDS=60)
	@SCHEMA_FUZZING=$(or $(SEED),1) SCHEMA_FUZZING_SECONDS=$(or $(SECONDS),60) $(MAKE) test TESTS="-n 0 tests/api/test_schema_fuzzing.py"

lint: ## Check style, types and the direction of imports
	@$(LOCAL) install --dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

lock: ## Write requirements/*.txt anew from pyproject.toml and requirements/*.in
	@$(LOCAL) install --dev
	$(LOCK) pyproject.toml --output-file requirements/base.txt
	$(LOCK) pyproject.toml --group dev --constraints requirements/base.txt --output-file requirements/dev.txt
	$(LOCK) requirements/proxy.in --output-file requirements/proxy.txt
	for name in newest oldest older_agents generated; do $(LOCK) tests/clients/python/$$name.in --output-file tests/clients/python/$$name.txt || exit 1; done
	for name in installer embedder multilingual redis real_model; do $(LOCK) --no-deps requirements/$$name.in --output-file requirements/$$name.txt || exit 1; done

browser-libraries: ## Fetch the libraries of static/vendor again and compare them (ARGS=--write: upgrade)
	@$(PYTHON) -m assistant_site.launcher.browser_libraries $(ARGS)

translations: ## Extract all texts into assistant_site/locale and compile it (needs gettext; the result is committed)
	@$(BIN)/python manage.py makemessages
	@$(BIN)/python manage.py compilemessages --ignore .venv --ignore var

clean: ## Remove caches and .venv; your data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
