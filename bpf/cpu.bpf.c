// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Event source `cpu`: a software cpu-clock event on each CPU. A tick weighs one period. */
#include "sample.h"

const volatile __u64 cfg_period_ns = 10101010;

SEC("perf_event")
int on_cpu_clock(void *ctx)
{
	sample_take(SOURCE_CPU, 0, cfg_period_ns);
	return 0;
}
