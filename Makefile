# Two commands on a fresh Debian with Python: `make lab` and `make test`.
.PHONY: lab test lint components bench lock clean

lab:
	@.ci/setup lab
	@.venv/bin/wasicloud-lab lab

test: lint
	@.venv/bin/python -m pytest

lint:
	@.ci/setup test
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

# The guests from their sources, with whatever toolchains are here; says plainly what is missing.
components:
	@.ci/setup test
	@.venv/bin/python components/build.py

bench:
	@.ci/setup test
	@.venv/bin/python -m bench

# The lock files again, from the ranges in pyproject.toml.
UV = .venv/bin/uv pip compile -q pyproject.toml --universal --generate-hashes --no-emit-index-url \
     --no-emit-find-links --no-annotate --no-header --python-version 3.10 --upgrade
lock:
	@.ci/setup lab
	@.venv/bin/python -m pip install -q uv
	$(UV) --extra all --group build -o requirements.lock
	$(UV) --extra all --group dev -o requirements-dev.lock

clean:
	rm -rf .venv build dist components/build components/target .pytest_cache .mypy_cache .ruff_cache
