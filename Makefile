# The virtual environment is .venv; everything below it is made here and removed by `make clean`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check

DATA ?= build/ferplus.npz
NAME ?= fer-compact
MODEL ?= build/train/$(NAME)/model.keras
VERSION ?= 1.3.0
# What a checkout brings; the other precisions are made where they are wanted.
FILES := tflite:int8,tflite:float32,onnx:int8,onnx:float32,openvino:int8

PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: setup setup-dev run mms test lint train convert bench lock install uninstall wheel deb greengrass soak fuzz deeplens clean

## setup: the agent, the detector's weights and the demo footage
setup: $(VENV)/.agent
## setup-dev: that, and what tests, training and converters need
setup-dev: $(VENV)/.dev

$(BIN)/pip:
	@scripts/setup-system python
	$(PYTHON) -m venv $(VENV)

$(VENV)/.agent: requirements/agent.lock pyproject.toml | $(BIN)/pip
	$(PIP) install --quiet --require-hashes -r requirements/build.lock
	$(PIP) install --quiet --require-hashes -r requirements/agent.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/emotion-agent models pull
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.agent
	@scripts/setup-system audio
	$(PIP) install --quiet --require-hashes -r requirements/dev.lock
	@touch $@

# TensorRT for RTX parses and builds without a GPU; it gets an environment of its own (90 MB).
RTX := build/tensorrt-rtx
$(RTX)/.made: requirements/tensorrt-rtx.lock | $(BIN)/pip
	$(PYTHON) -m venv $(RTX)
	$(RTX)/bin/pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r $<
	@touch $@

## run: read the demo footage until Ctrl-C (ARGS="--source 0" for a camera)
run: setup
	@exec $(BIN)/emotion-agent run $(ARGS)

## mms: serve the shipped model with MXNet Model Server until Ctrl-C (ARGS="--port 18080")
mms: setup
	@scripts/setup-servers mms
	@$(BIN)/emotion-convert --to mar --out build/mms/fer-compact.mar
	@exec $(BIN)/python -m handlers.mms build/mms/fer-compact.mar --environment build/servers/mms \
	  --log build/mms/server.log $(ARGS)

## deeplens: an AWS DeepLens project, as a zip for Lambda and a model archive for S3 (ARGS="--config FILE")
deeplens: setup-dev
	$(PIP) download --quiet --require-hashes --no-deps --only-binary :all: \
	  --dest build/deeplens/sdk -r requirements/deeplens.lock
	@TF_CPP_MIN_LOG_LEVEL=2 $(BIN)/python -m handlers.deeplens --out build/deeplens \
	  --sdk build/deeplens/sdk/greengrasssdk-*.whl $(ARGS)

# Files of tests in processes side by side, in the order of tests/conftest.py; a plain `pytest`, and
# ARGS="-n 0", run them in one.
SIDE_BY_SIDE := -n auto --dist loadfile --no-loadscope-reorder

## test: the checks and all tests
test: setup-dev
	@scripts/setup-system test
	@scripts/setup-servers test
	$(MAKE) --no-print-directory lint
	-@$(MAKE) --no-print-directory $(RTX)/.made # its tests are skipped where it cannot be fetched
	$(BIN)/pytest $(SIDE_BY_SIDE) $(ARGS)

## soak: the agent while its parts fail (ARGS="--minutes 60 --fault-every 10 --seed 1"; ten minutes)
soak: setup-dev
	@scripts/setup-system test
	@exec $(BIN)/python -m benchmarks.soak $(ARGS)

# Atheris (35 MB) is for x86-64 and Python 3.11 or later: only where it is asked for.
ATHERIS := build/atheris
$(ATHERIS)/.made: requirements/atheris.lock $(VENV)/.dev
	$(PIP) install --quiet --require-hashes --no-deps --upgrade --target $(ATHERIS) -r $<
	@touch $@

## fuzz: every Hypothesis test with examples never seen (ARGS="--minutes 60"; ten minutes);
##   or what reads files and requests, by Atheris, which follows the code (ARGS="--guided")
fuzz: setup-dev $(if $(findstring --guided,$(ARGS)),$(ATHERIS)/.made)
	@exec $(BIN)/python -m tests.fuzz $(ARGS)

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

## train: FER+ to build/train/fer-compact, or fer-tiny by NAME (first: emotion-train prepare)
train: setup-dev
	$(BIN)/emotion-train train --data $(DATA) --model $(NAME) --out $(dir $(MODEL)) $(ARGS)

## convert: the trained model to models/fer-compact, or as NAME says
convert: setup-dev
	$(BIN)/emotion-convert $(MODEL) --to $(FILES) --data $(DATA) --crops training/crops.toml \
	  --out models/$(NAME) --name $(NAME) --version $(VERSION) $(ARGS)

## bench: the agent beside fer, MediaPipe, face-api and OpenVINO (first: 4 GB into build/peers)
bench: setup
	@$(BIN)/python -m benchmarks.peers $(ARGS)

## lock: take the newest versions that pyproject.toml allows
lock: setup-dev
	scripts/lock

## install: the service, started where systemd runs (PREFIX, DESTDIR; again: an upgrade)
install: wheel
	PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) WHEEL=$$(ls build/wheel/*.whl) systemd/install install

## uninstall: all of it but the settings
uninstall:
	PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) systemd/install uninstall

## deb: a package for this machine's architecture and Python, in dist/
deb: wheel
	systemd/build-deb

## greengrass: the component for AWS IoT Greengrass v2, in dist/greengrass (ARGS="--bucket s3://...")
greengrass: setup wheel
	$(BIN)/emotion-agent models pull detectors
	$(BIN)/python -m handlers.greengrass build --wheel build/wheel/*.whl \
	  --lock requirements/greengrass.lock $(ARGS)

wheel: | $(BIN)/pip
	$(PIP) install --quiet --require-hashes -r requirements/build.lock
	rm -rf build/wheel
	$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
