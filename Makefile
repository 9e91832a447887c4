# make demo   set everything up and run the main job, in about a minute
# make test   set everything up; lint, types, layers, tests (budget: 12 minutes on 2 cores)
# make bench  latency and throughput beside Vowpal Wabbit and gittins, and a C kernel; the log; evaluation beside its peers
# make crash  a thousand real kills (make test does twenty)
# make coverage  coverage of the intervals over many simulated logs (make test does some)
# make calibration  every policy's draws over 100,000 decisions
# make experiments  the promises about experiments, in full number; one from start to promotion on a real set
# make case   a shop whose users change their taste, and real events: the loop beside a nightly filter and popularity
# make simulate  the reference simulations;  make bakeoff  classification sets as bandits beside Vowpal Wabbit
# make mutants  change the core in 400 places, one at a time: do its nearest tests notice? (half an hour; resumes)
# make test-gpu  the policy suites on a GPU, where there is one
# make docs   the reference pages, into site/
# make clean  remove what the above made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench crash coverage calibration experiments case bakeoff simulate mutants docs test-gpu clean

help:
	@sed -n 's/^# //p' Makefile

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Croupier needs Python 3.11 or later, and $(PYTHON) is older or missing: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "$(PYTHON) cannot make virtual environments: on Debian, apt-get install python3-venv"; exit 1; }
	@echo "Installing Croupier into $(VENV) (once; a minute or two) …"
	@$(PIP) --upgrade pip && touch $@

$(VENV)/demo: $(VENV)/made pyproject.toml
	@$(PIP) --editable '.[plot]' && touch $@

$(VENV)/test: $(VENV)/demo
	@$(PIP) --group test --group lint && touch $@

$(VENV)/mutants: $(VENV)/test
	@$(PIP) --group mutants && touch $@

$(VENV)/docs: $(VENV)/demo
	@$(PIP) --group docs && touch $@

demo: $(VENV)/demo
	@$(BIN)/python scripts/demo.py

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/pyright

test: lint
	$(BIN)/python -m pytest --durations=10

bench: $(VENV)/test
	for part in loop kernels store catalogue evaluation; do $(BIN)/python scripts/bench.py $$part || exit 1; done

crash: $(VENV)/test
	$(BIN)/python scripts/crashtest.py --runs 250

coverage: $(VENV)/test
	$(BIN)/python scripts/prove_coverage.py

bakeoff: $(VENV)/test
	$(BIN)/python scripts/bakeoff.py

calibration: $(VENV)/test
	$(BIN)/python scripts/calibrate.py

experiments: $(VENV)/test
	$(BIN)/python scripts/experiment.py
	$(BIN)/python scripts/experiment_proofs.py

case: $(VENV)/test
	$(BIN)/python scripts/case_study.py
	$(BIN)/python scripts/case_events.py

simulate: $(VENV)/test
	$(BIN)/python scripts/simulate.py

mutants: $(VENV)/mutants
	$(BIN)/python scripts/mutants.py

test-gpu: $(VENV)/test
	$(BIN)/python -m pytest tests/policies -k cuda -rs

docs: $(VENV)/docs
	$(BIN)/mkdocs build --strict --quiet && echo "open site/index.html"

clean:
	rm -rf $(VENV) site out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
