# Everything a developer or CI does. Each target does its own set-up; a fresh machine needs Python >= 3.11 with pip, make
# and git. uv installs when it can be had (`make UV=no ...` does without).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV ?= yes
PACKAGES := styx-core $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
READY := $(VENV)/.ready
export UV_COMPILE_BYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check format docs picture bench bench-peer bench-s3 bench-server leaks chaos chaos-server live wheels clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## Run a real task on this machine with `styx launch`
	$(BIN)/styx launch --down examples/hello.yaml

test: $(READY) ## Run every test that this machine can run
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(PYTEST)

check: $(READY) ## Lint, types, layers, manifests, generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/styx plugins check
	$(BIN)/python scripts/docs.py --check
	$(BIN)/python scripts/contract.py --check

format: $(READY) ## Mend what the linter can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## Write the generated part of docs/ again
	$(BIN)/python scripts/docs.py

picture: $(READY) ## Draw the README's picture again, from a real run
	$(BIN)/python scripts/picture.py

bench: $(READY) ## Measure, and print asked, measured and floor
	$(BIN)/python -m benchmarks

bench-peer: $(READY) ## Measure Styx and its server beside SkyPilot, which is installed apart below build/ (1.3 GB, minutes)
	$(BIN)/python -m benchmarks.peer

bench-s3: $(READY) ## Measure copies to and from S3 beside the AWS CLI, which is installed apart below build/ (minutes)
	$(BIN)/python -m benchmarks.s3

bench-server: $(READY) ## Measure the server, managed jobs among a million of them, and a thousand at work (ten minutes)
	$(BIN)/python -m benchmarks server jobs_store jobs_run

CLOUD ?= bazaar
leaks: $(READY) ## Let everything go wrong at every call of CLOUD (bazaar, local, aws); count what leaked or was lost
	$(BIN)/python -m styx.testing.faults --cloud $(CLOUD) $(if $(HABITS),--habits "$(HABITS)") \
		--report build/leaks-$(CLOUD).txt

KILLS ?= 100
chaos: $(READY) ## Kill KILLS real clients at random (SEED to repeat a run); count what leaked or was lost
	$(BIN)/python -m styx.testing.faults.chaos --kills $(KILLS) $(if $(SEED),--seed $(SEED))

JOBS ?= 200
SERVERS ?= 1
chaos-server: $(READY) ## Run JOBS managed jobs while their server, or one of SERVERS=2, and nodes are killed; count what was lost or repeated
	$(BIN)/python -m benchmarks.chaos_server --jobs $(JOBS) --servers $(SERVERS) $(if $(SEED),--seed $(SEED))

BUDGET ?= 1
live: $(READY) ## Try every rule for clouds with real machines of CLOUD, for at most BUDGET dollars; none is left
	$(BIN)/python -m styx.testing.live --cloud $(CLOUD) --budget $(BUDGET) $(LIVE)

wheels: $(READY) ## Build a wheel of every package into dist/
	for package in $(PACKAGES); do $(BIN)/python -m build --wheel --outdir dist $$package || exit 1; done

clean: ## Remove what the other targets made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis

# The virtual environment is made without pip in it, which needs no ensurepip (Debian ships it apart), and filled from
# outside. Set-up begins again when a pyproject.toml or a pin changes.
$(READY): constraints.txt pyproject.toml $(addsuffix /pyproject.toml,$(PACKAGES)) scripts/install
	PYTHON="$(PYTHON)" VENV="$(VENV)" UV="$(UV)" scripts/install $(PACKAGES)
	@touch $@
