# Thin over the mlrf command: every target works in a clean checkout.
.DEFAULT_GOAL := help
.PHONY: help serve dashboard-types docs test quick coverage check observability-test security train backtest forecast schedule schedule-test load bench bench-check bench-tracing bench-library flame \
	dashboard dashboard-test lighthouse build image sbom smoke smoke-image manifests play workflows deploy lock locks clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCHEDULE := .venv-schedule
DATA ?=
ENGINE ?=
OUT ?= forecast.csv
LEVELS ?=
DAYS ?=
RECORD ?=
PEERS ?=
FORMAT ?=
NAME ?= mlrf
IMAGE ?= $(NAME):$(shell tools/version show)
SBOM ?= sbom.json
OVERLAY ?= production
# A file's tests share its servers: spread over workers, each would start them again. The slow files
# come first, in the order of the folders, so that the workers end together.
BY_FILE := --dist loadfile --no-loadscope-reorder
# Extras stay in a lock, for a pip that resolves it
COMPILE := uv pip compile -q pyproject.toml --universal --generate-hashes --no-strip-extras
# Debian packages that the tests of monitoring run
OBSERVERS := prometheus prometheus-alertmanager prometheus-blackbox-exporter syslog-ng-core syslog-ng-mod-http
NPM := $(BIN)/python tools/node.py npm --prefix dashboard
export HOST PORT

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/train.done ## Serve on HOST:PORT (127.0.0.1:3000); builds the dashboard and trains on the demo data the first time
	@$(BIN)/python tools/build_dashboard.py --optional
	@$(BIN)/mlrf serve

dashboard: $(VENV)/train.done ## Build the dashboard, if its sources have changed; a server shows it from its next start on
	@$(BIN)/python tools/build_dashboard.py

dashboard-test: dashboard ## Check and test the sources of the dashboard, and the size of what is built
	@$(NPM) ci --ignore-scripts --no-audit --no-fund
	@$(BIN)/python -m tools.dashboard_types --check
	@$(NPM) run check
	@$(NPM) test -- --run
	@$(NPM) run size

dashboard-types: $(VENV)/train.done ## Write the types of the API for the dashboard, after a change of the API
	@$(NPM) ci --ignore-scripts --no-audit --no-fund
	@$(BIN)/python -m tools.dashboard_types

lighthouse: $(VENV)/dev.done models/artifacts/CURRENT dashboard ## Hold the pages of the dashboard to the limits of Lighthouse (needs chromium, and a quiet machine)
	@$(BIN)/python -m load.lighthouse

train: $(VENV)/$(if $(filter dask,$(ENGINE)),dask,train).done ## Train on DATA=<folder> (the demo data if left out) and serve that model from the next start on
	@$(BIN)/mlrf train $(if $(DATA),"$(DATA)") $(if $(ENGINE),--engine $(ENGINE))

backtest: $(VENV)/backtest.done ## Score windows of the past of DATA=<folder>; to read: backtest/report.html
	@$(BIN)/mlrf backtest $(if $(DATA),"$(DATA)")

forecast: $(VENV)/train.done ## Forecast DATA=<folder> into OUT=forecast.csv; LEVELS=1 for all nodes, DAYS=n without a test table
	@$(BIN)/mlrf forecast $(if $(DATA),"$(DATA)") --out "$(OUT)" \
		$(if $(filter-out 0,$(LEVELS)),--levels) $(if $(DAYS),--days "$(DAYS)")

schedule: $(VENV)/train.done $(SCHEDULE)/done ## Refresh daily and retrain monthly with SCHEDULE_TABLES=<folder>; its page is on 127.0.0.1:3070
	@$(SCHEDULE)/bin/python deploy/dagster/start.py

schedule-test: $(VENV)/dev.done $(SCHEDULE)/done ## Test the schedule in its own environment
	@$(BIN)/mypy --python-executable $(SCHEDULE)/bin/python deploy/dagster/mlrf_schedule deploy/dagster/start.py
	@$(BIN)/pytest deploy/dagster/tests

test: $(VENV)/dev.done ## Run the tests
	@$(BIN)/pytest -n auto $(BY_FILE)

quick: $(VENV)/dev.done ## Run the unit tests that are not slow, before a commit
	@$(BIN)/pytest -n auto -m "not e2e and not slow" tests/unit

