#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The version table against the headers of every CPython that is installed. A version that keeps
# its offsets in the process gives them twice: out of its file and out of a live process.
# Needs no root.

minors='10 11 12 13'

cd "$(dirname "$0")/../.." || exit 1
: "${CC:=cc}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
n=0

ok()   { n=$((n + 1)); echo "ok $n - $1"; }
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
fail() { n=$((n + 1)); echo "not ok $n - $1"; sed 's/^/# /' "$work/log"; }

# The first bytes of _PyRuntime, from section .PyRuntime of the file that has it.
table_of_file()
{
	for file in $(ldd "$1" | sed -n 's/.*=> \([^ ]*libpython[^ ]*\) .*/\1/p') "$1"; do
		offset=$(readelf -SW "$file" | sed 's/\[ */[/' |
			awk '$2 == ".PyRuntime" { print $5 }')
		[ "$offset" ] || continue
		tail -c +$((0x$offset + 1)) "$file" | head -c 1024 >"$2"
		return
	done
	echo "no section .PyRuntime" >&2
	return 1
}

table_of_process()
{
	"$1" -c 'import ctypes, sys
runtime = ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime")
sys.stdout.buffer.write(ctypes.string_at(ctypes.addressof(runtime), 1024))' >"$2"
}

# compare NAME MINOR [TABLE]: the row against the headers, which $work/headers holds by now.
compare()
{
	"$work/rows" "$2" $3 >"$work/row.unsorted" 2>"$work/log" || { fail "$1"; return; }
	sort "$work/row.unsorted" >"$work/row"
	if diff -U 0 "$work/headers" "$work/row" >"$work/log" 2>&1; then
		ok "$1: $(wc -l <"$work/row") fields"
	else
		fail "$1 (-: its headers, +: our row)"
	fi
}

# check NAME PYTHON INCLUDES MINOR
check()
{
	if [ ! -x "$2" ]; then
		skip "$1" "optional: $2 is not installed"
		return
	elif [ ! -d "$3/internal" ]; then
		skip "$1" "$3/internal is not installed"
		return
	fi
	if ! $CC -w -I"$3" -I"$3/internal" -o "$work/probe" \
		tests/live/layouts_probe.c \
		>"$work/log" 2>&1 || ! "$work/probe" >"$work/headers.unsorted" 2>"$work/log"; then
		fail "$1: compiled against its headers"
		return
	fi
	sort "$work/headers.unsorted" >"$work/headers"
	if [ "$4" -lt 13 ]; then
		compare "$1" "$4"
		return
	fi
	for from in file process; do
		if "table_of_$from" "$2" "$work/table" 2>"$work/log"; then
			compare "$1, offsets of its $from" "$4" "$work/table"
		else
			fail "$1, offsets of its $from"
		fi
	done
}

if ! $CC -std=gnu11 -D_GNU_SOURCE -Iinclude -Iuser -o "$work/rows" tests/live/layouts_rows.c \
	user/python/version.c user/python/offsets.c user/base/text.c >"$work/log" 2>&1; then
	fail "the version table compiles"
	echo "1..$n"
	exit 1
fi
for minor in $minors; do
	found=
	for root in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*; do
		[ -d "$root" ] || continue
		found=y
		check "${root##*/}" "$root/bin/python3.$minor" \
			"$root/include/python3.$minor" "$minor"
	done
	[ "$found" ] || skip "pyenv's 3.$minor" "optional: not installed"
	check "the system's 3.$minor" "/usr/bin/python3.$minor" \
		"/usr/include/python3.$minor" "$minor"
done
echo "1..$n"
