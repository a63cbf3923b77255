#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Lines of every instruction in a part of the standard library, as we decode them and as the
# interpreter itself tells them, for every CPython that is installed. Needs no root.

minors='10 11 12 13'
nr_files=150

cd "$(dirname "$0")/../.." || exit 1
: "${CC:=cc}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
n=0

ok()   { n=$((n + 1)); echo "ok $n - $1"; }
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
fail() { n=$((n + 1)); echo "not ok $n - $1"; sed 's/^/# /' "$work/log"; }

# check NAME PYTHON MINOR
check()
{
	if [ ! -x "$2" ]; then
		skip "$1" "optional: $2 is not installed"
		return
	fi
	kind=locations
	[ "$3" -gt 10 ] || kind=pep626
	if ! "$2" -W ignore tests/live/lines_dump.py $nr_files >"$work/dump" 2>"$work/log"; then
		fail "$1: its own lines"
	elif "$work/check" $kind <"$work/dump" >"$work/log" 2>&1; then
		ok "$1: $(tail -n 1 "$work/log")"
	else
		fail "$1"
	fi
}

if ! $CC -std=gnu11 -O2 -D_GNU_SOURCE -Iinclude -Iuser -o "$work/check" tests/live/lines_check.c \
	user/python/line.c >"$work/log" 2>&1; then
	fail "the decoder compiles"
	echo "1..$n"
	exit 1
fi
for minor in $minors; do
	found=
	for root in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*; do
		[ -d "$root" ] || continue
		found=y
		check "${root##*/}" "$root/bin/python3.$minor" "$minor"
	done
	[ "$found" ] || skip "pyenv's 3.$minor" "optional: not installed"
	check "the system's 3.$minor" "/usr/bin/python3.$minor" "$minor"
done
echo "1..$n"
