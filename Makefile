# make run · make test · make bench: each sets up what it needs in .venv by itself.
# The system's, where it is new enough: what the daemon runs on, and Debian's costs a message a tenth less than one that was
# built without optimizing (pyenv's). Else the first on the path.
PYTHON ?= $(or $(shell /usr/bin/python3 -c \
	'import ensurepip, sys, venv; print(sys.executable if sys.version_info >= (3, 11) else "")' 2>/dev/null),python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# As a folder on the path, not by a finder that is loaded at each start of Python: 10 ms of its 30.
EDITABLE := --config-settings editable_mode=compat --editable '.[test]'

# Bytecode is written, whatever the surroundings say: else each start of a command compiles the program anew, a
# quarter of its time, and the tests start two thousand.
export PYTHONDONTWRITEBYTECODE :=

TOOLS := $(VENV)/tools
DELIVERED := $(VENV)/delivered

BUILDER := $(VENV)/builder

.PHONY: run test prepared bench lint chromium wheel lock sbom audit clean
.DEFAULT_GOAL := run

run: $(READY) ## the main job: simulated API, daemon, sample messages over real MLLP
	$(BIN)/hl7-interface demo

# In memory where there is room: the stores of the tests flush some hundred thousand times.
SCRATCH = $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 6000000 { print "TMPDIR=/dev/shm" }')

# Two more at once than there are cores: tests from outside mostly wait, for a pace, a timer, a process.
test: $(READY) ## everything CI checks
	@$(MAKE) --no-print-directory --jobs lint chromium prepared
	$(SCRATCH) $(BIN)/python -m pytest tests --numprocesses $$(($$(nproc) + 2)) --dist worksteal

# Test files are compiled once, beside what checks them: else each of those processes compiles all, 10 s of a processor.
prepared: $(READY)
	@$(BIN)/python -m pytest tests --collect-only -qq > /dev/null || true

# The console's tests drive a real browser. On Debian as root it is installed; elsewhere they skip, and say so.
chromium:
	@command -v chromium >/dev/null || test ! -f /etc/debian_version || test "$$(id -u)" != 0 || \
		timeout 300 sh -c 'apt-get update -q && apt-get install -q -y --no-install-recommends chromium' >/dev/null 2>&1 || \
		echo "chromium could not be installed: the console's tests in a browser are skipped" >&2

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY) ## the speed table (make bench ARGS=--quick: in short); benchmarks/README.md says how each number is made
	$(BIN)/python -m benchmarks $(ARGS)

# The versions that are delivered are those that are tested; what only tests need is newest.
$(READY): setup.cfg pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set it with: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "$(PYTHON) can't make a venv; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 2; }
	@sed -n 's/^\([a-z0-9-]*==[^ ;\\]*\).*/\1/p' requirements.lock > $(VENV)/constraints.txt
	@echo "packages are installed into $(VENV), once" >&2
	@$(INSTALL) --constraint $(VENV)/constraints.txt $(EDITABLE) || \
		{ echo "The pinned versions can't be had here: the newest that fit are installed" >&2; $(INSTALL) $(EDITABLE); }
	@touch $(READY)

# ---- what is delivered, and what it is made of (docs/service.md, docs/supply-chain.md) ----

wheel: $(BUILDER)/.ready ## dist/hl7_interface-*.whl
	@rm -rf build dist
	$(BUILDER)/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

lock: $(TOOLS)/.ready ## newest versions of all packages, with the hashes of all their files
	$(TOOLS)/bin/uv pip compile setup.cfg $(LOCK) --output-file requirements.lock
	$(TOOLS)/bin/uv pip compile deploy/build.in $(LOCK) --output-file deploy/build.lock

LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"

sbom: $(DELIVERED)/.ready ## deploy/sbom.cdx.json and docs/licences.md, from the metadata of what the lock file names
	$(DELIVERED)/bin/python docs/supply_chain.py

audit: $(TOOLS)/.ready ## known vulnerabilities; asks a database on the internet
	$(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

$(TOOLS)/.ready:
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check 'uv >= 0.5' 'pip-audit >= 2.7'
	@touch $@

$(BUILDER)/.ready: deploy/build.lock
	@$(PYTHON) -m venv --clear $(BUILDER)
	@$(BUILDER)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement deploy/build.lock
	@touch $@

$(DELIVERED)/.ready: requirements.lock
	@$(PYTHON) -m venv --clear $(DELIVERED)
	@$(DELIVERED)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
