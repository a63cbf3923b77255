# SPDX-License-Identifier: BSD-2-Clause
# fresh_debian RELEASE CLANG GCC: what the README promises for a fresh Debian, in a chroot that has
# nothing but make and git: plain `make` names what is missing and touches nothing, and `make run`
# installs, builds and profiles. In between everything is built without a warning by this release's
# compilers, and the unit tests run.
. tests/builds/lib.sh

# Runs in the chroot. Mounts live and end with the command; only kernel folders are mounted.
inside() {
	root=$root command=$* unshare --mount --propagation private sh -c '
		mount -t proc proc "$root/proc" && mount -t sysfs sys "$root/sys" &&
		exec chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			LC_ALL=C.UTF-8 ${http_proxy:+http_proxy="$http_proxy"} \
			sh -c "cd /src && $command"'
}

# A proxy may be told to apt alone.
take_proxy_from_apt() {
	local proxy

	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	[ -z "${proxy:-}" ] || export http_proxy=${http_proxy:-$proxy}
}

copy_sources() {
	mkdir -p "$root/src"
	git ls-files -z --cached --others --exclude-standard |
		tar --null --files-from=- --ignore-failed-read -c | tar -x -C "$root/src"
}

make_root() {
	debootstrap --variant=minbase --include=make,git,ca-certificates \
		"$release" "$root" "$(.ci/deps mirror)"
}

names_what_is_missing() {
	! inside make >"$work/missing" 2>&1 || return 1
	cat "$work/missing"
	for package in gcc clang bpftool protobuf-c-compiler libbpf-dev uthash-dev; do
		grep -q "Debian package $package)" "$work/missing" || return 1
	done
	inside '! command -v cc && ! test -e .build'
}

# $1 prints its version with this number.
is_version() {
	inside "$1 --version | head -n 1" | tee "$log" | grep -Eq "[^0-9.]$2\.[0-9]"
}

# Whether BPF programs run here, so that the profiler must.
can_profile() {
	[ -r /sys/kernel/btf/vmlinux ] && PATH=$PATH:/usr/sbin bpftool prog show >/dev/null 2>&1
}

# The demo's own functions are in the profile that was written, and told at its end.
profiles() {
	inside make run DEMO=1 >"$work/run" 2>&1 || { cat "$work/run"; return 1; }
	cat "$work/run"
	grep -q 'go tool pprof' "$work/run" && ls "$root"/src/*.pb.gz &&
		inside 'go tool pprof -top ./*.pb.gz' | tee "$work/top" | head -n 20 &&
		[ "$(grep -Ec 'demo\.(LogReader|Catalogue|Orders)\.' "$work/top")" -ge 2 ]
}

fresh_debian() {
	release=$1 root=$work/root

	[ "$(id -u)" = 0 ] || skip_all 'a chroot needs root'
	unshare --mount true 2>/dev/null || skip_all 'mounting is not permitted here'
	plan 9
	take_proxy_from_apt
	check "$release is unpacked" make_root || bail 'no chroot'
	copy_sources
	check 'make names what is missing, and touches nothing' names_what_is_missing
	check 'what it needs is installed' inside .ci/deps install build unit || bail 'no packages'
	check "clang is $2" is_version clang "$2"
	check "gcc is $3" is_version gcc "$3"
	check 'builds without a warning' inside "make -j$(nproc) DEV=1"
	check 'the program starts' inside './pybpfprof --version'
	check 'unit tests' inside "make -j$(nproc) DEV=1 unit"
	if can_profile; then
		check 'make run profiles the demo' profiles
	else
		skip 'make run profiles the demo' 'BPF programs are not permitted here'
	fi
	finish
}
