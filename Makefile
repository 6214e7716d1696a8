# Two commands for a stranger: `make demo` and `make test`. Everything lives in .venv and .podium.

VENV := .venv
PY := $(VENV)/bin/python
LOCK := config/requirements.lock
DEV_LOCK := config/requirements-dev.lock
CODE := config workflows app tasks tests bench
EXTRAS := --extra dev --extra otel --extra s3 --extra kafka --extra nats
COMPILE := --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
           --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

.DEFAULT_GOAL := help
.PHONY: help install demo test bench screenshots check lint clean lock dev servers

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## make .venv with the locked dependencies and Podium itself

demo: install ## run ten orders of an example shop, with worker, beat and Flower
	@$(PY) -m app.demo

test: dev servers ## run all tests; installs what they need
	$(PY) -m pytest -n 2 --dist loadfile --ignore tests/e2e --ignore tests/browser --ignore tests/chaos
	$(PY) -m pytest -n 2 --dist loadfile tests/e2e tests/browser
	$(PY) -m pytest tests/chaos

bench: dev servers ## measure Podium against plain Celery
	@$(PY) -m bench

screenshots: dev servers ## take the pictures of the Workflows section anew
	@$(PY) -m tests.browser.screenshots

check: lint test ## all that CI checks

lint: dev ## style, types, import contracts, migrations
	$(VENV)/bin/ruff check $(CODE)
	$(VENV)/bin/ruff format --check $(CODE)
	$(VENV)/bin/mypy $(CODE)
	$(VENV)/bin/lint-imports
	state=$$(mktemp -d) && PODIUM_STATE_DIR=$$state $(VENV)/bin/podium db upgrade && \
		PODIUM_STATE_DIR=$$state $(VENV)/bin/podium db check && rm -rf $$state

clean: ## delete .venv, .podium and caches
	rm -rf $(VENV) .podium build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

lock: ## make the locks anew from pyproject.toml
	@sh config/python.sh build/lock
	build/lock/bin/python -m pip install --quiet pip-tools
	build/lock/bin/pip-compile $(COMPILE) --output-file $(LOCK) pyproject.toml config/lock.in
	build/lock/bin/pip-compile $(COMPILE) $(EXTRAS) --constraint $(LOCK) --output-file $(DEV_LOCK) \
		pyproject.toml config/lock.in

dev: $(VENV)/.installed-dev

servers: dev
	@$(PY) -m tests.provision

$(VENV)/bin/python:
	@sh config/python.sh $(VENV)

$(VENV)/.installed: $(LOCK) pyproject.toml | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(LOCK)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: $(DEV_LOCK) $(VENV)/.installed
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(DEV_LOCK)
	@touch $@
