# Everything a fresh machine needs is fetched by these targets; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Tests start hundreds of processes of this code, and each would compile all of it.
unexport PYTHONDONTWRITEBYTECODE

# Three to two processors: for a third of its time a fast test waits for a disk.
WORKERS = $(shell echo $$(((3 * $$(getconf _NPROCESSORS_ONLN) + 1) / 2)))

.DEFAULT_GOAL := help
.PHONY: help demo demo-keycloak test check coverage bench soak lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

$(READY): requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)

demo: $(READY) ## sandbox Google, IdP, sample app and bridge, with a page that says what to click
	$(BIN)/bridge demo

demo-keycloak: $(READY) ## the same with a real Keycloak, fetched through Maven at the first time
	tools/system-packages default-jdk-headless:javac maven:mvn
	$(BIN)/python -m tools.keycloak

check: $(READY) ## format, lint, types, layers and the fast tests, in about two minutes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(WORKERS) -m "not slow and not soak" -q

test: $(READY) ## check, and every other test
	tools/system-packages nodejs:node chromium:chromium \
	  default-jdk-headless:javac maven:mvn postgresql:pg_ctlcluster redis-server:redis-server
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto -m "not soak"
	$(BIN)/pytest -n auto -m "not soak and not sqlite" --store redis -q \
	  tests/capture tests/tokens tests/vault

coverage: $(READY) ## which lines of bridge the tests without services reach
	$(BIN)/pytest -n auto -m "not slow and not soak" -q --cov --cov-report=term

soak: $(READY) ## the long forms of the tests
	tools/system-packages redis-server:redis-server
	$(BIN)/pytest -n auto -m "soak" -q tests/consent
	$(BIN)/pytest -m "soak" -v --ignore tests/consent
	$(BIN)/pytest -m "soak and not sqlite" --store redis -v tests/tokens

bench: $(READY) ## measure, print a table, write bench/latest.json
	tools/system-packages wrk:wrk nginx-light:nginx redis-server:redis-server nodejs:node npm:npm \
	  default-jdk-headless:javac maven:mvn postgresql:pg_ctlcluster
	$(BIN)/python -m bench

lock: $(READY) ## pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

clean: ## remove what the targets made
	rm -rf $(VENV) dist build hooks/keycloak/target bench/better_auth/node_modules .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
