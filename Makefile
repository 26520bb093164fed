# `make help` lists the verbs. All that they make lies in .venv, .venv-newest, .tools and caches that git ignores.
SHELL := bash
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.PHONY: help demo test bench soak lint pins clean environment components

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s%s\n", $$1, $$2}' Makefile

demo: environment ## simulator and exporter together on loopback; options in ARGS
	@.venv/bin/screenshotmax-exporter demo $(ARGS)

test: environment components ## lint, then every test on the oldest and the newest Python found; pytest options in ARGS
	@tools/test.sh $(ARGS)

bench: environment ## what a scrape costs, as ratios within one run
	@.venv/bin/python bench/scrape.py

soak: environment ## simulated worlds for 10 minutes, or MINUTES [SEED] in ARGS; stops at the first fault, seeds printed
	@tools/soak.sh $(ARGS)

lint: environment ## style, types and the floors
	@tools/lint.sh

pins: ## re-make requirements/*.txt from pyproject.toml
	@tools/pins.sh

clean: ## remove all that was made here
	@rm -rf .venv .venv-newest .tools .cache dist .coverage .hypothesis .*_cache
	@find exporter tests -name __pycache__ -prune -exec rm -rf {} +

environment:
	@tools/environment.sh oldest .venv

components:
	@tools/fetch_prometheus.sh
	@tools/fetch_chromium.sh
