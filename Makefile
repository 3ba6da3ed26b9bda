# Brandmelder. Every target sets up what it needs; a second call costs nothing.
.DEFAULT_GOAL := help
.PHONY: help install run test check bench train evaluate docs lock clean kafka

PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.runtime
DEVELOPMENT := .venv/.development
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
KAFKA := .cache/kafka/complete

help: ## Show what there is to call
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

install: $(DEVELOPMENT) ## Set up the virtual environment with everything for development

run: $(RUNTIME) ## Run everything on this machine: the demo, or CONFIG=my.yaml
ifdef CONFIG
	@$(BIN)/brandmelder up --config $(CONFIG)
else ifneq ($(wildcard brandmelder.yaml),)
	@$(BIN)/brandmelder up --config brandmelder.yaml
else
	@$(BIN)/python -m sandbox.demo
endif

test: $(DEVELOPMENT) kafka ## Run every test this machine can run; says what it left out
	@$(BIN)/python -m pytest $(ARGS)

check: $(DEVELOPMENT) ## Format, lint, types and import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(DEVELOPMENT) kafka ## Measure; prints tables with ratios
	@$(BIN)/python -m benchmarks $(ARGS)

train: $(DEVELOPMENT) ## Train the classifier anew: PUBLIC=folder, CORRECTIONS=own.jsonl, OUTPUT=own.npz
	@$(BIN)/python -m training.train $(if $(PUBLIC),--public $(PUBLIC)) \
		$(if $(CORRECTIONS),--corrections $(CORRECTIONS)) $(if $(OUTPUT),--output $(OUTPUT))

evaluate: $(DEVELOPMENT) ## Judge the classifier: PUBLIC=folder, MODEL=own.npz, BEFORE=other.npz
	@$(BIN)/python -m training.evaluate $(if $(PUBLIC),--public $(PUBLIC)) \
		$(if $(MODEL),--model $(MODEL)) $(if $(BEFORE),--before $(BEFORE))

docs: $(DEVELOPMENT) ## Write the generated documentation anew
	@$(BIN)/python -m libs.common.asyncapi > docs/asyncapi.yaml
	@$(BIN)/python -m tests.contract.collectors.table

lock: $(DEVELOPMENT) ## Write the locked requirements anew from pyproject.toml
	$(BIN)/uv pip compile $(LOCK) --output-file requirements.txt pyproject.toml
	$(BIN)/uv pip compile $(LOCK) --extra dev --output-file requirements-dev.txt pyproject.toml

clean: ## Remove what the targets made, not your data
	rm -rf .venv .cache build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

LOCK := --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

# Apache Kafka's own jars, where Java and Maven are there to use them.
kafka:
	@if command -v java >/dev/null && command -v mvn >/dev/null; then $(MAKE) -s $(KAFKA); fi

$(KAFKA): deploy/kafka/pom.xml
	@echo "Fetching Apache Kafka for the tests …"
	@mkdir -p $(@D)
	@mvn -B -ntp -f $< dependency:copy-dependencies > $(@D)/maven.log 2>&1 && touch $@ || { \
		tail -n 5 $(@D)/maven.log; \
		echo "Kafka could not be fetched; the tests that need it will be left out."; }

.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
		sys.exit(None if (3, 11) <= v <= (3, 13) else \
		f"Python 3.11, 3.12 or 3.13 is needed; {sys.executable} is {v[0]}.{v[1]}. Try: make PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv

$(RUNTIME): requirements.txt pyproject.toml | .venv/bin/python
	@echo "Installing Brandmelder into .venv …"
	@$(PIP) --require-hashes -r requirements.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEVELOPMENT): requirements-dev.txt $(RUNTIME)
	@echo "Installing the development tools into .venv …"
	@$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@
