# make run · make test · make bench: each sets up what it needs in .venv by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test bench lint chromium clean
.DEFAULT_GOAL := run

run: $(READY) ## the main job: simulated API, daemon, sample messages over real MLLP
	$(BIN)/hl7-interface demo

# One more at once than there are cores: tests from outside mostly wait, for a pace, a timer, a process.
test: lint chromium ## everything CI checks
	$(BIN)/python -m pytest tests --numprocesses $$(($$(nproc) + 1)) --dist worksteal

# The console's tests drive a real browser. On Debian as root it is installed; elsewhere they skip, and say so.
chromium:
	@command -v chromium >/dev/null || test ! -f /etc/debian_version || test "$$(id -u)" != 0 || \
		timeout 300 sh -c 'apt-get update -q && apt-get install -q -y --no-install-recommends chromium' >/dev/null 2>&1 || \
		echo "chromium could not be installed: the console's tests in a browser are skipped" >&2

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY) ## the speed table; benchmarks/README.md says how each number is made
	$(BIN)/python -m benchmarks

$(READY): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set it with: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "$(PYTHON) can't make a venv; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(READY)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
