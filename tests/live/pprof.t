#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# go tool pprof judges a profile whose every number is known. Every Go that is installed is asked:
# older ones do not know doc_url. Needs no root and no network.

cd "$(dirname "$0")/../.." || exit 1
: "${CC:=cc}" "${PROTOC_C:=protoc-c}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
n=0

# result NAME: ok if the command before it was; what it was about stands in $work/out.
result()
{
	status=$?
	n=$((n + 1))
	if [ $status = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' "$work/out"
	fi
	return $status
}

# Ask a Go's pprof. It keeps its settings in a folder of ours, and colours nothing.
pprof()
{
	XDG_CONFIG_HOME=$work PPROF_TMPDIR=$work GOPROXY=off GOTOOLCHAIN=local \
		HOME=${HOME:-$work} "$go" tool pprof "$@" "$work/p.pb.gz" \
		</dev/null >"$work/out" 2>&1
}

# The lines of the answer that match, one and all.
says() { grep -Eq -- "$1" "$work/out"; }
says_not() { ! says "$1"; }

cat >"$work/shop.py" <<'SOURCE'
class View: # not the real thing
    get = lambda self: burn(range(10))  # a line to be listed

key = lambda item: item

if __name__ == "__main__":
    View().get()
SOURCE

mkdir "$work/gen" &&
	"$PROTOC_C" --proto_path=proto --c_out="$work/gen" proto/profile.proto >"$work/out" 2>&1 &&
	$CC -std=gnu11 -O1 -D_GNU_SOURCE -Iinclude -Iuser -I"$work/gen" -o "$work/write" \
		tests/live/pprof_write.c user/base/text.c user/profile/model.c \
		user/profile/sample.c user/profile/intern.c user/output/output.c \
		user/output/stream.c user/output/pprof.c user/output/collapsed.c \
		user/output/text.c \
		"$work/gen/profile.pb-c.c" -lprotobuf-c -lz -lxxhash >>"$work/out" 2>&1 &&
	"$work/write" pprof "$work/shop.py" >"$work/p.pb.gz"
result "a profile is written" || { echo "1..$n"; exit 1; }

python3 tests/check/pprof.py "$work/p.pb.gz" >"$work/out" 2>&1
result "a reader of our own takes it"

judge()
{
	go=$1
	name="$("$go" version | sed -n 's/^go version \(go[0-9.]*\).*/\1/p'):"
	case $name in go1.19*) old=1 ;; *) old= ;; esac

	pprof -raw && says '^PeriodType: cpu nanoseconds$' && says '^Period: 10101010$' &&
		says '^samples/count cpu/nanoseconds\[dflt\]$' && says '^Duration: 2s$' &&
		says '^ +[12]: 0x0 M=1 shop\.<module> .*/shop\.py:7(:0)? s=1\(\)$' &&
		says '^1: 0x0/0x0/0x0 \[python\] +\[FN\]\[FL\]\[LN\]$' &&
		says '^ +60 +606060600: (1 2|2 1) *$' && says '^ +25 +252525250: (3 1 2|3 2 1) *$'
	result "$name -raw"

	pprof -raw && says 'pid:\[4242( id)?\]' && says 'tid:\[0( id)?\]'
	result "$name numeric labels, and a 0 among them, are there"

	pprof -top && says '^File: \[python\]$' && says '^Type: cpu$' &&
		says '^Duration: 2s, Total samples = 1010\.10ms \(50\.51%\)' &&
		says '^ +707\.07ms 70\.00% 70\.00% +959\.60ms 95\.00% +shop\.View\.get$' &&
		says '^ +252\.53ms 25\.00% 95\.00% +252\.53ms 25\.00% +shop\.<lambda>$' &&
		says '^ +50\.51ms +5\.00% +100% +50\.51ms +5\.00% +\[unknown code\]$' &&
		says ' 858\.59ms 85\.00% +shop\.<module>$' && says ' 10\.00% +\[truncated\]$' &&
		says_not '<unknown>|not available'
	result "$name -top"

	[ "$old" ] || says '^Doc: https://example\.org/pybpfprof'
	result "$name the link to the manual"

	says 'pybpfprof record --all, host web1' && says_not '"ok"' &&
		pprof -comments && says '^# \{"ok":100\}$'
	result "$name comments: one to read, one for machines"

	pprof -top -sample_index=samples &&
		says '^Showing nodes accounting for 100, 100% of 100 total' &&
		says '^ +70 70\.00%'
	result "$name -sample_index=samples"

	pprof -traces && says '^ +pid: *4242' && says 'tid: *4243' && says 'thread_name: *pool_0' &&
		says 'container_id: *0123456789ab' && says 'python_version: *3\.11' &&
		grep -A2 '252\.53ms' "$work/out" | tr -s ' \n' ' ' |
		grep -q '252\.53ms shop\.<lambda> shop\.View\.get shop\.<module>'
	result "$name -traces"

	pprof -tags && says '^ *pid: Total 1\.0' && says '\(85\.00%\): 4242$' &&
		says '\( ?5\.00%\): 0$' && says '\(85\.00%\): manage\.py \(4242\)$' &&
		says '\(85\.00%\): gunicorn$' && says '\(15\.00%\): 3\.11$' &&
		says '\(25\.00%\): pool_0$' && says ': 0123456789ab$'
	result "$name -tags"

	pprof "-list=View.get" && says 'ROUTINE =+ shop\.View\.get in .*/shop\.py' &&
		says '(707\.07ms|0\.71s) +(959\.60ms|0\.96s).* 2: *get = lambda self: burn'
	result "$name -list shows the source"

	pprof -top -tagfocus=pid=77 && says '151\.52ms.*15\.00% of 1010' &&
		says_not 'shop\.<lambda>'
	result "$name -tagfocus=pid="

	pprof -top -tagfocus=thread_name=pool_0 && says '252\.53ms.*25\.00% of 1010' &&
		says 'shop\.<lambda>$' && says_not 'unknown code'
	result "$name -tagfocus=thread_name="

	pprof -traces -tagroot=process && says '^ +manage\.py \(4242\)$' &&
		says '^ +job\.py \(77\)$' &&
		pprof -top -tagroot=process && says '85\.00% +manage\.py \(4242\)$' &&
		says '15\.00% +job\.py \(77\)$'
	result "$name -tagroot=process"
}

gos=
for each in "$(command -v go)" /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
	[ -x "$each" ] || continue
	real=$(readlink -f "$each")
	case " $gos " in *" $real "*) continue ;; esac
	gos="$gos $real"
done
for each in $gos; do
	judge "$each"
done
if [ -z "$gos" ]; then
	n=$((n + 1))
	echo "ok $n - go tool pprof # SKIP no go is installed"
fi

"$work/write" collapsed "$work/shop.py" >"$work/out" &&
	awk '{ n += $NF } END { exit n != 100 }' "$work/out" &&
	says '^manage\.py \(4242\);shop\.<module> \(.*/shop\.py:7\);shop\.View\.get \(.*:2\) 60$' &&
	says '^job\.py \(77\);\[unknown code\] 5$'
result "collapsed adds up to all samples"

"$work/write" text "$work/shop.py" >/dev/full 2>"$work/out"
[ $? = 1 ]
result "a full disk is an error"

echo "1..$n"
