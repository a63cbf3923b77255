/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rings: one per CPU for samples and code objects, one for what happens to processes.
 *
 * What happens to a process must be known before its samples are looked at. So a drain first
 * copies all samples out, then reads the process ring, then hands the samples on: whatever the
 * samples were taken of had been told by then.
 */
#ifndef SESSION_DRAIN_H
#define SESSION_DRAIN_H

#include <stddef.h>

struct pybpfprof_bpf;
struct drain;

struct drain_handlers {
	int (*process)(void *context, const void *record, size_t size);
	int (*sample)(void *context, const void *record, size_t size);
	void *context;
};

/* After load. ring_size: bytes of one CPU's ring, a power of two. */
int drain_new(struct pybpfprof_bpf *bpf, int nr_cpus, size_t ring_size,
	      const struct drain_handlers *handlers, struct drain **ret);
void drain_free(struct drain *drain);

/* Make rings for all these CPUs at once; a CPU that has one keeps it. */
int drain_add_rings(struct drain *drain, const int *cpus, int nr_cpus);

/* Everything that is in the rings now. Negative errno. */
int drain_run(struct drain *drain);

/* Readable when something happened to a process. */
int drain_process_fd(const struct drain *drain);

#endif