coverage: $(VENV)/dev.done ## Run the tests and count what they reach; below 85 % fails
	@$(BIN)/pytest -n auto $(BY_FILE) --cov --cov-report=term:skip-covered --cov-fail-under=85

check: $(VENV)/dev.done ## Lint, format check and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

observability-test: $(VENV)/dev.done ## Test alerts, dashboard and runbooks with real Prometheus and Alertmanager (Debian packages)
	@for tool in promtool amtool prometheus prometheus-alertmanager prometheus-blackbox-exporter syslog-ng; do command -v $$tool >/dev/null || \
		{ echo "$$tool is missing: apt-get install --no-install-recommends $(OBSERVERS)" >&2; exit 1; }; done
	@$(BIN)/python tools/node.py npm --prefix tools/grafana/schema ci --ignore-scripts --no-audit --no-fund
	@$(BIN)/pytest tests/observability

security: $(VENV)/dev.done ## Look for unsafe code, and for secrets in files
	@$(BIN)/bandit -q -c pyproject.toml -ll -r . tools/version tools/smoke
	@git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --disable-plugin HexHighEntropyString \
		--disable-plugin Base64HighEntropyString --disable-plugin KeywordDetector --disable-plugin BasicAuthDetector
	@git ls-files -z -- . ':!tests' ':!dashboard/src/test' ':!requirements' ':!docs' ':!load/rivals' ':!*.md' ':!*package-lock.json' | \
		xargs -0 $(BIN)/detect-secrets-hook --disable-plugin KeywordDetector

load: $(VENV)/dev.done models/artifacts/CURRENT ## Put load on the product: SCENARIO=ramp (smoke short spike stress soak open reload), KEY=large, DURATION=seconds, TRACED=0.01, RECORD=1
	@$(BIN)/python -m load.run $(or $(SCENARIO),ramp) $(if $(KEY),--key $(KEY)) \
		$(if $(DURATION),--seconds $(DURATION)) $(if $(TRACED),--traced $(TRACED)) $(if $(DATA),--data "$(DATA)") $(if $(RECORD),--record)

bench-tracing: $(VENV)/dev.done models/artifacts/CURRENT ## Measure what tracing costs our server (needs wrk); RECORD=1
	@$(BIN)/python -m load.tracing $(if $(RECORD),--record)

bench: $(VENV)/bench.done models/artifacts/CURRENT ## Measure our server beside others over the same model (needs wrk); PEERS=all or "mlserver triton ray" for more of them, RECORD=1
	@$(BIN)/python -m load.side_by_side $(if $(PEERS),--peers "$(PEERS)") $(if $(RECORD),--record)

bench-check: $(VENV)/bench.done models/artifacts/CURRENT ## Measure our calls beside two others, and fail if one is slower than recorded by more than 15 % (needs wrk)
	@$(BIN)/python -m load.bench_check

flame: $(VENV)/bench.done models/artifacts/CURRENT ## Draw flame graphs of a worker under load into var/flames (needs wrk): FORMAT=flamegraph or speedscope
	@$(BIN)/python -m load.flame $(if $(FORMAT),--format $(FORMAT))

bench-library: $(VENV)/bench.done ## Measure the parts, beside other libraries: DATA=<folder>, WHAT="matrix growth", RECORD=1
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m load.library $(WHAT) $(if $(DATA),--data "$(DATA)") $(if $(RECORD),--record)

docs: $(VENV)/dev.done ## Write what is generated: pages of the reference, types of the Python client, new settings, dashboard and rules of deploy/
	@$(BIN)/python -m config.reference
	@$(BIN)/python -m api.docs.reference
	@$(BIN)/python -m features.data.reference
	@$(BIN)/python -m tools.grafana.dashboard
	@$(BIN)/python -m tools.prometheus_rule
	@$(BIN)/python -m tools.client_models

build: models/artifacts/CURRENT ## Build the Bento with the dashboard and the release that is served now, or BUNDLE= and SNAPSHOT=
	@$(BIN)/python tools/build_bento.py $(if $(BUNDLE),--bundle "$(BUNDLE)") $(if $(SNAPSHOT),--snapshot "$(SNAPSHOT)")

image: $(VENV)/train.done ## Build the image of the Bento: NAME=mlrf TAG=<version> BASE=<python image>; TRAIN=1 for the one that trains too
	@$(BIN)/python tools/build_image.py --name "$(NAME)" $(if $(TAG),--tag "$(TAG)") $(if $(TRAIN),--train) \
		$(if $(BASE),--python-image "$(BASE)") $(if $(SOURCE),--source "$(SOURCE)") $(OPTIONS)

