# make demo   a comparison of two networks on built-in streets, with pictures (minutes, no download of data)
# make test   the tests
# make quick  the tests that run between two edits: those that are not marked slow
# make check  what CI runs: lint, types, import contracts and tests
# make bench  the benchmarks behind the claims of speed
# Every target sets up .venv first. Another interpreter: make PYTHON=python3.12

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := check
.NOTPARALLEL:
.PHONY: setup demo test quick lint types bench check

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.roadseg-installed
BENCHMARKS := benchmarks/speed_table.py benchmarks/step_profile.py benchmarks/loader.py benchmarks/memory.py \
	benchmarks/training_step.py benchmarks/kill_and_resume.py benchmarks/interval_coverage.py \
	benchmarks/beside_other_work.py benchmarks/predict_folder.py benchmarks/decide.py benchmarks/stride_reach.py \
	benchmarks/scaling.py benchmarks/conventions.py benchmarks/false_alarms.py

setup: $(STAMP)

# Of pip's output only the packages' names are shown; its errors come through whole.
$(STAMP): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "roadseg needs Python 3.11 or newer, which '$(PYTHON)' is not; name another one: make PYTHON=python3.12" >&2; \
		exit 1; }
	@echo "Installing roadseg and its packages into .venv (a few minutes the first time):"
	@"$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --no-input -c constraints.txt -e '.[dev]' | \
		while read -r word name _; do case "$$word $$name" in \
			Collecting*) echo "  $${name%%[<>=!~;]*}" ;; \
			"Installing collected") echo "unpacking them ..." ;; \
		esac; done
	@touch $@

demo: setup
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash scripts/demo.sh

test: setup
	$(BIN)/python -m pytest

quick: setup
	$(BIN)/python -m pytest -m "not slow"

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

bench: setup
	for script in $(BENCHMARKS); do $(BIN)/python "$$script"; done

check: lint types test
