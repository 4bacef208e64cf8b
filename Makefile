# Every target sets up what it needs: a virtual environment from the lock file, and a database server.
BIN := .venv/bin
export PYTHONHASHSEED := 0

DATABASE_TESTS := tests/ports tests/service/adapters/mysql tests/service/api/test_locked_listing.py \
	tests/service/api/test_process.py tests/service/worker/test_process.py tests/stack/database tests/stack/audit tests/cli/test_db.py

.DEFAULT_GOAL := help
.PHONY: help setup chromium demo test check format lint types bench nightly races test-mysql soak security audit-dependencies rehearse reliability scale capacities reliability-live reliability-worlds mutation fidelity gate bundle docs lab notebooks lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: .venv/.ready ## Virtual environment from the lock file, and a database server

.venv/.ready: requirements.lock pyproject.toml .ci/setup
	@sh .ci/setup

demo: setup ## Stack, Locust run on real media, simulation, verdict and page
	@$(BIN)/harness demo

chromium:
	@sh .ci/chromium

test: setup chromium lint types ## Everything that a change must pass, with branch coverage
	$(BIN)/pytest -n 2 --dist loadgroup -m "not nightly" --cov --cov-report=
	@echo "branch coverage of harness/: $$($(BIN)/coverage report --format=total) %"

races: setup ## The races, 250 rounds each: on MariaDB, on MySQL, and 100 through HTTP
	@$(BIN)/harness db install --engine mysql
	for engine in mariadb mysql; do \
		RACE_ROUNDS=250 HARNESS_DATABASE_ENGINE=$$engine nice $(BIN)/pytest tests/service/core/use_cases/test_races.py || exit 1; \
	done
	RACE_ROUNDS=100 nice $(BIN)/pytest tests/stack/test_http_races.py

soak: setup ## Half an hour of batches: what grows? ARGS="--minutes 10" for less
	nice $(BIN)/python -m tests.stack.soak $(ARGS)

security: setup ## Hostile requests by the hundred; writes the tables of docs/explanation/security.md
	$(BIN)/python -m tests.security.count

audit-dependencies: setup ## Known vulnerabilities of the locked dependencies; says so if their database is not reached
	@$(BIN)/python .ci/audit_dependencies.py

test-mysql: setup ## The database's tests, on genuine MySQL
	@$(BIN)/harness db install --engine mysql
	HARNESS_DATABASE_ENGINE=mysql $(BIN)/pytest -m "not nightly" $(DATABASE_TESTS)

check: setup lint types ## Formatting, lint, types, import contracts, template, fast tests: about a minute
	$(BIN)/pytest -n 2 -m "not stack and not slow and not nightly" --hypothesis-profile=quick

format: setup ## Rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache | tail -n 4
	@$(BIN)/cfn-lint harness/blueprint/template.yaml

types: setup
	@$(BIN)/mypy

lab: setup ## JupyterLab on the notebooks
	@$(BIN)/harness lab

notebooks: setup ## Execute the notebooks' sources: notebooks/*.ipynb
	$(BIN)/python notebooks/build.py

bench: setup ## Measure, as ratios, on this machine
	$(BIN)/harness bench all

nightly: setup ## The slow tests: long simulations, soak
	$(BIN)/pytest -m nightly --timeout=3600

rehearse: setup ## 20,000 schedules of faults through the real core in virtual time: three to five minutes
	nice $(BIN)/harness rehearse --schedules 20000

COUNT ?= 100
reliability-live: setup ## COUNT seeded fault schedules on live stacks, audited, into docs/explanation/reliability.md
	nice $(BIN)/python -m tests.stack.faults.fault_schedules schedules $(COUNT)

reliability-worlds: setup ## COUNT seeds of a fault scenario, live, rehearsed and simulated: the same ends
	nice $(BIN)/python -m tests.stack.faults.fault_schedules worlds $(COUNT)

reliability: setup ## Rehearse, plant ten bugs, and write the tables of docs/explanation/reliability.md
	nice $(BIN)/python -m tests.service.rehearsal.reliability

scale: setup ## Simulate a million listings a day, and write the tables of docs/explanation/scale.md
	nice $(BIN)/python -m benchmarks.scale

capacities: setup ## 30 random answers of harness plan, checked, five of them live; writes docs/how_to/capacity.md
	nice $(BIN)/python -m benchmarks.planned_capacities

mutation: setup ## Mutation testing of the alarm evaluator and the gate; 90 % must be killed
	nice $(BIN)/python tests/lab/mutation.py

fidelity: setup ## Fit one load, predict and play others, write docs/explanation/fidelity.md; FIDELITY=--short: 15 minutes
	$(BIN)/python -m benchmarks.fidelity $(FIDELITY)

gate: setup ## Play smoke on the local stack, check the run, fail on a breach
	@sh docs/ci/gate.sh

bundle: setup ## Lambda code and state-machine definition to deploy: build/bundle
	@$(BIN)/python .ci/bundle.py

docs: setup ## The documentation, for reading without a network: site/index.html
	$(BIN)/mkdocs build --strict -q

lock: ## Resolve the dependencies again
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes -q -o requirements.lock

clean: ## Remove what was built
	rm -rf .venv build site runs .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis harness.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
