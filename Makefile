# `make demo` and `make test` create the environment that they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Compat mode, because in the default mode a script next to this folder would import the folder as `fasttok`.
EDITABLE := --config-settings editable_mode=compat --editable
SOURCES := setup.py pyproject.toml $(shell find fasttok -name '*.pyx' -o -name '*.pxd' -o -name '*.h')

.PHONY: demo test lint docs bench conformance fuzz streams clean

demo: $(VENV)/built
	$(BIN)/fasttok demo

test: $(VENV)/test
	$(BIN)/python -m pytest -n auto --maxprocesses 4

lint: $(VENV)/lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy .ci/smoke.py

docs: $(VENV)/docs
	$(BIN)/sphinx-build -W -n -q -b html docs docs/_build

bench: $(VENV)/bench .venv-pre .venv-alone
	$(BIN)/python -m benchmarks

# Compute the hashes of the results of other libraries on the shared data; the tests compare with them.
conformance: $(VENV)/test
	$(BIN)/python -m tests.conformance

# Run the tests that draw random inputs, with many more of them. This takes hours.
fuzz: $(VENV)/test
	FASTTOK_FUZZ=200 $(BIN)/python -m pytest -n auto --timeout 0 $$(grep -l FUZZ tests/test_*.py)

$(VENV)/built: $(SOURCES)
	@echo "Creating an environment in $(VENV) and compiling; this takes a few minutes …"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(EDITABLE) '.[report]'
	touch $@

# What is installed above is not compiled again: only the packages of an extra are added.
$(VENV)/test $(VENV)/lint $(VENV)/docs $(VENV)/bench: $(VENV)/%: $(VENV)/built
	$(BIN)/pip install --quiet --disable-pip-version-check 'fasttok-workbench[$*]'
	touch $@

# An environment with a pre-release of Hugging Face tokenizers, for the benchmarks.
.venv-pre:
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check click numpy 'tokenizers==1.0.0rc3'

# An environment with the packages that fasttok needs and no other library, for the benchmarks of cold training.
.venv-alone: $(VENV)/built
	$(PYTHON) -m venv $@
	$(BIN)/python -c "from importlib.metadata import requires; print(*[one for one in \
		requires('fasttok-workbench') if 'extra ==' not in one], sep='\n')" > $@/packages.txt
	$@/bin/pip install --quiet --disable-pip-version-check -r $@/packages.txt

# An environment with the libraries that stream token files. Each pins others that the tests need in newer versions.
.venv-streams:
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 'numpy<2.2' 'transformers<5' xxhash zstd Brotli \
		python-snappy catalogue boto3 requests filelock tqdm matplotlib lightning-utilities
	$@/bin/pip install --quiet --disable-pip-version-check --no-deps litdata==0.2.76 mosaicml-streaming==0.13.0

# Read exported ids with these libraries.
streams: $(VENV)/test .venv-streams
	folder=$$(mktemp -d) && $(BIN)/python -m tests.stream_peers write "$$folder" && \
		.venv-streams/bin/python tests/stream_peers.py read "$$folder" && rm -r "$$folder"

clean:
	rm -rf $(VENV) .venv-alone .venv-pre .venv-streams build dist *.egg-info docs/_build
	find fasttok -name '*.so' -o -name '*.c' | xargs rm -f
