# Everything a contributor runs. It needs Debian, Python 3, make and, for the fleet, root. All that is made lands in .work/.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON := .work/venv/bin/python
PYTEST := $(PYTHON) -m pytest
RECORDINGS ?= tests/support/recordings
export PYTHONPATH := $(CURDIR):$(CURDIR)/tests/support:$(CURDIR)/.work/collections
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.work/collections
export ANSIBLE_HOME := $(CURDIR)/.work/ansible

.PHONY: help setup demo demo-down test test-unit lint sanity docs docs-lint replay playbook integration molecule benchmark fleet fleet-down

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## make the environments in .work/ (quick when they are there)
	@python3 tests/support/tools/environments.py

demo: setup ## bring up a fleet and take it through the Families sync flow
	@$(PYTHON) -m tests.support.tools.demo

demo-down: setup ## remove that fleet
	@$(PYTHON) -m tests.support.fleet down

# Three workers keep two processors busy: a test on the fleet waits for containers a third of its time.
test: setup ## run every test
	@$(PYTEST) -n 3 --dist loadgroup --no-loadscope-reorder --durations 20 tests

test-unit: setup ## run only the unit tests
	@$(PYTEST) -q -n 2 tests/unit

lint: setup ## style, types, Ansible's rules
	@$(PYTEST) -q tests/checks/test_lint.py

sanity: setup ## ansible-test sanity on the newest and the oldest ansible-core
	@$(PYTEST) -q tests/checks/test_sanity.py

docs: setup ## write what the code holds into README and docs
	@$(PYTHON) -m tests.support.tools.docs

docs-lint: setup ## documentation, links, Galaxy's importer, the built artifact
	@$(PYTEST) -q tests/checks/test_docs.py tests/checks/test_plugin_docs.py tests/checks/test_artifact.py

replay: setup ## replay recordings against the stand-in server (RECORDINGS=folder)
	@$(PYTHON) -m standin.replay $(RECORDINGS)

playbook: setup ## the playbook's logic on the newest and the oldest ansible-core, without hosts
	@$(PYTEST) -q -n 2 tests/playbook

fleet: setup ## bring the test fleet up (what is up stays)
	@$(PYTHON) -m tests.support.fleet up

fleet-down: demo-down ## remove it

integration: setup ## tests on the fleet
	@$(PYTEST) tests/integration

molecule: setup ## the molecule scenario on the fleet
	@$(PYTEST) tests/integration/test_molecule.py

benchmark: setup ## what the collection costs, as ratios (ARGS=--write writes docs/performance.md, ARGS=--quick tries it)
	@$(PYTHON) -m tests.support.benchmark $(ARGS)
