// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the kernel's timer costs by itself: attaches the smallest BPF program there can be to a
 * cpu-clock event on every CPU, says "attached", and stays until its standard input ends.
 * empty HZ
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000000ULL / (argc > 1 ? atoi(argv[1]) : 99),
	};
	int cpu, fd, bpf;
	char c;

	bpf = bpf_prog_load(BPF_PROG_TYPE_PERF_EVENT, "empty", "GPL", program, 2, NULL);
	if (bpf < 0) {
		perror("cannot load");
		return 1;
	}
	for (cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
		fd = syscall(__NR_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
		if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf)) {
			perror("cannot attach");
			return 1;
		}
	}
	puts("attached");
	fflush(stdout);
	return read(0, &c, 1) < 0;
}
