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

/* Idle time (waiting for a disk included) since boot, in steps of 1/100 s. 0 where not known. */
__u64 cpu_idle_ns(int cpu);

/* "0-2,5" into flags; -EINVAL where it is none. */
int cpus_parse(const char *list, bool *ret, int nr_cpus);

#endif
