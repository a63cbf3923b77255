/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where every event went (laws, 1) and what the profiler itself cost (laws, 9). How many events
 * there should have been comes from the perf events; what BPF does not account for was dropped by
 * the kernel, less what the CPU was idle for.
 */
#ifndef SESSION_LEDGER_H
#define SESSION_LEDGER_H

#include <linux/types.h>
#include <stdio.h>
#include "outcomes.h"
#include "profile/fold.h"
#include "pybpfprof.h"
#include "session/source.h"

struct pybpfprof_bpf;

struct ledger {
	__u64 expected;
	__u64 outcomes[NR_OUTCOMES]; /* their sum is `expected` */
	struct cpu_counters kernel;  /* of all CPUs */
	__u64 process_events_lost;
	__u64 cpu_ns;	  /* the profiler's own CPU time */
	__u64 peak_bytes; /* and memory */
};

/* Close the books: reads the events' counts and BPF's. Negative errno. */
int ledger_read(struct ledger *ledger, struct pybpfprof_bpf *bpf, const struct source *source,
		int nr_cpus);

/* One CPU's part, pure: what BPF counted and what the event counted make its outcomes. */
void ledger_add_cpu(struct ledger *ledger, const struct cpu_counters *counters,
		    const struct source_count *count);

/* Sum of the outcomes of a kind. */
__u64 ledger_sampled(const struct ledger *ledger);
__u64 ledger_missed(const struct ledger *ledger);

/* One line of JSON. The caller frees it; NULL only where memory ran out. */
char *ledger_json(const struct ledger *ledger, const struct fold_counts *fold);

/* For people: one line for every outcome that is not "ok" and not zero. */
void ledger_print(const struct ledger *ledger, const struct fold_counts *fold);

#endif
