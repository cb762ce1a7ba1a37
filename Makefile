# Set-up is `make demo` or `make test`; both make what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# As a path: otherwise a script beside this folder, which has our name, would import the folder.
EDITABLE := --config-settings editable_mode=compat --editable
SOURCES := setup.py pyproject.toml $(shell find fasttok -name '*.pyx' -o -name '*.pxd' -o -name '*.h')

.PHONY: demo test lint docs bench conformance fuzz clean

demo: $(VENV)/built
	$(BIN)/fasttok demo

test: $(VENV)/test
	$(BIN)/python -m pytest -n auto --maxprocesses 4

lint: $(VENV)/lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(VENV)/docs
	$(BIN)/sphinx-build -W -q -b html docs docs/_build

bench: $(VENV)/bench
	$(BIN)/python -m benchmarks

# The hashes of what other libraries make of the shared data, which the tests compare with.
conformance: $(VENV)/test
	$(BIN)/python -m tests.conformance

# Long runs of the mutation tests: as many seeds as there is patience for.
fuzz: $(VENV)/test
	FASTTOK_FUZZ=200 $(BIN)/python -m pytest tests/test_fuzz.py --timeout 0

$(VENV)/built: $(SOURCES)
	@echo "Making an environment in $(VENV) and compiling, which takes a minute or so …"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(EDITABLE) '.[report]'
	touch $@

$(VENV)/test $(VENV)/lint $(VENV)/docs $(VENV)/bench: $(VENV)/%: $(VENV)/built
	$(BIN)/pip install --quiet --disable-pip-version-check $(EDITABLE) '.[$*]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info docs/_build
	find fasttok -name '*.so' -o -name '*.c' | xargs rm -f
