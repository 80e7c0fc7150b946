# make demo   the five-minute path on a fresh machine: set up, train, package, predict, replay, serve
# make test   set up, then run every test
# make check  format, lint, types, then every test: the whole of continuous integration
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench bench-core robustness golden docs clean

# Usable means 3.10 or later, with what it takes to make a virtual environment;
# 3.11 is tried first. Another one: make setup PYTHON=/path/to/python
PYTHON ?=
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SAMPLE := sample_routines/iris_sklearn
PACKAGE := $(SAMPLE)/dist/iris_routine-0.1.tar.gz
DEMO_PORT ?= 8765
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The console scripts of the virtual environment come first, for make demo and its reader.
export PATH := $(CURDIR)/$(BIN):$(PATH)

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## a virtual environment in .venv with the product and all that demo and tests need

$(STAMP): pyproject.toml setup.py
	@test -x $(BIN)/python || { \
	  for python in $(or $(PYTHON),python3.11 python3 python3.12 python3.13 python3.10); do \
	    if $$python -c '$(USABLE)' 2>/dev/null; then \
	      echo "Making $(VENV) with $$($$python --version)."; exec $$python -m venv $(VENV); \
	    fi; \
	  done; \
	  echo "make: no usable Python: 3.10 or later with venv and ensurepip is needed" >&2; \
	  echo "make: (Debian, Ubuntu: apt-get install python3 python3-venv)." >&2; exit 20; }
	@echo "Installing the product, its extras and the test tools into $(VENV); this takes minutes."
	$(BIN)/python -m pip install --quiet --editable '.[cpu,test]'
	@# Keras 2, for old archives; its metadata asks for the large wheel of TensorFlow.
	$(BIN)/python -m pip install --quiet --no-deps "tf_keras==$$($(BIN)/python -c \
	  'from importlib.metadata import version as v; print(*v("tensorflow-cpu").split(".")[:2], sep=".")').*"
	@# The messages of TensorFlow Serving, which ours are compared with; it asks for that wheel too.
	$(BIN)/python -m pip install --quiet --no-deps "tensorflow-serving-api>=2.15"
	@touch $@

demo: setup ## train the iris sample, package it, predict, replay and serve with the package
	@echo; echo "== 1. Train a model: scikit-learn on iris, with a pickled preprocessor."
	python $(SAMPLE)/train.py
	@echo; echo "== 2. Package the routine: the same files always give the same bytes."
	cpr package $(SAMPLE) --prediction-class predictor.MyPredictor
	@echo; echo "== 3. Predict with the package: rows from a file, then a request with a parameter."
	cpr predict $(PACKAGE) --model-dir $(SAMPLE)/model --json-instances $(SAMPLE)/requests/rows.jsonl
	cpr predict $(PACKAGE) --model-dir $(SAMPLE)/model --json-request $(SAMPLE)/requests/probabilities.json
	@echo; echo "== 4. Replay the recorded requests, 100 times over, and time them."
	cpr replay $(SAMPLE)/requests $(PACKAGE) --model-dir $(SAMPLE)/model --repeat 100
	@echo; echo "== 5. Serve the package, replay the same requests over HTTP, and stop the server."
	cpr serve $(PACKAGE) --model-dir $(SAMPLE)/model --model-name iris --port $(DEMO_PORT) & \
	  server=$$!; trap "kill $$server; wait $$server" EXIT; \
	  until (exec 3<>/dev/tcp/127.0.0.1/$(DEMO_PORT)) 2>/dev/null; do \
	    kill -0 $$server 2>/dev/null || exit 20; sleep 0.1; done; \
	  cpr replay $(SAMPLE)/requests http://127.0.0.1:$(DEMO_PORT)/v1/models/iris:predict --repeat 100
	@echo; echo "Done. The same by hand, and what next: README.md. Put .venv/bin on your PATH first."

test: setup ## every test
	$(BIN)/python -m pytest -q -n auto --dist loadfile

check: setup build/types ## format, lint, types and every test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	cd build/types && ../../$(BIN)/mypy --config-file ../../pyproject.toml --strict -p cpr
	$(BIN)/python -m pytest -q -n auto --dist loadfile

# The import package as setup.py maps it, for tools that read folders: links, remade each time.
.PHONY: build/types
build/types:
	@rm -rf $@ && mkdir -p $@/cpr
	@ln -s $(CURDIR)/cpr/* $@/cpr/
	@ln -s $(CURDIR)/predictors $@/cpr/predictors
	@ln -s $(CURDIR)/packaging/packager $@/cpr/packager

# All peers take 12 GB in build/bench: make bench PEERS="vertex kserve" OPTIONS=--smoke
PEERS ?=
OPTIONS ?=
bench: setup ## our server beside the other Python model servers, about an hour
	$(BIN)/python benchmarks/serving --peers "$(PEERS)" $(OPTIONS)

bench-core: setup ## the framework's own cost of a call
	$(BIN)/python benchmarks/core.py

# The whole hour of soaking, and JSONTestSuite: make robustness MINUTES=60 OPTIONS="--corpus DIR"
MINUTES ?= 2
robustness: setup ## kill, flood, starve and poison a server, and count what was lost
	$(BIN)/python benchmarks/robustness/run.py --minutes $(MINUTES) $(OPTIONS)

golden: setup ## rewrite the golden files; review the difference before you commit it
	CPR_UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q tests/cli

docs: setup ## rewrite the generated pages
	$(BIN)/python tools/cli_docs.py
	$(BIN)/python tools/findings_docs.py

clean: ## remove what make and the samples have made, the virtual environment too
	rm -rf $(VENV) build dist *.egg-info sample_routines/*/model sample_routines/*/dist
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
