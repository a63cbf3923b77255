#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# `make bench`: prints figures, asserts nothing. See tests/bench/bench.py for what each one means.
set -e
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKEOVERRIDES
.ci/deps install build
make --no-print-directory
exec /usr/bin/python3 tests/bench/bench.py "$@"
