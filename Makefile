# Everything a contributor needs, from a fresh clone: git, make, and Python 3.10 or newer with its venv module.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
FUZZ_SECONDS ?= 600
E2E ?=
TEST_JOBS ?= 2
PARALLEL := -n $(TEST_JOBS) --dist loadfile --no-loadscope-reorder
KILLS ?= 30
FAST   := not slow and not e2e and not sandbox and not bench and not gpu

.DEFAULT_GOAL := help
.PHONY: help venv demo test thorough e2e docs faults dist smoke versions check bench compat fuzz mutants notebooks lint types golden pictures clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):[^#]*## /  make \1\t/' | expand -t 20

venv: $(STAMP)  ## make .venv with torchmagic and its pinned dependencies
	@echo "Ready: $(BIN)"

$(STAMP): constraints.txt setup.cfg pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "There is no program '$(PYTHON)'. Install Python 3.10 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 10) and "%s is Python %d.%d; torchmagic needs 3.10 or newer. Name another: make PYTHON=/path/to/python3" % (sys.executable, v[0], v[1]))'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) lacks its venv module. Install it (on Debian and Ubuntu the package is python3-venv) and try again." >&2; exit 2; }
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing torchmagic into $(VENV) (a minute or two the first time)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt setuptools
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)  ## a course from release to feedback, with 24 simulated students, in ./demo-course
	@$(BIN)/torchmagic demo --force demo-course

test: lint types  ## lint, types and the tests, TEST_JOBS (2) files at a time
	$(BIN)/python -m pytest $(PARALLEL) -m 'not thorough' --ignore=tests/e2e

thorough: $(STAMP)  ## tests that take longer: other seeds, wrong solutions, plain nbgrader beside ours, thirty kills
	$(BIN)/python -m pytest $(PARALLEL) -m thorough --ignore=tests/e2e

faults: $(STAMP)  ## kill the grader, its workers and its scheduler KILLS (30) times each
	TORCHMAGIC_KILLS=$(KILLS) $(BIN)/python -m pytest tests/faults tests/cluster/test_lost.py

e2e: $(STAMP)  ## journeys through JupyterLab, Notebook, formgrader, JupyterHub and a terminal (needs Chromium)
	$(BIN)/python -m pytest tests/e2e $(E2E)
	@echo "What the pages looked like: shots/e2e"

check: lint types  ## lint, types and the quick tests
	$(BIN)/python -m pytest -q -n $(TEST_JOBS) --dist loadfile -m '$(FAST)' --ignore=tests/e2e

bench: $(STAMP)  ## measure, and print each figure beside its goal
	@$(BIN)/python -m bench

fuzz: $(STAMP)  ## fuzz what the judge reads from a submission, for FUZZ_SECONDS (600)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt atheris
	@mkdir -p .fuzz && $(BIN)/python -m fuzz -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=.fuzz/ .fuzz

$(BIN)/uv: $(STAMP)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt uv

dist: $(BIN)/uv  ## build the wheel and the sdist into ./dist, and check them
	@rm -rf dist build *.egg-info/SOURCES.txt
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 315532800)} $(BIN)/python -m build --no-isolation . >dist.log 2>&1 || { cat dist.log; exit 1; }
	@rm dist.log && $(BIN)/uv tool run -q --python $(BIN)/python twine@7.0.0 check --strict dist/* && ls -l dist

smoke: dist  ## try that wheel and sdist in an empty environment of PYTHON's
	@$(BIN)/python -m tests.smoke dist --python $(PYTHON)

versions: dist  ## try the oldest and the newest versions of all dependencies, with each Python (VERSIONS=name for one)
	@$(BIN)/python -m tests.versions dist $(VERSIONS)

compat: $(STAMP)  ## nbgrader's own tests, with the plugin (some minutes)
	@$(BIN)/python -m tests.compat

mutants: $(STAMP)  ## make small mistakes in the solutions: do the hidden tests catch them? (TOPIC=name for one)
	@$(BIN)/python -m tests.course.mutation $(TOPIC)

notebooks: $(STAMP)  ## bring the notebooks into the form in which they are committed
	@$(BIN)/python -m graders.notebooks assignments torchmagic || true

docs: $(STAMP)  ## the documentation, with every example run, in docs/_build/html; a warning is an error
	@$(BIN)/python -m sphinx -b html -j 4 -q -W --keep-going -n -d docs/_build/doctrees docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

lint: $(STAMP)  ## ruff
	$(BIN)/ruff check .

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

golden: $(STAMP)  ## store what is rendered now as the golden files; then read the diff
	TORCHMAGIC_REWRITE_GOLDEN=1 $(BIN)/python -m pytest -q tests -m '$(FAST)'

pictures: $(STAMP)  ## take the README's pictures again (needs Chromium)
	$(BIN)/python docs/make_pictures.py

clean:  ## remove what the other targets made
	rm -rf $(VENV) demo-course docs/_build build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis bench-results.json
	find torchmagic graders tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
