# Every target works from a clean clone: it sets up what it needs first.
# Python is any python3 of version 3.11 or newer on PATH, or PYTHON=/path/to/python.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
STAMP := $(VENV)/.installed
RUN := $(VENV)/bin/

# More arguments for one run, for example: make test ARGS='-k plan -x'
ARGS ?=

TYPED := $(wildcard lambda_rollout entrypoint.py post-entrypoint sandbox tests benchmarks scripts)
WORKFLOWS := $(wildcard .github/workflows/*.yml examples/*.yml)
# One by one: of a folder zizmor takes what lies in .github/workflows, and says nothing of the rest.
AUDITED := $(wildcard .github action.yml examples/*.yml)
SHELL_SCRIPTS := .ci/run $(wildcard tests/image/*.sh)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(STAMP) ## Only the set-up: .venv with the locked dependencies

# The environment is made anew, so that it holds what is locked and nothing else.
$(STAMP): requirements.txt requirements-dev.txt
	@set -eu; \
	new_enough='import sys; sys.exit(sys.version_info < (3, 11))'; \
	python=''; \
	for candidate in $${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14}; do \
	  if "$$candidate" -c "$$new_enough" >/dev/null 2>&1; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "make: need Python 3.11 or newer, found none as $${PYTHON:-python3}." >&2; \
	  echo "      Install one, or name it: make install PYTHON=/path/to/python3.13" >&2; \
	  exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	  echo "make: $$python has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version) ..."; \
	"$$python" -m venv --clear $(VENV); \
	$(RUN)python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps \
	  --requirement requirements-dev.txt; \
	touch $@

# Twice CI's two processors: most end-to-end tests wait most of their time. Each worker takes eight seconds of a
# processor to collect the tests.
WORKERS ?= 4

.PHONY: test
test: install build/oldest-boto3/.installed ## All tests that need no container engine
	@$(RUN)python -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

.PHONY: test-long
test-long: install ## The tests that take minutes: more cases of what `test` shows
	@$(RUN)python -m pytest --numprocesses auto --dist worksteal -m long $(ARGS)

# SEEDS: how many. SEED: one again, with its story. DOOR=botocore: through botocore's serializer and parser.
.PHONY: simulate
simulate: install ## Draw what can go wrong from seeds, and see every promise kept
	@$(RUN)python -m tests.simulation $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) \
	  $(if $(FIRST),--first $(FIRST)) $(if $(DOOR),--door $(DOOR)) $(ARGS)

# One target each, so that `make -k lint` tells of all of them.
LINTERS := lint-format lint-code lint-types lint-shell lint-image lint-workflows lint-metadata lint-templates

.PHONY: lint $(LINTERS)
lint: $(LINTERS) ## Formatter, linters and type checker

$(LINTERS): install

lint-format:
	$(RUN)ruff format --check --quiet .

lint-code:
	$(RUN)ruff check .

lint-types:
	$(RUN)mypy $(TYPED)

# The machine's own where ours has no wheel (requirements-dev.in).
lint-shell:
	$(firstword $(wildcard $(RUN)shellcheck) shellcheck) $(SHELL_SCRIPTS)

lint-image:
	$(RUN)hadolint Dockerfile

lint-workflows:
	$(RUN)actionlint $(WORKFLOWS)
	$(RUN)zizmor --offline --quiet --no-progress $(AUDITED)

lint-metadata:
	$(RUN)check-jsonschema --quiet --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(RUN)check-jsonschema --quiet --builtin-schema vendor.github-actions action.yml
	$(RUN)check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml

lint-templates:
	$(RUN)cfn-lint $(wildcard examples/starter/*.yml examples/guardian/*.yml)

.PHONY: audit
audit: install ## Audit the workflows, asking GitHub too; needs GH_TOKEN
	@$(RUN)zizmor --quiet --no-progress $(AUDITED)

.PHONY: format
format: install ## Put the code into the form that lint asks for
	@$(RUN)ruff format .
	@$(RUN)ruff check --fix .

.PHONY: demo
demo: install ## Run the action for real, end to end, in the sandbox
	@$(RUN)python -m sandbox.demo $(ARGS)

.PHONY: demo-guardian
demo-guardian: install ## What is held and watched by no job any more, put back by the guardian
	@$(RUN)python -m sandbox.demo.guardian $(ARGS)

.PHONY: guardian
guardian: install ## Build the guardian's zip file for Lambda: build/guardian.zip
	@$(RUN)python -m scripts.guardian

.PHONY: gallery
gallery: install ## Pictures of the comment for docs/gallery.md; needs npm and Chromium
	@$(RUN)python -m tests.gallery $(ARGS)

.PHONY: bench
bench: install build/awscli/.installed ## The benchmarks: a table and JSON
	@$(RUN)python -m benchmarks $(ARGS)

# What only some targets need has an environment of its own: awscli and boto3 ask for different releases.
build/tools/.installed: tests/image/requirements.txt
build/awscli/.installed: benchmarks/requirements.txt
build/oldest-boto3/.installed: tests/e2e/oldest-boto3.txt
build/tools/.installed build/awscli/.installed build/oldest-boto3/.installed: $(STAMP)
	@$(RUN)python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps \
	  --requirement $(filter %.txt,$^)
	@touch $@

# IMAGE=NAME@DIGEST: that one, as it was pushed. It is pulled, and what builds the image is left out.
image-test: export LAMBDA_ROLLOUT_IMAGE := $(IMAGE)
.PHONY: image-test
image-test: install build/tools/.installed ## Build the image with a real engine and test the container
	@$(RUN)python -m pytest -m image $(if $(IMAGE),$(addprefix tests/image/,test_image.py test_partitions.py),tests/image) $(ARGS)

.PHONY: sbom
sbom: build/tools/.installed ## List what is in an image: IMAGE=NAME@DIGEST; build/sbom.spdx.json
	@build/tools/bin/syft scan --quiet $(or $(FROM),registry):$(IMAGE) --output spdx-json=build/sbom.spdx.json

# An index named in the maker's own configuration must not find its way into a lock.
COMPILE := $(RUN)uv pip compile --quiet --no-config --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command 'make lock'
UPGRADE ?= --upgrade

.PHONY: lock
lock: install ## Update the lock files; UPGRADE='' keeps what still fits
	$(COMPILE) $(UPGRADE) --excludes requirements-excludes.txt --output-file requirements.txt requirements.in
	$(COMPILE) $(UPGRADE) --override requirements-overrides.txt --output-file requirements-dev.txt requirements-dev.in
	$(COMPILE) $(UPGRADE) --output-file tests/image/requirements.txt tests/image/requirements.in
	$(COMPILE) $(UPGRADE) --output-file benchmarks/requirements.txt benchmarks/requirements.in
	$(COMPILE) $(UPGRADE) --output-file tests/e2e/oldest-boto3.txt tests/e2e/oldest-boto3.in

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
