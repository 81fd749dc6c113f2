# The two commands of the README are `make demo` and `make test`; each sets up all that it needs.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PARTS := lint unit sanity integration molecule
LAB := python3 molecule/shared/lab.py
NAME ?= lab
HOSTS ?= 6
MODE ?= hermetic
# real vulnerability data beside the checkout, where there is any; the tests that need it say when they are skipped
FEEDS := $(wildcard ../shared/feeds)
export LOCKSTEP_TEST_FEEDS := $(if $(FEEDS),$(abspath $(FEEDS)))

.PHONY: help setup demo test test-setup unit lint sanity integration molecule bench bench-inventory bench-feeds kernel soak matrix lab-up lab-down clean

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## Build .venv, in which the collection resolves to this checkout

$(STAMP): requirements.txt requirements-test.txt requirements-dev.txt scripts/setup
	@scripts/setup $(VENV)
	@touch $@

demo: setup ## Patch six real hosts ring by ring, and show what a plain playbook does instead
	@scripts/demo

test: setup test-setup ## Everything that must be green: lint, unit, sanity, real hosts
	@MAKE="$(MAKE)" scripts/test $(PARTS)

test-setup: setup ## Install what the tests need besides: the lab's programs, PostgreSQL (as root on Debian)
	@scripts/test-setup

lint: setup ## ruff, mypy, yamllint and ansible-lint's production profile
	@scripts/lint

unit: setup ## Unit tests
	@scripts/unit

sanity: setup ## ansible-test sanity
	@scripts/sanity

integration: setup ## Tests on real lab hosts: rollouts, faults, modules
	@scripts/integration

molecule: setup ## The rollout as a molecule scenario on lab hosts
	@scripts/molecule

bench: setup ## Side by side with a plain play on the same lab hosts
	@$(BIN)/python tests/benchmarks/run.py

bench-inventory: setup ## The inventory plugin beside an inventory script and constructed
	@$(BIN)/python tests/benchmarks/inventory.py
	@$(BIN)/python tests/benchmarks/states.py
	@$(BIN)/python tests/benchmarks/progress.py

bench-feeds: setup ## A fleet of 10,000 hosts against real vulnerability data, beside a plain matcher
	@$(BIN)/python tests/benchmarks/feeds.py

kernel: setup ## Kernel upgrades, boot loader faults and power cuts on a virtual machine (QEMU; a quarter of an hour and more)
	@scripts/kernel

soak: setup ## Random faults on lab hosts for SECONDS (600), from SEED (1)
	@$(BIN)/python tests/soak/run.py --seed $(or $(SEED),1) --seconds $(or $(SECONDS),600)

matrix: setup ## Unit tests and a rollout under every ansible-core that this machine's Pythons can run
	@$(BIN)/python scripts/matrix

lab-up: ## Boot HOSTS real systemd hosts (NAME=lab HOSTS=6 MODE=hermetic or real)
	@$(LAB) up --name $(NAME) --mode $(MODE) $(foreach n,$(shell seq 1 $(HOSTS)),--host h$(n))

lab-down: ## Stop the lab NAME and leave nothing of it behind
	@$(LAB) down --name $(NAME)

clean: ## Also remove what setup and the tests have built
	@rm -rf $(VENV) .cache lockstep-report tests/output
