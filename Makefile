# Every target is one script; `make help` says what each does.
.DEFAULT_GOAL := help
.PHONY: help demo install test bench campaign lint

help: ## Say what there is to do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: ## Build the command and watch it create, verify, rotate and revoke real keys
	@cargo build --locked --release --package keyfob-cli
	@KEYFOB_BIN="$$(scripts/target-dir)/release/keyfob" scripts/demo.sh

install: ## Build and install the C library: PREFIX=/usr/local LIBDIR=lib DESTDIR=
	@scripts/install

test: ## Do all the set-up that the tests need, then run every test
	@scripts/test

bench: ## Measure everything beside the floor and the rivals, ten minutes; writes docs/benchmarks.md. KEYS=20000 tries it out
	@scripts/bench $(KEYS)

campaign: ## The tests that scale, for hours: kills, random changes, every byte, every answer
	@KEYFOB_COHERENCE_SINGLE=100000 KEYFOB_COHERENCE_BATCHED=1000000 KEYFOB_COHERENCE_KILLS=1000 cargo test \
		--locked --release --package keyfob --lib coherence:: -- --nocapture --test-threads=1
	@KEYFOB_MORE_PREEMPTIONS=1 scripts/model
	@KEYFOB_KILLS=5000 KEYFOB_MODEL_CASES=100000 KEYFOB_EVERY_BYTE=1 cargo test --locked --release \
		--package keyfob --test crash --test model --test format

lint: ## Formatting, clippy, rustdoc, dependencies: warnings are errors
	@scripts/lint
