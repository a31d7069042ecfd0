# Daily commands; `make` alone lists them.
# Each target that needs something installs it first: .venv from the lock, Debian packages where they are missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

BIN := .venv/bin
UV := build/uv/bin/uv
UV_VERSION := 0.13.9
SCHEMAS := schemas

# What the demo and the tests run: Postfix with its table types, the two SASL worlds, what signs, makes and watches, and a
# browser that shows the pages.
DEBIAN_PACKAGES := ca-certificates postfix postfix-cdb postfix-lmdb postfix-pcre dovecot-core sasl2-bin libsasl2-modules openssl openssh-client gnupg e2fsprogs strace chromium

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: environment packages ## The whole job against a private Postfix: plan, apply, verify, drift, healing, revert
	@$(BIN)/reconciler demo

.PHONY: demo-review
demo-review: environment packages ## A pull request to three private hosts: its comment, its page, and what apply then does
	@$(BIN)/reconciler demo-review --html build/demo-review.html

.PHONY: test
test: environment packages lint types arrows schemas-current ## Everything that must hold, the tests last
	@$(BIN)/pytest -n auto --dist loadfile

.PHONY: corpus
corpus: environment packages ## Our reading of real files against Postfix's, as a table
	@$(BIN)/python -m tests.oracle.corpus

.PHONY: oracle
oracle: environment packages ## 20,000 generated and mutated documents of each kind, and all pairs of real ones, against Postfix
	@LONG=1 $(BIN)/pytest -q -n auto --dist load tests/oracle

.PHONY: faults
faults: environment packages ## Kills, errors, full disks, lost power, other people's edits: an apply is whole or not at all
	@$(BIN)/python -m tests.faults.run

.PHONY: mutations
mutations: environment packages ## Every harmful and harmless change of a working host, and what stops it, as a table
	@$(BIN)/python -m tests.mutations

.PHONY: soak
soak: environment packages ## Commits of every kind, people at main.cf, renewals and outages, for SOAK_SECONDS (300)
	@$(BIN)/python -m tests.soak.run

.PHONY: lint
lint: environment ## Rules and formatting
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

.PHONY: types
types: environment ## Strict types in reconciler/, checked bodies in tests/
	@$(BIN)/mypy

.PHONY: arrows
arrows: environment ## Who may import whom
	@$(BIN)/lint-imports --no-logo

.PHONY: schemas
schemas: environment ## Write schemas/, docs/reference/state.md and settings.md, and reconciler/desired/state_file.py anew from the models
	@$(BIN)/reconciler schemas --out $(SCHEMAS)
	@cp $(SCHEMAS)/{fleet,host,profile}-v1.json state-repo-example/schemas/
	@$(BIN)/python -c 'from reconciler.desired import reference; print(reference.render(), end="")' > docs/reference/state.md
	@$(BIN)/python -c 'from reconciler.desired import codegen; print(codegen.render(), end="")' > $(SCHEMAS)/.state_file
	@mv $(SCHEMAS)/.state_file reconciler/desired/state_file.py
	@$(BIN)/python -c 'from reconciler.settings.page import page; print(page(), end="")' > docs/reference/settings.md

.PHONY: schemas-current
schemas-current: environment
	@$(BIN)/reconciler schemas --check $(SCHEMAS)

.PHONY: bench
bench: environment packages ## What it costs, as ratios against floors measured beside it
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.fleet

.PHONY: wheel
wheel: environment ## dist/: what hosts install, beside requirements/runtime.lock
	@$(BIN)/python -m hatchling build -t wheel -d dist

.PHONY: lock
lock: environment $(UV) ## Write requirements/*.lock anew from pyproject.toml (UPGRADE=1: to the newest versions)
	@lock() { $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) "$$@"; }; \
	lock -o requirements/runtime.lock; \
	lock --group dev --constraint requirements/runtime.lock --no-annotate -o requirements/dev.lock

$(UV):
	@$(BIN)/python -m venv build/uv
	@build/uv/bin/pip install -qq --disable-pip-version-check uv==$(UV_VERSION)

.PHONY: clean
clean: ## Remove .venv, caches and builds
	@rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: environment
environment:
	@scripts/install-python-environment

.PHONY: packages
packages: environment
	@scripts/install-debian-packages $(DEBIAN_PACKAGES)
