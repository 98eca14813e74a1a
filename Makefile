# Everything that is done with this repository. `make help` lists the targets; the longer ones live in scripts/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOL := go tool -modfile=tools/go.mod
# Flags of `make chaos`: CHAOS_FLAGS='-chaos.seed=7 -chaos.only=frozen'
CHAOS_FLAGS ?=
# The name of benchmarks to run, and where: make microbench BENCH=Match PKG=./internal/match
BENCH ?= .
PKG ?= ./...
# For how long each fuzz target runs.
FUZZTIME ?= 30s

# The demo account with sample traffic; DEMO=0 leaves it out.
ifeq ($(DEMO),0)
run: export HOOKLINE_DEMO := false
else
run: export HOOKLINE_DEMO := true
endif

# All are phony: Go and scripts/build-dashboard know themselves what has changed.
.PHONY: build dashboard run test lint generate generate-check vuln fuzz bench chaos microbench clean help

build: ## Build bin/hookline, with the dashboard as built last
	CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/hookline ./cmd/hookline

dashboard: ## Build the dashboard into dashboard/dist, if its sources have changed and npm is there
	scripts/build-dashboard

run: dashboard build ## Build all and run it on embedded servers, with a demo account (without: DEMO=0)
	exec bin/hookline serve

test: ## Run all tests that CI runs; on Debian, installs what they need
	scripts/test

lint: ## Check style, likely mistakes and the arrows between packages
	$(TOOL) golangci-lint run
	cd tools && go vet ./...

generate: ## Generate ent, the GraphQL server and the dashboard's operations again
	scripts/generate

generate-check: ## Fail if what is generated is not what its sources give
	scripts/check-generated

vuln: ## Look for known vulnerabilities in what the code calls
	scripts/check-vulnerabilities

fuzz: ## Run each fuzz target for a while: make fuzz FUZZTIME=5m PKG=./internal/stream
	FUZZTIME=$(FUZZTIME) scripts/fuzz $(PKG)

bench: ## Measure the path of an event beside the HTTP client alone: make bench LINES=single,latency
	scripts/install-test-deps
	go build -o .cache/testenv ./internal/testenv/cmd/testenv
	go build -o .cache/bench ./bench
	.cache/testenv -- .cache/bench $(if $(LINES),-lines $(LINES)) $(BENCH_FLAGS)

chaos: ## Break processes, Redis and PostgreSQL in every way, and print what came of it (docs/reliability.md)
	scripts/install-test-deps
	cd e2e && HOOKLINE_TEST_REQUIRE=1 go test -count=1 -timeout=60m -run '^TestChaos$$' -args -chaos.long $(CHAOS_FLAGS)

microbench: ## Run Go benchmarks: make microbench BENCH=Match PKG=./internal/match
	go build -o .cache/testenv ./internal/testenv/cmd/testenv
	.cache/testenv -- go test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)

clean: ## Remove what was built, not the data
	rm -rf bin .cache coverage* dashboard/node_modules
	find dashboard/dist -mindepth 1 ! -name .gitkeep -delete

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
