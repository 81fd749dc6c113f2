# The two commands of the README are `make demo` and `make test`; each sets up all that it needs.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: help setup demo test unit lint sanity integration bench lab-up lab-down clean

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## Build .venv, in which the collection resolves to this checkout

$(STAMP): requirements.txt requirements-dev.txt scripts/setup
	@scripts/setup $(VENV)
	@touch $@
