#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The build for arm64, against headers and libraries unpacked into a folder: the BPF objects, and
# the program linked. The system itself must come out of it as it was.
set -uo pipefail
cd "$(dirname "$0")/../.."
unset MAKEFLAGS MFLAGS MAKEOVERRIDES
. tests/builds/lib.sh

sysroot=$work/sysroot
foreign=$(dpkg --print-foreign-architectures)
sources=$(apt-config dump | cksum)

header_of() {
	LC_ALL=C readelf -h "$1"
}

is_program_for_arm64() {
	header_of .build/arm64/pybpfprof | grep -q 'Machine: *AArch64' &&
		header_of .build/arm64/pybpfprof | grep -Eq 'Type: *(DYN|EXEC)'
}

is_bpf() {
	header_of .build/arm64/pybpfprof.bpf.o | grep -q 'Machine: *Linux BPF'
}

needs_system_libbpf() {
	LC_ALL=C readelf -d .build/arm64/pybpfprof | grep -Eq 'NEEDED.*\[libbpf\.so\.[0-9]+\]'
}

is_as_before() {
	[ "$foreign" = "$(dpkg --print-foreign-architectures)" ] &&
		[ "$sources" = "$(apt-config dump | cksum)" ] && [ ! -e .build/arm64/sysroot ]
}

plan 6
if [ "$(uname -m)" = aarch64 ]; then
	skip_all 'this machine is an arm64 itself'
fi
.ci/deps install arm64 >"$log" 2>&1 || bail 'no linker for arm64'
rm -rf .build/arm64
check 'headers and libraries are unpacked' .ci/deps sysroot arm64 "$sysroot" || bail 'no sysroot'
check 'builds without a warning' make -j"$(nproc)" ARCH=arm64 SYSROOT="$sysroot" DEV=1
check 'the program is for arm64' is_program_for_arm64
check 'it links with libbpf of the system it will run on' needs_system_libbpf
check 'the BPF objects are BPF' is_bpf
check 'the system has no new architecture or source' is_as_before
finish
