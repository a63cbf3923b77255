/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The source table: how each event source is opened, attached, kept in step with the machine, and
 * counted from outside BPF.
 *
 * To add one: a line in include/sources.h, bpf/<name>.bpf.c, and user/session/<name>.c that
 * defines struct source <name>_source.
 */
#ifndef SESSION_SOURCE_H
#define SESSION_SOURCE_H

#include <linux/types.h>
#include "sources.h"
#include "pybpfprof.h"

struct pybpfprof_bpf;

struct source_settings {
	unsigned int frequency; /* Hz */
	int nr_cpus;		/* possible CPUs */
	/* Called before a CPU's first event: it must have a ring. Negative errno. */
	int (*need_ring)(void *context, int cpu);
	void *context;
};

/* What a source knows of its events without BPF. The ledger is closed with it. */
struct source_count {
	__u64 expected;	 /* events there should have been, while not throttled */
	__u64 throttled; /* events there would have been while the kernel had it throttled */
	__u64 idle;	 /* of the expected, those while the CPU was idle, as /proc/stat tells it */
	__u64 stolen;	 /* and those, at most, while the hypervisor ran others */
	__u64 step;	 /* how exactly idle time is told */
};

struct source {
	const char *name;
	/* Settings into BPF, before it is loaded. */
	void (*prepare)(struct pybpfprof_bpf *bpf, const struct source_settings *settings);
	/* Attach: events come from now on. Prints what is wrong; negative errno. */
	int (*open)(struct pybpfprof_bpf *bpf, const struct source_settings *settings);
	/* Four times a second: CPUs come and go. */
	int (*check)(void);
	/* No events from now on; they can still be counted. */
	void (*stop)(void);
	void (*count)(int cpu, struct source_count *ret);
	void (*close)(void);
};

extern const struct source *const sources[NR_SOURCES];

#endif
