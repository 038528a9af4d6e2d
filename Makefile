# Linux and macOS. Elsewhere, in an environment with requirements-dev.txt installed: python . demo, python . test

VENV := .venv
RUN := $(VENV)/bin/python
# Set PYTHON to choose the Python that .venv is made from; else the first suitable one of these.
PYTHON ?=
PYTHONS := $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11 python3.10 python)

SUITABLE := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))

.PHONY: demo test lint panel package screenshots clean environment

demo: $(VENV)/installed  ## train the bundled character and show the pictures
	$(RUN) . demo

test: $(VENV)/installed  ## all checks and tests
	$(RUN) . test

lint: $(VENV)/installed  ## the quick checks only
	$(RUN) . test --lint

panel:  ## build the page into web/dist; needs Node.js 20 and npm
	@command -v npm >/dev/null || { echo "The panel is built with npm: install Node.js 20 or newer." >&2; exit 1; }
	cd web/panel && npm ci --no-audit --no-fund && PYTHON="$(abspath $(RUN))" npm run build

package: $(VENV)/installed  ## the archive that the Comfy Registry publishes, into build/package; builds the panel if need be
	$(RUN) install.py && $(RUN) . package

screenshots: $(VENV)/installed  ## a picture of every screen into docs/screenshots; needs the built panel and a Chromium
	$(RUN) -m pytest -m "" tests/browser/screenshots.py

clean:  ## what demo and tests leave; .venv stays
	rm -rf build demo-out
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# The stamp is written last, so that an installation that was cut off is taken up again; a working .venv is kept.
$(VENV)/installed: requirements-dev.txt
	@$(RUN) -c '$(SUITABLE)' 2>/dev/null || $(MAKE) --no-print-directory environment
	@$(RUN) -m pip install --disable-pip-version-check --requirement requirements-dev.txt || \
	  { echo "The packages could not be installed: see pip's message above, then run make again." >&2; exit 1; }
	@touch $@

environment:
	@unready=; \
	for python in $(PYTHONS); do \
	  "$$python" -c '$(SUITABLE)' 2>/dev/null || continue; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || { unready=$$python; continue; }; \
	  echo "Setting up $(VENV) with $$("$$python" --version). The first time this downloads torch and more: some minutes."; \
	  exec "$$python" -m venv --clear $(VENV); \
	done; \
	if [ -n "$$unready" ]; then \
	  echo "$$unready can't make a virtual environment. On Debian and Ubuntu: sudo apt install python3-venv; then run make again." >&2; \
	else \
	  echo "Isengard needs Python 3.10, 3.11, 3.12 or 3.13, and none was found (tried: $(PYTHONS))." >&2; \
	  echo "Install one, or say where it is: make test PYTHON=/path/to/python3.12" >&2; \
	fi; \
	exit 1
