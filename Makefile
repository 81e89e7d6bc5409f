# make help lists what can be made. Everything starts from a bare clone with python3 (3.11 or newer).

PYTHON ?= python3
VENV ?= .venv
SYSTEM ?= videos
JOBS ?= 2
ARGS ?=
B ?=

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable
TO_RUN := $(VENV)/.installed-to-run
TO_DEVELOP := $(VENV)/.installed-to-develop
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
CONTENDERS := benchmarks/.env

.DEFAULT_GOAL := help
.PHONY: help setup run test test-long check bench docs clean setup-integration

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

setup: $(TO_DEVELOP) ## make .venv with everything needed to develop

run: $(TO_RUN) ## run a reference system end to end: make run SYSTEM=videos
	$(BIN)/heptad run $(SYSTEM) $(ARGS)

test: $(TO_DEVELOP) ## every test: make test ARGS='-k ranking'
	$(PYTEST) --durations=10 $(ARGS)

test-long: $(TO_DEVELOP) ## hours of it: 2,000 interleavings of each aggregation, 200 crash instants, new examples
	HEPTAD_LONG=1 HYPOTHESIS_PROFILE=long $(PYTEST) --durations=20 tests/parity tests/crash tests/unit/offline/test_build_equal.py $(ARGS)

check: $(TO_DEVELOP) ## format, lint, types, rooms, fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports --config .importlinter
	$(PYTEST) -m 'not slow' $(ARGS)

bench: $(TO_DEVELOP) $(CONTENDERS)/.installed ## benchmarks against the contenders, all or one: make bench B=B9
	$(BIN)/python benchmarks/run.py $(B)

docs: $(TO_DEVELOP) ## write the generated pages of docs/ anew
	mkdir -p docs/reference
	for page in cli:heptad.cli.reference meaning:heptad.testing.meaning features:heptad.testing.features_page; do \
	  to=docs/reference/$${page%%:*}.md; \
	  $(BIN)/python -m $${page#*:} > $$to.part && mv $$to.part $$to || exit 1; \
	done

clean: ## remove .venv and every cache made here
	rm -rf $(VENV) $(CONTENDERS) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests $(wildcard benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +

setup-integration: ## install the programs that the integration tests drive (Debian, as root)
	@missing=; command -v chromium > /dev/null || missing="$$missing chromium"; \
	command -v redis-server > /dev/null || command -v valkey-server > /dev/null || missing="$$missing redis-server"; \
	if [ -z "$$missing" ]; then echo "all of them are here"; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; \
	else echo "not root on Debian: install$$missing yourself, or their tests are skipped with the reason"; fi

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(TO_RUN): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) '.[all]'
	@touch $@

$(TO_DEVELOP): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) '.[dev]'
	@touch $@ $(TO_RUN)

$(CONTENDERS)/.installed: benchmarks/env/requirements.txt
	$(PYTHON) -m venv $(CONTENDERS)
	$(CONTENDERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
