# Cellcourse. `make` alone lists what there is to do; nothing but Python, git and make is needed beforehand.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
WORKERS ?= auto
seconds ?= 120
n ?= 10000
first ?= 1

.DEFAULT_GOAL := help
.PHONY: help run test check bench soak histories rules set-up test-tools migration lock clean

help: ## list what there is to do
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s%s\n", $$1, $$2 }'

run: set-up ## set up what is missing, then serve the clinic on http://127.0.0.1:8000 (HOST, PORT)
	@.venv/bin/clinic migrate
	@.venv/bin/clinic demo --if-empty
	@exec .venv/bin/clinic serve --host $(HOST) --port $(PORT)

test: test-tools ## every test; one of them: make test args="tests/harvest -k gate"
	@.venv/bin/python -m pytest --numprocesses=$(WORKERS) --maxprocesses=8 $(args)

check: test-tools ## lint, format, types, import contracts, spelling and the quick tests, in under 90 s
	@.venv/bin/python tools/check.py

bench: test-tools ## measure speed against the bare driver
	@.venv/bin/python -m bench $(args)

soak: test-tools ## kill the server again and again under eight writers, on both databases: make soak seconds=600
	@.venv/bin/python tools/soak.py --seconds $(seconds)

histories: test-tools ## play random histories before the gate and a second opinion: make histories n=10000 first=1
	@PROOF_HISTORIES=$(n) PROOF_FIRST=$(first) PROOF_SHARDS=1 nice -n 10 .venv/bin/python -m pytest \
		tests/proof/test_histories.py -o log_cli=true --log-cli-level=INFO $(args)

rules: test-tools ## write docs/rules.md: each rule, where it is enforced, its tests
	@.venv/bin/python tools/rules.py

set-up: ## only set up: .venv, locked dependencies, browser assets
	@$(PYTHON) tools/set_up.py

test-tools: ## only set up what tests need, a browser included
	@$(PYTHON) tools/set_up.py --tests

migration: set-up ## write the migration for a changed model: make migration m="harvest: volume of anticoagulant"
	@test -n "$$m" || { echo 'Say what changed: make migration m="harvest: volume of anticoagulant"' >&2; exit 2; }
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	export CLINIC_INSTANCE="$$scratch" CLINIC_DATABASE_URL="sqlite:///$$scratch/clinic.db" && \
	.venv/bin/flask --app wsgi db upgrade && .venv/bin/flask --app wsgi db migrate --message "$$m"

lock: test-tools ## lock the dependencies after a change in pyproject.toml or package.json (args=--upgrade for newer ones)
	@.venv/bin/python tools/lock.py $(args)

clean: ## remove all that the set-up made; the clinic's data in instance/ stays
	@rm -rf .venv node_modules clinic/static/vendor
	@find . -path ./instance -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
