# Ground2Cloud: what a developer types. Every target sets up what it needs, on a fresh machine too.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON := .venv/bin/python
READY := .venv/ready
# Most of a test's time is waiting for processes, so more of them than processors.
WORKERS ?= 4
PLATFORMS := linux darwin win32
SOAK_SECONDS ?= 600
# Run whole gateways, routers, registries: apart, since they take longer than all the others.
GATEWAY := tests/integration/backchannel tests/integration/registry \
	$(wildcard tests/e2e/test_gateway*.py tests/e2e/test_registered*.py tests/e2e/test_router*.py)
# Where it is set, every process of every test compiles everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup test test-gateway test-services test-windows service-matrix check demo bench soak format constraints clean

help:
	@echo 'make setup        virtual environment, and what the tests need from Debian'
	@echo 'make demo         see it work: a gateway, an agent, callers, a killed ssh (10 s)'
	@echo 'make test         all tests but the next two, with coverage (under 6 minutes)'
	@echo 'make test-gateway    the gateway, router and registry (8 minutes)'
	@echo 'make test-services   service managers, each for real, Windows under Wine (as root; 8 minutes)'
	@echo 'make test-windows    of these only Windows (4 minutes; any user)'
	@echo 'make service-matrix  renew the table in service_wrappers/README.md from those results'
	@echo 'make check        lint, format, types for $(PLATFORMS), layers, sizes'
	@echo 'make bench        speed against bare ssh and autossh (results/bench.json)'
	@echo 'make soak         $(SOAK_SECONDS) s of kills, reloads and restarts (SOAK_SECONDS=60 for less)'
	@echo 'make format       format the code and mend what ruff can mend'
	@echo 'make constraints  renew the pinned versions in constraints.txt'
	@echo 'make clean        remove everything that is made here'

# The stamp is made last: an interrupted set-up is done again.
$(READY): pyproject.toml constraints.txt tests/setup/venv
	@tests/setup/venv .venv --constraint constraints.txt
	@touch $@

# What can't be installed here stops only the targets that need it.
setup: $(READY)
	@tests/setup/debian all || true

test: $(READY)
	@tests/setup/debian test
	@echo 'Testing: unit, integration, e2e, $(WORKERS) at a time'
	@$(PYTHON) -m pytest --numprocesses=$(WORKERS) --dist=worksteal \
		--cov --cov-report=term $(GATEWAY:%=--ignore=%) tests/unit tests/integration tests/e2e

test-gateway: $(READY)
	@tests/setup/debian gateway
	@echo 'Testing: gateway, $(WORKERS) at a time'
	@$(PYTHON) -m pytest --numprocesses=$(WORKERS) --dist=worksteal --durations=15 $(GATEWAY)

# One file of tests to a worker: what takes long to set up is set up once.
test-services: $(READY)
	@tests/setup/debian services
	@tests/setup/debian-base .venv/debian-base.tar
	@echo 'Testing: service managers, $(WORKERS) at a time'
	@$(PYTHON) -m pytest --numprocesses=$(WORKERS) --dist=loadfile \
		-p tests.services.matrix --junit-xml=results/services.xml tests/services

test-windows: $(READY)
	@tests/setup/debian windows
	@$(PYTHON) -m pytest tests/services/test_windows.py

service-matrix: $(READY)
	@$(PYTHON) -m tests.services.matrix results/services.xml

check: $(READY)
	@echo 'Checking: lint'
	@.venv/bin/ruff check --quiet
	@echo 'Checking: format'
	@.venv/bin/ruff format --check --quiet || { echo 'Run "make format".'; exit 1; }
	@set -e; for platform in $(PLATFORMS); do \
		echo "Checking: types for $$platform"; \
		$(PYTHON) -m mypy --no-error-summary --platform $$platform; \
	done
	@echo 'Checking: layers'
	@.venv/bin/lint-imports >.venv/layers.log || { cat .venv/layers.log; exit 1; }
	@echo 'Checking: sizes'
	@$(PYTHON) tests/setup/sizes.py supervisor tests

demo: $(READY)
	@tests/setup/debian demo
	@.venv/bin/ground2cloud demo

bench: $(READY)
	@tests/setup/debian bench
	@$(PYTHON) -m tests.bench

soak: $(READY)
	@tests/setup/debian demo
	@SOAK_SECONDS=$(SOAK_SECONDS) exec $(PYTHON) -m tests.soak

format: $(READY)
	@.venv/bin/ruff check --quiet --fix || true
	@.venv/bin/ruff format --quiet

constraints:
	@tests/setup/constraints

clean:
	@rm -rf .venv results dist build htmlcov .coverage .coverage.* *.egg-info \
		.pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find supervisor tests -name __pycache__ -type d -prune -exec rm -rf {} +
