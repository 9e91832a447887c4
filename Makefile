# make demo   install everything and run the demonstration, in about a minute
# make test   install everything; lint, types, layers, tests (at most 12 minutes on 2 cores)
# make bench  latency and throughput beside Vowpal Wabbit, gittins and a C kernel; the log, catalogues, evaluation
# make bakeoff  policies beside Vowpal Wabbit on classification data;  make simulate  on the reference simulations
# make contexts  policies beside Vowpal Wabbit on embeddings, texts, tags, ids, outliers and change (hours; resumes)
# make case   recommenders in a simulated shop and on real events: the engine beside a nightly filter and popularity
# make experiments  an experiment on real data from start to promotion; error rates and power over many simulations
# make crash  kill, interrupt and starve a writing process thousands of times (make test does some)
# make forgetting  kill a process within `forget` fifty times on each back end, and search its files
# make forgery  open three hundred forged stores and snapshots within limits of time and memory
# make fuzz   20,000 calls with values that applications pass by mistake (make test tries 500)
# make coverage  coverage of the intervals over many simulated logs (make test checks a few)
# make calibration  every policy's draws over 100,000 decisions
# make mutants  change the core in 400 places, one at a time: do its nearest tests notice? (half an hour; resumes)
# make test-gpu  the policy tests on a GPU, if there is one
# make docs   the guides and the reference, into site/
# make audit  known vulnerabilities of the installed dependencies (asks the network; not part of make test)
# make clean  remove everything that the targets above create

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench fuzz crash forgetting forgery coverage calibration experiments case bakeoff simulate contexts mutants docs test-gpu clean

help:
	@sed -n 's/^# //p' Makefile

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Croupier needs Python 3.11 or later, and $(PYTHON) is older or missing: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "$(PYTHON) cannot create virtual environments: on Debian, apt-get install python3-venv"; exit 1; }
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

$(VENV)/audit: $(VENV)/demo
	@$(PIP) --group audit && touch $@

demo: $(VENV)/demo
	@$(BIN)/python scripts/demo.py

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/pyright

test: lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal --durations=10

bench: $(VENV)/test
	for name in loop kernels store catalogue evaluation calls; do $(BIN)/python -m bench $$name || exit 1; done

fuzz: $(VENV)/test
	CROUPIER_FUZZ_EXAMPLES=20000 $(BIN)/python -m pytest tests/engine/test_arguments.py tests/engine/test_public_arguments.py tests/engine/test_machine.py --timeout 7200

crash: $(VENV)/test
	$(BIN)/python -m proofs.crash --runs 250
	$(BIN)/python -m proofs.interrupts
	$(BIN)/python -m proofs.outages

forgetting: $(VENV)/test
	$(BIN)/python -m proofs.forgetting

forgery: $(VENV)/test
	$(BIN)/python -m proofs.forgery

coverage: $(VENV)/test
	$(BIN)/python -m proofs.coverage

bakeoff: $(VENV)/test
	$(BIN)/python -m bakeoff

calibration: $(VENV)/test
	$(BIN)/python -m proofs.calibration

experiments: $(VENV)/test
	$(BIN)/python -m case.experiment
	$(BIN)/python -m proofs.experiments

case: $(VENV)/test
	$(BIN)/python -m case.study
	$(BIN)/python -m case.events

simulate: $(VENV)/test
	$(BIN)/python -m bakeoff.simulations

contexts: $(VENV)/test
	$(BIN)/python -m bakeoff.contexts

mutants: $(VENV)/mutants
	$(BIN)/python -m proofs.mutants

test-gpu: $(VENV)/test
	$(BIN)/python -m pytest tests/policies -k cuda -rs

docs: $(VENV)/docs
	$(BIN)/mkdocs build --strict --quiet && echo "open site/index.html"

.PHONY: audit
audit: $(VENV)/audit # --strict: what cannot be audited is a failure too
	$(BIN)/python -m pip freeze --disable-pip-version-check --exclude-editable > $(VENV)/audited.txt
	$(BIN)/pip-audit --strict --disable-pip --no-deps --requirement $(VENV)/audited.txt

clean:
	rm -rf $(VENV) site out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
