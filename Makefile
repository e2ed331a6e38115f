# `make run` and `make test` do everything on a machine that has Python 3.11 or later and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := $(VENV)/.peers-installed
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: setup run test lint bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "The lab needs Python 3.11 or later; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[dev]'
	touch $(STAMP)

run: setup
	$(BIN)/lab run mlp_digits cnn_digits dqn_cartpole --seeds 0-4 --jobs 2
	$(BIN)/lab run dqn_ablation_cartpole --seeds 0-2 --run.steps 20000 --jobs 2 --report

test: setup lint
	$(BIN)/python -m pytest -n 2

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(PEERS)
	$(BIN)/python -m benchmarks

$(PEERS): $(STAMP)
	$(INSTALL) --editable '.[dev,bench]'
	touch $(PEERS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
