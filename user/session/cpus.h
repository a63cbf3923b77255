/* SPDX-License-Identifier: BSD-2-Clause */
/* Which CPUs there are, and how long each was idle. From /sys and /proc. */
#ifndef SESSION_CPUS_H
#define SESSION_CPUS_H

#include <linux/types.h>
#include <stdbool.h>

/* CPUs that could ever come online: one more than the highest number. Negative errno. */
int cpus_possible(void);

/* ret[i] says if CPU i is online. */
int cpus_online(bool *ret, int nr_cpus);

/* Times of a CPU since boot, in steps of 1/100 s. Zeros where they are not known. */
struct cpu_times {
	__u64 idle_ns;	 /* waiting for a disk included */
	__u64 stolen_ns; /* the hypervisor ran others */
};

struct cpu_times cpu_times(int cpu);

/* "0-2,5" into flags; -EINVAL where it is none. */
int cpus_parse(const char *list, bool *ret, int nr_cpus);

#endif
