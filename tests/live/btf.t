#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Our own BTF relocates as the kernel's whole one does, and what it saves (as comments).
# Needs root and BTF.

cd "$(dirname "$0")/../.." || exit 1
: "${CC:=cc}" "${CLANG:=clang}"
object=.build/pybpfprof.bpf.o
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

[ "$(id -u)" = 0 ] || { echo '1..0 # SKIP not root'; exit; }
[ -r /sys/kernel/btf/vmlinux ] || { echo '1..0 # SKIP no BTF (/sys/kernel/btf/vmlinux)'; exit; }
bpftool prog show >/dev/null 2>&1 || { echo '1..0 # SKIP bpf() is not permitted'; exit; }

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
n=0

ok()   { n=$((n + 1)); echo "ok $n - $1"; }
fail() { n=$((n + 1)); echo "not ok $n - $1"; sed 's/^/# /' "$work/log"; }

# try WHAT COMMAND...: it must succeed; what it prints goes with its name.
try()
{
	what=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		ok "$what: $(cat "$work/log")"
	else
		fail "$what"
	fi
}

# refuse ERRNO WHAT OBJECT
refuse()
{
	"$work/check.san" open "$3" >"$work/log" 2>&1
	[ "$(cat "$work/log")" = "$1" ] && ok "$2: $1" || fail "$2: not $1"
}

c()
{
	$CC -std=gnu11 -O2 -g -Wall -D_GNU_SOURCE -Iinclude -Iuser -Wl,--wrap=mmap "$@" \
		tests/live/btf_check.c user/session/btf.c user/session/wanted.c \
		user/session/kernel_btf.c -lbpf -lelf
}

bpf()
{
	$CLANG -O2 -g -target bpf -mcpu=v3 -w -D__TARGET_ARCH_"$arch" \
		-idirafter "/usr/include/$(uname -m)-linux-gnu" -c tests/live/btf_types.bpf.c "$@"
}

build()
{
	make -s $object && c -o "$work/check" &&
		c -fsanitize=address,undefined -fno-sanitize-recover=undefined \
			-o "$work/check.san" && bpf -o "$work/types" || return 1
	for case in 1 2 3 4; do
		bpf -DREFUSED=$case -o "$work/refused.$case" || return 1
	done
}

# The middle one of nine, on line 5: load() writes "milliseconds KB" to $work/full and $work/small.
median() { sort -n -k "$2,$2" "$1" | awk -v column="$2" 'NR == 5 { print $column }'; }

figures()
{
	for _ in 1 2 3 4 5 6 7 8 9; do
		for which in full small; do
			"$work/check" load $object $which >>"$work/$which" 2>"$work/log" || return 1
		done
	done
	for which in full small; do
		echo "# $which BTF: loaded in $(median "$work/$which" 1) ms," \
			"peak $(median "$work/$which" 2) KB"
	done
}

arch=$(uname -m | sed -e s/aarch64/arm64/ -e s/x86_64/x86/)
if ! build >"$work/log" 2>&1; then
	fail 'the test compiles'
	echo "1..$n"
	exit 1
fi
for made in $object "$work/types"; do
	name=$(basename "$made" .bpf.o)
	try "$name: same instructions as with the whole BTF" "$work/check" same "$made"
	try "$name: the size of our own" "$work/check.san" open "$made"
	try "$name: a file that cannot be mapped gives the same" "$work/check.san" window "$made"
	try "$name: broken BTFs" "$work/check.san" corrupt "$made" 20000
done
refuse EOPNOTSUPP 'the value of an enum' "$work/refused.1"
refuse EOPNOTSUPP 'the number of a type' "$work/refused.2"
refuse ENOENT 'a type that may be in a module' "$work/refused.3"
refuse ENOENT 'an object that relocates nothing' "$work/refused.4"
refuse EINVAL 'an ELF file that is no BPF object' "$work/check"
refuse EINVAL 'no ELF file' "$0"
if figures; then
	[ $(($(median "$work/full" 2) - $(median "$work/small" 2))) -ge 5000 ] &&
		ok 'saves 5 MB of peak memory' || fail 'saves 5 MB of peak memory'
else
	fail 'loads with either'
fi
echo "1..$n"
