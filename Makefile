# Thin over the mlrf command: every target works in a clean checkout.
.DEFAULT_GOAL := help
.PHONY: help serve test check train backtest forecast bento lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
ENGINE ?=
OUT ?= forecast.csv
LEVELS ?=
DAYS ?=
export HOST PORT

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/train.done ## Serve on HOST:PORT (127.0.0.1:3000); trains on the demo data the first time
	@$(BIN)/mlrf serve

train: $(VENV)/$(if $(filter dask,$(ENGINE)),dev,train).done ## Train on DATA=<folder> (the demo data if left out) and serve that model from the next start on
	@$(BIN)/mlrf train $(if $(DATA),"$(DATA)") $(if $(ENGINE),--engine $(ENGINE))

backtest: $(VENV)/dev.done ## Score windows of the past of DATA=<folder>; to read: backtest/report.html
	@$(BIN)/mlrf backtest $(if $(DATA),"$(DATA)")

forecast: $(VENV)/train.done ## Forecast DATA=<folder> into OUT=forecast.csv; LEVELS=1 for all nodes, DAYS=n without a test table
	@$(BIN)/mlrf forecast $(if $(DATA),"$(DATA)") --out "$(OUT)" \
		$(if $(filter-out 0,$(LEVELS)),--levels) $(if $(DAYS),--days "$(DAYS)")

test: $(VENV)/dev.done ## Run the tests
	@$(BIN)/pytest -n auto

check: $(VENV)/dev.done ## Lint, format check and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bento: models/artifacts/CURRENT ## Build the Bento with the model that is served now
	@$(BIN)/bentoml build

models/artifacts/CURRENT: | $(VENV)/train.done
	@$(BIN)/mlrf train

lock: ## Resolve the locks anew (needs uv)
	uv pip compile -q pyproject.toml --universal --generate-hashes --extra bench -o requirements/bench.txt
	uv pip compile -q pyproject.toml --universal --generate-hashes --extra dev -c requirements/bench.txt -o requirements/dev.txt
	uv pip compile -q pyproject.toml --universal --generate-hashes --extra train -c requirements/dev.txt -o requirements/train.txt
	uv pip compile -q pyproject.toml --universal --generate-hashes -c requirements/dev.txt -o requirements/serve.txt

clean: ## Remove the environment and caches; trained models stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -exec rm -rf {} +

# An environment for one lock; dev holds all that train does, so either may come first.
$(VENV)/%.done: requirements/%.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing $< into $(VENV), about a minute the first time"
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r $<
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
