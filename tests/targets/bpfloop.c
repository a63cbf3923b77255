// SPDX-License-Identifier: BSD-2-Clause
/* Loops on bpf(BPF_MAP_LOOKUP_ELEM) until it is killed, so that timer ticks fall into bpf(). */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

int main(void)
{
	union bpf_attr attr;
	__u32 key = 0;
	__u64 value;
	int map;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_HASH;
	attr.key_size = sizeof(key);
	attr.value_size = sizeof(value);
	attr.max_entries = 1024;
	map = bpf(BPF_MAP_CREATE, &attr);
	if (map < 0) {
		perror("bpfloop: cannot create a map");
		return 1;
	}
	for (;; key++) {
		memset(&attr, 0, sizeof(attr));
		attr.map_fd = map;
		attr.key = (unsigned long)&key;
		attr.value = (unsigned long)&value;
		bpf(key & 1 ? BPF_MAP_UPDATE_ELEM : BPF_MAP_LOOKUP_ELEM, &attr);
		key &= 1023;
	}
}