sbom: $(VENV)/train.done ## Write what IMAGE is made of to SBOM=sbom.json
	@$(BIN)/python tools/sbom.py "$(IMAGE)" --out "$(SBOM)"

smoke: $(VENV)/train.done ## Serve the built Bento and ask it for forecasts
	@tools/smoke http://127.0.0.1:3999 -- $(BIN)/bentoml serve mlrf:$$(tools/version show) --host 127.0.0.1 --port 3999

smoke-image: ## Run IMAGE as production does, and ask it (docker or podman)
	@tools/smoke http://127.0.0.1:3999 -- $(or $(shell command -v docker),podman) run --rm --read-only --tmpfs /tmp \
		--cap-drop all --security-opt no-new-privileges --memory 768m -e API_KEY -p 127.0.0.1:3999:3000 $(IMAGE)

manifests: $(VENV)/dev.done ## Judge the Kubernetes manifests by our rules (needs kubectl)
	@$(BIN)/python -m tools.checks.policy

play: $(VENV)/dev.done ## Run the manifests of OVERLAY with podman and haproxy, without a cluster (as root)
	@$(BIN)/python -m tools.checks.play --overlay $(OVERLAY) --image $(IMAGE) \
		$(if $(TRAIN_IMAGE),--train-image $(TRAIN_IMAGE)) $(if $(REDIS_IMAGE),--redis-image $(REDIS_IMAGE))

workflows: $(VENV)/dev.done ## Check workflows, the configuration of Dependabot, and the Compose files
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml docker-compose.monitoring.yml
	@$(BIN)/zizmor --offline --no-progress --quiet .github

deploy: ## Roll IMAGE=<name@digest> out to OVERLAY=staging or production
	@tools/deploy "$(OVERLAY)" "$(IMAGE)" $(TRAIN_IMAGE)

models/artifacts/CURRENT: | $(VENV)/train.done
	@$(BIN)/mlrf train

lock: ## Resolve the locks anew (needs uv: pip install --no-deps --require-hashes -r requirements/tools/uv.txt); UPGRADE=1 for newer versions
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra bench -o requirements/bench.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra dev -c requirements/bench.txt -o requirements/dev.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra train -c requirements/dev.txt -o requirements/train.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra backtest -c requirements/dev.txt -o requirements/backtest.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra train --extra dask -c requirements/dev.txt -o requirements/dask.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra otlp -c requirements/dev.txt -o requirements/serve.txt
	uv pip compile -q deploy/dagster/requirements.in --universal --python-version 3.11 --generate-hashes --no-strip-extras \
		$(if $(UPGRADE),--upgrade) -o deploy/dagster/requirements.txt
	for peer in requirements/peers/*.in; do grep -oE '^onnxruntime==[0-9.]+' requirements/serve.txt | \
		uv pip compile -q $$peer -c /dev/stdin --universal --python-version 3.11 --generate-hashes --no-strip-extras \
		$(if $(UPGRADE),--upgrade) -o $${peer%.in}.txt || exit 1; done
	uv pip compile -q --universal --generate-hashes $(if $(UPGRADE),--upgrade) --group lock -o requirements/tools/uv.txt
	uv pip compile -q --universal --generate-hashes $(if $(UPGRADE),--upgrade) --group node -o requirements/tools/node.txt

locks: ## Prove that LOCKS (all) can be installed, by the oldest pip and by the newest (needs the index)
	@$(PYTHON) tools/check_locks.py $(or $(LOCKS),$(wildcard requirements/*.txt requirements/peers/*.txt) deploy/dagster/requirements.txt)

clean: ## Remove the environment and caches; trained models stay
	rm -rf $(VENV) $(SCHEDULE) .venv-peers .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -exec rm -rf {} +

# An environment for one lock; dev holds all that the others do, so any may come first.
$(VENV)/%.done: requirements/%.txt pyproject.toml tools/install.py
	@$(PYTHON) tools/install.py $(VENV) $<
	@touch $@

# Apart from the others: the versions that Dagster needs must not decide those that serve.
$(SCHEDULE)/done: deploy/dagster/requirements.txt tools/install.py
	@$(PYTHON) tools/install.py --only-lock $(SCHEDULE) $<
	@touch $@
