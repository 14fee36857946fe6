# The project's entry points. `make help` lists them.

CARGO ?= cargo
PREFIX ?= /usr/local
BINARY ?= target/release/heald
LAB = $(CARGO) run --quiet --example lab --

.PHONY: help demo test test-unit test-sim soak mutants test-rules test-playbooks test-live test-newer drills lint bench setup lab-up lab-down build install uninstall clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## Break a unit and a container, watch heald repair them (ONCE=1: stop when both are healed)
	@$(CARGO) build --bin heald --example demo
	@$(CARGO) run --quiet --example demo

test: setup test-unit test-sim test-rules test-live ## Everything; installs what it misses

test-unit: ## The pure core, the files, the wire
	$(CARGO) test --locked --features failpoints --lib --bins --test it

test-sim: ## Seeded simulation of the core, and of the loop with its store
	$(CARGO) test --locked --features failpoints --test sim

soak: ## Fresh seeds until Ctrl-C; prints one that fails, and how to see it again (HEALD_SOAK_SECONDS=n: for so long)
	$(CARGO) test --locked --test sim soak -- --ignored --nocapture

mutants: ## Takes each guard away and names what notices (HEALD_SIM_WITHOUT=budget: only that one)
	$(CARGO) test --locked --features failpoints --test sim mutants -- --ignored --nocapture

test-rules: setup ## Alert rules and Alertmanager's configuration, with promtool and amtool
	tests/rules.sh

test-playbooks: ## What each shipped playbook does, on virtual time; see docs/testing-playbooks.md
	$(CARGO) run --locked --quiet --features failpoints --bin heald -- test rules playbooks

test-live: setup ## Real Prometheus, Alertmanager, systemd and Docker
	$(CARGO) build --locked --features failpoints --example heald-victim
	$(CARGO) test --locked --features failpoints --test live

test-newer: setup ## The rules and the live tests with the programs of a newer Debian (SUITE=trixie)
	path=$$(tests/lab/newer.sh $(or $(SUITE),trixie)) && PATH=$$path $(MAKE) test-rules test-live

drills: setup ## Every drill on real parts; writes the measured column of docs/coverage.md
	@$(CARGO) build --locked --bin heald --example heald-victim --example drills
	@$(CARGO) run --locked --quiet --example drills

lint: ## Format, clippy, rustdoc
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --features failpoints -- -D warnings
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --locked --quiet --no-deps --document-private-items --features failpoints

bench: ## Figures beside their references; see docs/performance.md
	$(CARGO) bench --locked --bench '*'

setup: ## Install what the tests and the demo need (as root; else says what to run)
	@tests/lab/setup.sh

lab-up: setup ## Start the lab and leave it running
	@$(LAB) up

lab-down: ## Stop it and leave nothing behind
	@$(LAB) down

build: ## The release binary
	$(CARGO) build --locked --release

# Builds nothing: root often has no cargo, and should not leave its files in target/.
install: ## Binary, unit, sample configuration, playbooks, rules under PREFIX and /etc/heald
	@test -x $(BINARY) || { echo "$(BINARY) is missing: run 'make build' first, as yourself" >&2; exit 1; }
	install -D -m 0755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/heald
	install -D -m 0644 dist/heald.service $(DESTDIR)/etc/systemd/system/heald.service
	sed -i 's|/usr/local/|$(PREFIX)/|' $(DESTDIR)/etc/systemd/system/heald.service
	install -d -m 0755 $(DESTDIR)/etc/heald/playbooks $(DESTDIR)$(PREFIX)/share/heald $(DESTDIR)$(PREFIX)/share/doc/heald
	test -e $(DESTDIR)/etc/heald/heald.yaml || { install -m 0644 dist/heald.yaml $(DESTDIR)/etc/heald/heald.yaml && sed -i 's|/usr/local/|$(PREFIX)/|' $(DESTDIR)/etc/heald/heald.yaml; }
	test -e $(DESTDIR)/etc/heald/webhook-token || (umask 077 && head -c 32 /dev/urandom | base64 >$(DESTDIR)/etc/heald/webhook-token)
	rm -rf $(DESTDIR)$(PREFIX)/share/heald/*
	cp -r playbooks alert-rules compose grafana $(DESTDIR)$(PREFIX)/share/heald/
	rm -rf $(DESTDIR)$(PREFIX)/share/heald/compose/secrets
	cp -r README.md ARCHITECTURE.md CHANGELOG.md docs $(DESTDIR)$(PREFIX)/share/doc/heald/
	@echo "Next: put your units and containers into /etc/heald/heald.yaml, then: heald check && systemctl enable --now heald"

uninstall: ## What install put there; configuration and journal stay
	$(if $(DESTDIR),,-systemctl disable --now heald.service)
	rm -f $(DESTDIR)$(PREFIX)/bin/heald $(DESTDIR)/etc/systemd/system/heald.service
	rm -rf $(DESTDIR)$(PREFIX)/share/heald $(DESTDIR)$(PREFIX)/share/doc/heald
	@echo "Kept: /etc/heald and /var/lib/heald (the journal, with its budgets)"

clean: ## Build output and the lab's data
	$(CARGO) clean
