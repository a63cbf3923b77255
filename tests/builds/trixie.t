#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Debian 13, from nothing.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/builds/fresh.sh

fresh_debian trixie 19 14
