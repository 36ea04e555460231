#!/usr/bin/env bash
# Runs one unittest file with the Python that set-up made; the cases go to the XML file that Bazel names.
set -euo pipefail
exec "${GROUTER_DEPS:?run third_party/setup/setup.sh first}/bin/python" -B bazel/py_test_runner.py "$@"
