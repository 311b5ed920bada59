# `make demo` trains LunarLander until the agent lands; `make test` runs the tests. Both set up what they need.
# `make stack` runs the stack of compose.yaml on this machine's Docker engine and breaks it on purpose.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := $(wildcard soulsai_*/pyproject.toml)
EDITABLE := $(foreach d,$(DISTRIBUTIONS),-e $(dir $(d)))
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: demo test lint format bench stack clean

demo: $(VENV)/installed
	$(BIN)/soulsai train --clients 2 --set training.stop.mean_return=200

test: $(VENV)/developed
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(foreach d,$(DISTRIBUTIONS),$(dir $(d))src)

format: $(VENV)/developed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/developed
	$(INSTALL) --requirement benchmarks/requirements.txt
	$(BIN)/python -m benchmarks

stack:
	$(PYTHON) -m compose.check

clean:
	rm -rf $(VENV)

$(VENV)/installed: constraints.txt $(DISTRIBUTIONS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "SoulsAI needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	@echo "Setting up $(VENV) (once; torch is the largest part)"
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) "hatchling>=1.26,<2" "editables>=0.5,<1"
	$(INSTALL) torch
	$(INSTALL) --no-build-isolation $(EDITABLE)
	@touch $@

$(VENV)/developed: $(VENV)/installed requirements-dev.txt
	$(INSTALL) --requirement requirements-dev.txt
	@touch $@
