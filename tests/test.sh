#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `make test` calls: installs what the tests need, builds, runs everything, and tells what was
# skipped and why. Under CI=true, on a machine that can run BPF programs, a live test that is
# skipped is a failure, unless its reason starts with "optional:".
set -uo pipefail
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKEOVERRIDES
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

failed=0
results=()

# Runs a step of this name; the others still run if it fails.
step() {
	local name=$1 start=$SECONDS result=ok

	shift
	printf '\n== %s\n' "$name"
	"$@" || { result=FAILED && failed=1; }
	results+=("$(printf '%-12s %-6s %4d s' "$name" "$result" $((SECONDS - start)))")
	[ $result = ok ]
}

# Why this machine can't run BPF programs; nothing where it can.
why_no_bpf() {
	if [ "$(id -u)" != 0 ]; then
		echo 'not root'
	elif [ ! -r /sys/kernel/btf/vmlinux ]; then
		echo 'no BTF (/sys/kernel/btf/vmlinux)'
	elif ! bpftool prog show >/dev/null 2>&1; then
		echo 'bpf() is not permitted'
	fi
}

# "test: reason" of every skip, of one test of a script or of all of it (1..0).
live_skips() {
	local tap

	for tap in .build/tap/tests.live.*.tap; do
		[ -e "$tap" ] || continue
		sed -n -E 's/^(ok|1\.\.0) .*# *skip:? *(.*)/\2/Ip' "$tap" |
			sed "s|^|$(basename "$tap" .tap): |"
	done | sort | uniq -c | sed -E 's/^ *1 /  /; s/^ *([0-9]+) (.*)/  \2 (\1 times)/'
}

must_run() {
	local reason

	reason=$(why_no_bpf)
	if [ -n "$reason" ]; then
		echo "live tests can't run here: $reason"
	elif [ "${CI:-}" = true ]; then
		! live_skips | grep -v ': optional:'
	fi
}

finish() {
	printf '\n== summary\n'
	printf '%s\n' "${results[@]}"
	if [ -n "$(live_skips)" ]; then
		echo 'skipped:'
		live_skips
	fi
	if [ -e .build/tap/again ]; then
		echo 'run again, since they failed once:'
		cut -c1-200 .build/tap/again
	fi
	if grep -q '^not ok' .build/tap/*.tap; then
		echo 'failed:'
		grep -A5 '^not ok' .build/tap/*.tap | sed 's|.*/||' | cut -c1-200
	fi
	[ $failed = 0 ] && echo 'make test: passed' || echo 'make test: FAILED'
	exit $failed
}

rm -rf .build/tap
step packages .ci/deps install build test || finish
step build make --no-print-directory -j"$(nproc)" || finish
step check make --no-print-directory check
step unit make --no-print-directory -j"$(nproc)" unit
step sanitizers make --no-print-directory -j"$(nproc)" SAN=1 unit
step live make --no-print-directory live
step 'must run' must_run
finish
