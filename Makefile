# make run    the server, with no configuration at all (ARGS="-c config.toml" for yours)
# make test   lint, types and every test
# make check  lint and types alone
# make bench  what is fast, and how fast
# make fuzz   every parser, a minute each
# make soak   200 kills under load, and 20 minutes of it
# make docs   the documentation as a site, in build/site
# make dist   sdist and wheel, in dist
# make lock   new pinned versions of everything

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check bench fuzz soak docs dist lock clean

run: .venv/run
	$(BIN)/shutterpost serve $(ARGS)

test: check
	$(BIN)/python -m pytest $(ARGS)

check: .venv/test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/test
	$(BIN)/python -m bench

fuzz: .venv/test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	$(BIN)/python -m fuzz $(ARGS)

soak: .venv/test
	$(BIN)/python -m soak kills 200
	$(BIN)/python -m soak load 1200

docs: .venv/test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict --quiet

dist: .venv/run
	rm -rf dist
	$(BIN)/python -m hatchling build

.venv/run: requirements/run.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.venv/test: .venv/run requirements/test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	touch $@

LOCK := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

lock:
	cd requirements && $(LOCK) run.in -o run.txt && $(LOCK) test.in -c run.txt -o test.txt \
		&& $(LOCK) fuzz.in -c test.txt -o fuzz.txt \
		&& $(LOCK) docs.in -c test.txt -o docs.txt

clean:
	rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
