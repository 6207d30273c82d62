PY = .venv/bin/python
COMPAT = tests/compat

.PHONY: help run ready test test-fast test-compat soak bench record differential clean

help:
	@echo 'make run     serve a Kafka cluster of one broker on localhost:9092, with config.yaml'
	@echo 'make test    the fast tests, then the stock clients and tools of $(COMPAT)'
	@echo 'make soak    the tests that take minutes'
	@echo 'make bench   one table: this emulator, Apache Kafka and kfake on the same work'
	@echo 'make record  record anew what $(COMPAT) expects, from a real Kafka'
	@echo 'make differential  random requests to a real Kafka and to this: docs/differential.md'
	@echo 'make clean   remove .venv and what tests left'

run:
	@tools/venv core
	@exec .venv/bin/kafka-emulator serve --config config.yaml

test: test-fast test-compat

# The fast tests hold the declarations against Kafka's own, which are in a jar that the set-up brings.
ready:
	@tools/venv test
	@$(PY) $(COMPAT)/setup

test-fast: ready
	$(PY) -m pytest -q -n 2 --dist loadfile --ignore=$(COMPAT)

test-compat: ready
	$(PY) -m pytest -q -n 2 --dist loadfile $(COMPAT)

# pytest's status 5: nothing was collected.
soak: ready
	@$(PY) $(COMPAT)/setup --browser
	@$(PY) -m pytest -m soak; status=$$?; \
	if [ $$status = 5 ]; then echo 'no test is marked soak yet'; else exit $$status; fi

bench: ready
	$(PY) -m benchmarks

record: ready
	$(PY) $(COMPAT)/record.py

docs/CONFIGS.md: emulator/state/configs/*.py
	tools/configs

differential: ready
	$(PY) $(COMPAT)/differential/report.py

clean:
	rm -rf .venv .pytest_cache .hypothesis build dist *.egg-info $(COMPAT)/.cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
