#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `make run` calls: installs what is missing, builds, and profiles the whole machine for ten
# seconds, with a small workload of our own where no Python is busy (with DEMO=1 in any case).
set -euo pipefail
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKEOVERRIDES

seconds=10
demo=

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# CPU time of every Python, in clock ticks.
python_ticks() {
	as_root find /proc -maxdepth 2 -name exe -lname '*python*' -printf '%h/stat\n' 2>/dev/null |
		xargs -r cat 2>/dev/null |
		awk '{ sub(/.*\) /, ""); ticks += $12 + $13 } END { print ticks + 0 }' || :
}

is_python_busy() {
	local before after

	before=$(python_ticks)
	sleep 1
	after=$(python_ticks)
	[ $((after - before)) -ge $(($(getconf CLK_TCK) / 5)) ]
}

stop_demo() {
	[ -z "$demo" ] || kill "$demo" 2>/dev/null || :
}

.ci/deps --check build run 2>/dev/null || as_root .ci/deps install build run
make --no-print-directory -j"$(nproc)"

if [ -z "${DEMO:-}" ] && is_python_busy; then
	echo 'Some Python is busy here: that will do to have something to look at.'
else
	echo 'Starting tests/targets/demo.py, to have something to look at.'
	python3 tests/targets/demo.py $((seconds + 10)) &
	demo=$!
	trap stop_demo EXIT
fi
echo "Profiling the whole machine for $seconds seconds ..."
as_root ./pybpfprof --all -d "$seconds"
