# `make help` lists the verbs. All that they make lies in .venv, .venv-newest, .tools and caches that git ignores.
SHELL := bash
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.PHONY: help demo test bench soak lint pins audit sbom image dashboard grafana chart clean environment components

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s%s\n", $$1, $$2}' Makefile

demo: environment ## simulator and exporter together on loopback; options in ARGS
	@.venv/bin/screenshotmax-exporter demo $(ARGS)

test: environment ## lint, then every test on the oldest and the newest Python found; pytest options in ARGS
	@tools/test.sh $(ARGS)

bench: environment ## what a scrape costs, as ratios within one run, and what memory tasks take
	@.venv/bin/python bench/scrape.py
	@.venv/bin/python bench/memory.py

soak: environment ## a real exporter in chaos for 10 minutes, then simulated worlds for as long; [chaos|worlds] MINUTES [SEED] in ARGS
	@tools/soak.sh $(ARGS)

lint: environment ## style, types and the floors
	@tools/lint.sh

pins: ## re-make requirements/*.txt from pyproject.toml
	@tools/pins.sh

audit: ## ask whether a vulnerability is known of what the exporter runs with; options of pip-audit in ARGS
	@tools/audit.sh $(ARGS)

sbom: ## write the bill of materials, CycloneDX in JSON, below dist or to the file in ARGS
	@tools/sbom.sh $(ARGS)

grafana: environment ## re-make monitoring/grafana/alerting.yaml
	@.venv/bin/python -m monitoring.grafana >monitoring/grafana/alerting.yaml.new
	@mv monitoring/grafana/alerting.yaml.new monitoring/grafana/alerting.yaml

chart: environment ## re-make what of the chart comes from elsewhere: its schema, its table of values, its copies of rules
	@.venv/bin/python -m helm.upkeep

image: ## build the container image; BASE, ENGINE and PIP_CONF as tools/image.sh says
	@tools/image.sh $(ARGS)

dashboard: environment ## re-make monitoring/dashboard.json
	@.venv/bin/python -m monitoring.dashboard >monitoring/dashboard.json.new
	@mv monitoring/dashboard.json.new monitoring/dashboard.json

clean: ## remove all that was made here
	@rm -rf .venv .venv-newest .tools .cache dist .coverage .hypothesis .*_cache
	@find exporter helm monitoring tests -name __pycache__ -prune -exec rm -rf {} +

environment:
	@tools/environment.sh oldest .venv

components:
	@tools/fetch_prometheus.sh
	@tools/fetch_chromium.sh
	@tools/fetch_helm.sh
	@tools/fetch_container.sh
	@tools/fetch_supply.sh
