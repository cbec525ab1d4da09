# The ways in: `make run` shows the product, `make test` checks all of it. Shell parts stand in .ci/.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

# Everything that is built or installed for the project stays below target/ and ui/node_modules/.
unexport CARGO_TARGET_DIR
stamps := target/stamps
ui_sources := $(shell find ui -path ui/node_modules -prune -o -path ui/dist -prune -o -path ui/e2e -prune -o -type f -print 2>/dev/null)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Build and start the demo: the desktop app, or the server where there is no display
	@if [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ]; then $(MAKE) --no-print-directory run-desktop; \
	else $(MAKE) --no-print-directory run-server; fi

.PHONY: run-desktop
run-desktop:
	@.ci/setup desktop
	@$(MAKE) --no-print-directory ui
	@echo '== building the desktop app (some minutes the first time)'
	@cargo build --release --locked --bin frontdesk
	@echo '== starting Frontdesk with the demo hotel'
	@FRONTDESK_DEMO=1 FRONTDESK_DATA_DIR="$$PWD/target/demo/desktop" target/release/frontdesk

.PHONY: run-server
run-server:
	@.ci/setup server
	@$(MAKE) --no-print-directory ui
	@echo '== no display here: building the server alone (some minutes the first time)'
	@cargo build --release --locked -p frontdesk-server
	@echo '== starting the server with the demo hotel; open the url that follows in a browser, stop with Ctrl+C'
	@target/release/frontdesk-server serve --demo --data-dir target/demo/server

.PHONY: test
test: ## Set up, check and test everything; ends in `N passed, N failed`
	@.ci/setup test
	@$(MAKE) --no-print-directory ui
	@.ci/test

.PHONY: ui
ui: $(if $(wildcard ui/package-lock.json),ui/dist/index.html) ## Build the user interface into ui/dist

ui/dist/index.html: $(stamps)/npm $(ui_sources)
	@echo '== building the user interface'
	@npm --prefix ui run --silent build
	@touch $@

$(stamps)/npm: ui/package-lock.json
	@echo '== installing the packages of the user interface'
	@. .ci/lib.sh && cd ui && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 retry npm ci --no-audit --no-fund --loglevel=error \
	  || die 'npm ci failed three times: is the network there?'
	@mkdir -p $(@D) && touch $@

.PHONY: fmt
fmt: $(stamps)/npm ## Format all code
	@cargo fmt --all
	@npm --prefix ui run --silent format

.PHONY: gen
gen: ## Write the files that are generated from the code
	@echo '== writing ui/src/protocol'
	@rm -rf target/generated
	@TS_RS_EXPORT_DIR="$$PWD/target/generated/protocol" cargo test --workspace --locked --quiet export_bindings >/dev/null
	@rm -f ui/src/protocol/*.ts && cp target/generated/protocol/*.ts ui/src/protocol/

.PHONY: sbom
sbom: ## List what a release is made of (CycloneDX, in target/sbom)
	@.ci/setup sbom
	@.ci/sbom

.PHONY: bench
bench: ## Measure and compare (release builds; half an hour on an idle machine)
	@.ci/setup desktop
	@$(MAKE) --no-print-directory ui
	@echo '== building (some minutes the first time)'
	@cargo build --release --locked -p frontdesk-server
	@cargo build --release --locked -p frontdesk --bin frontdesk --example bare
	@cargo build --release --locked -p frontdesk-bench --features plain-sqlite
	@.ci/desktop-session target/release/frontdesk-bench

.PHONY: bench-versus
bench-versus: ## Compare this build of the server with another one in turns (OTHER=path of its frontdesk-server)
	@.ci/setup load
	@cargo build --release --locked -p frontdesk-server
	@cargo build --release --locked -p frontdesk-bench
	@target/release/frontdesk-bench versus $(OTHER)

.PHONY: faults
faults: ## Do to the server what disks and networks do, for long, then load it (writes docs/reliability.md)
	@.ci/setup test
	@FRONTDESK_FAULTS=long cargo test --release --locked -p frontdesk-server --test faults -- --test-threads 1 --nocapture
	@$(MAKE) --no-print-directory load

.PHONY: attacks
attacks: ## Attack the server for long and measure what others notice of it (writes docs/security.md)
	@.ci/setup attacks
	@$(MAKE) --no-print-directory ui
	@FRONTDESK_ATTACKS=long cargo test --release --locked -p frontdesk-server --test security -- --test-threads 1 --ignored --nocapture
	@cargo build --release --locked -p frontdesk-server
	@.ci/clients/run $(or $(EXAMPLES),200)
	@cd ui && FRONTDESK_SERVER_BIN="$$PWD/../target/release/frontdesk-server" npx playwright test --config playwright.long.config.ts

.PHONY: load
load: ## 5,500 connections, 200 messages a second, a restart under all; slow readers (writes docs/reliability.md)
	@.ci/setup load
	@cargo build --release --locked -p frontdesk-server
	@cargo build --release --locked -p frontdesk-bench
	@target/release/frontdesk-bench load --minutes $(or $(MINUTES),10)
	@target/release/frontdesk-bench slow

# seconds per fuzzer
FUZZ_SECONDS ?= 60

.PHONY: fuzz
fuzz: ## Fuzz what reads strangers' bytes, a minute each (FUZZ_SECONDS=1800: half an hour each)
	@.ci/setup fuzz
	@.ci/fuzz $(FUZZ_SECONDS)
