# make install: .venv with everything, in the tested versions.  make demo: the main job, small.  make test: what CI runs.
# make test-all: the slow tests, too (every recipe, every task on every family of models).
# make test-lowest, test-newest: the tests at both ends of the supported versions.  make docs: the site, without warnings.
# make fuzz: twenty seconds of coverage-guided fuzzing for each target of fuzz/targets.py (Linux).
# make release-check: wheel, sdist and extras in environments of their own.  make bench: side-by-side ratios.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test test-all test-lowest test-newest quick lint fuzz docs release-check bench clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all,dev]"
	touch $@

demo: install
	$(BIN)/python demo/demo.py

test: install lint
	$(BIN)/python -m pytest -m "not slow"

test-all: install lint
	$(BIN)/python -m pytest

quick: install
	$(BIN)/python -m pytest -m "not slow"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: install
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[fuzz]"
	$(BIN)/python fuzz/run.py --seconds 20

docs: install
	$(BIN)/mkdocs build --strict

release-check: install
	$(BIN)/python scripts/check_release.py

test-lowest:
	$(PYTHON) scripts/try_versions.py lowest

test-newest:
	$(PYTHON) scripts/try_versions.py newest

bench: install
	$(BIN)/python benchmarks/rendering.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/strips.py

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest build dist site
