# wdrip: everything a person or a CI run does here. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help setup lint format test test-fast bench demo down docs lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## make .venv with the pinned dependencies and the wdrip command
	@hack/setup.sh

demo: setup ## a real cluster on this machine, by the guide's own commands; leaves it running
	@hack/demo.sh

down: ## stop what `make demo` started and leave nothing of it
	@hack/down.sh

lint: setup ## ruff, mypy, import-linter, shellcheck
	@hack/lint.sh

format: setup ## let ruff format and mend what it can
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

test-fast: lint ## lint and every test that needs no real machine
	@hack/test.sh fast

test: lint ## everything, real machines included; fails when any part cannot run
	@hack/test.sh all

bench: setup ## the figures of the README, as a table
	@hack/bench.sh

docs: setup ## write docs/configuration.md anew from the models
	@$(BIN)/python hack/configuration_reference.py docs/configuration.md

lock: setup ## pin the dependencies anew from requirements/*.in
	@hack/lock.sh

clean: ## remove .venv and what tools left in the tree (the cache of image and package stays)
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
