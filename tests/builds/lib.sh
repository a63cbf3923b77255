# SPDX-License-Identifier: BSD-2-Clause
# TAP for shell: plan N, then check NAME COMMAND... N times, or skip; finish. What a command printed
# is shown only where it failed.
work=$(mktemp -d "${TMPDIR:-/tmp}/pybpfprof.XXXXXX")
log=$work/log
nr=0 failed=0
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' INT TERM HUP

plan() {
	planned=$1
}

check() {
	local name=$1

	shift
	[ $nr -gt 0 ] || echo "1..$planned"
	nr=$((nr + 1))
	if "$@" >"$log" 2>&1 </dev/null; then
		echo "ok $nr - $name"
	else
		echo "not ok $nr - $name"
		echo "# '$*' failed; its last lines:" >&2
		tail -n 60 "$log" | cut -c1-300 | sed 's/^/# /' >&2
		failed=1
		return 1
	fi
}

skip() {
	[ $nr -gt 0 ] || echo "1..$planned"
	nr=$((nr + 1))
	echo "ok $nr - $1 # SKIP $2"
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

bail() {
	[ ! -s "$log" ] || tail -n 20 "$log" | sed 's/^/# /' >&2
	echo "# $1" >&2
	exit 1
}

finish() {
	exit $failed
}
