# `make demo` trains LunarLander until the agent lands; `make test` runs the tests. Both set up what they need.
# `make chaos` kills the parts of trainings, cuts their links, plays a week, and counts what is lost: about four hours.
# `make stack` runs the stack of compose.yaml on this machine's Docker engine and breaks it on purpose.
# `make wheels` builds what is published into dist/ and checks it. `make test PYTEST=...` gives pytest more arguments.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := $(wildcard soulsai_*/pyproject.toml)
OTHERS := $(filter-out soulsai_core/%,$(DISTRIBUTIONS))
EDITABLE := -e "soulsai_core[box2d,video]" $(foreach d,$(OTHERS),-e $(dir $(d)))
HELPERS := $(shell find tests -name '*.py' ! -name 'test_*.py' ! -name conftest.py)
# For two cores: much of the tests is waiting for processes.
WORKERS := 4
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: demo test lint format bench chaos stack wheels clean

demo: $(VENV)/installed
	$(BIN)/soulsai train --preset lunar-lander --clients 2 --set training.stop.mean_return=200

test: $(VENV)/developed
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST)

lint: $(VENV)/developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(foreach d,$(DISTRIBUTIONS),$(dir $(d))src) $(HELPERS)
	$(BIN)/mypy benchmarks

format: $(VENV)/developed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/developed
	$(INSTALL) --requirement benchmarks/requirements.txt
	$(BIN)/python -m benchmarks

chaos: $(VENV)/developed
	$(BIN)/python -m benchmarks.endurance
	$(BIN)/python -m benchmarks.endurance.links
	$(BIN)/python -m benchmarks.endurance.leaving
	$(BIN)/python -m benchmarks.endurance.week
	$(BIN)/python -m pytest tests/core/node/saving/test_node_killed.py --lives 300 -rP

stack:
	$(PYTHON) -m compose.check

wheels: $(VENV)/developed
	$(BIN)/python -m release

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
