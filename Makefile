# Every target is a short list of commands that also work by hand, from the top folder of the checkout.
# Variables: VENV (folder of the virtual environment), PYTHON (Python 3.11 or later), WORKERS (test processes; three keep two
# cores busy, as tests wait a lot), KEEP=1, ARGS (further words for a bench).

VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 3
KEEP ?=
ARGS ?=
# Python 3.11 first: it is the one of the base image in tests and demo, and byte-code is compiled for equal versions only.
FIND_PYTHON = for name in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$name; break; }; done
PYTHON ?= $(shell $(FIND_PYTHON))
INSTALLED := $(VENV)/.hublish-installed

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install install-system install-sandbox lint format test demo cluster-up test-cluster cluster-down \
	bench-webhook bench-layers bench-engines s2i-parity schema docs clean

help: ## print this table
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: install-system $(INSTALLED) install-sandbox ## install everything that tests and demo need (root or sudo for apt)

install-system:
	bash tests/sandbox/install-system.sh

$(INSTALLED): pyproject.toml
	test -n "$(PYTHON)" || { echo "No Python 3.11 or later with venv was found; name one: make install PYTHON=/path" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

install-sandbox:
	bash tests/sandbox/install.sh
	bash tests/sandbox/install-tools.sh

lint: ## ruff, mypy and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: ## let ruff mend and format what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: install ## all tests and the coverage gates (about 11 minutes on 2 cores)
	$(BIN)/python -m compileall -q service/hublish  # tests start it hundreds of times, often where nobody writes byte-code
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --cov --cov-branch --cov-report=
	$(BIN)/coverage report --fail-under=90
	$(BIN)/coverage report --fail-under=100 \
		--include='service/hublish/core/*,service/hublish/catalogs/*,service/hublish/oci/*'

demo: install ## release -> image -> pull request on this machine (KEEP=1: leave it running)
	KEEP=$(KEEP) $(BIN)/python -m tests.sandbox.demo

cluster-up: install ## Kubernetes with Tekton on this machine (root), or the cluster that KUBECONFIG names
	test -n "$(KUBECONFIG)" || bash tests/sandbox/install-system.sh cluster
	$(BIN)/python -m tests.cluster up

test-cluster: cluster-up ## the tests that need a cluster
	$(BIN)/python -m pytest tests/cluster

cluster-down: ## stop that Kubernetes and remove every trace of it; a cluster of KUBECONFIG stays as it is
	$(BIN)/python -m tests.cluster down

bench-webhook: ## 200 signed deliveries a second for 60 s; writes bench/out/webhook.json
	$(BIN)/python -m bench.webhook

bench-layers: install ## builds against pipenv, uv and BuildKit, medians of 3; ARGS=--resume goes on (root, about 90 min)
	$(BIN)/python -m bench.layers $(ARGS)

bench-engines: cluster-up ## builds in pods against bare TaskRuns, ten on two slots; ARGS='--case layered' (root, about 10 min)
	$(BIN)/python -m bench.engines $(ARGS)

schema: ## write config-schema/hublish.schema.json anew from the model
	$(BIN)/python config-schema/generate.py

docs: ## write docs/reference/cli.md, settings.md, commands.md and api.openapi.json anew from their tables
	$(BIN)/python -m hublish.cli.reference > docs/reference/cli.md
	$(BIN)/python -m hublish.cli.settings_reference > docs/reference/settings.md
	$(BIN)/python -m hublish.cli.commands_reference > docs/reference/commands.md
	$(BIN)/python -m hublish.cli.api_reference > docs/reference/api.openapi.json

s2i-parity: ## hold source-to-image against s2i itself; writes the table in docs/reference/s2i.md
	$(BIN)/python -m tests.sandbox.s2i_parity

clean: ## remove what tests, lints and benches leave behind (the virtual environment stays)
	rm -rf .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache bench/out dist
	find service tests bench -type d -name __pycache__ -prune -exec rm -rf {} +
