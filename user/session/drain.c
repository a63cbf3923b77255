// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "pybpfprof.skel.h"
#include "session/drain.h"

#define BATCH_MAX (32u << 20) /* bytes copied out before they are handed on */
#define ENOTSUPP  524	      /* the kernel's own: a map that lacks an operation */

struct drain {
	struct drain_handlers handlers;
	struct ring_buffer *samples; /* of all CPUs */
	struct ring_buffer *processes;
	int rings_fd;
	int *ring_fds; /* by CPU; -1: none */
	int nr_cpus;
	size_t ring_size;
	char *batch; /* size, record, size, record, ... */
	size_t batch_len, batch_size;
};

/* Hands what was copied out to the handler, in order. */
static int batch_hand_on(struct drain *drain)
{
	size_t at = 0, size;
	int err = 0;

	while (at < drain->batch_len && !err) {
		memcpy(&size, drain->batch + at, sizeof(size));
		at += sizeof(size);
		err = drain->handlers.sample(drain->handlers.context, drain->batch + at, size);
		at += (size + 7) & ~7UL;
	}
	drain->batch_len = 0;
	return err;
}

static int batch_add(void *context, void *record, size_t size)
{
	struct drain *drain = context;
	size_t need = drain->batch_len + sizeof(size) + ((size + 7) & ~7UL);
	int err;

	if (need > drain->batch_size) {
		size_t grown = need < 65536 ? 65536 : 2 * need;
		char *batch = realloc(drain->batch, grown);

		if (!batch)
			return -ENOMEM;
		drain->batch = batch;
		drain->batch_size = grown;
	}
	memcpy(drain->batch + drain->batch_len, &size, sizeof(size));
	memcpy(drain->batch + drain->batch_len + sizeof(size), record, size);
	drain->batch_len = need;
	if (need < BATCH_MAX)
		return 0;
	/* A flood: what has happened to processes so far is told now. */
	err = ring_buffer__consume(drain->processes);
	return err < 0 ? err : batch_hand_on(drain);
}

static int process_hand_on(void *context, void *record, size_t size)
{
	struct drain *drain = context;

	return drain->handlers.process(drain->handlers.context, record, size);
}

/*
 * In one batch, since every single update waits for the kernel to go round all CPUs. Maps of maps
 * take batches from Linux 5.19 on.
 */
static int rings_enter(int map_fd, const __u32 *cpus, const __u32 *ring_fds, __u32 nr)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	__u32 i, nr_entered = nr;
	int err;

	err = bpf_map_update_batch(map_fd, cpus, ring_fds, &nr_entered, &options);
	if (err != -ENOTSUPP)
		return err;
	for (i = 0, err = 0; i < nr && !err; i++)
		err = bpf_map_update_elem(map_fd, &cpus[i], &ring_fds[i], BPF_ANY);
	return err;
}

int drain_add_rings(struct drain *drain, const int *cpus, int nr_cpus)
{
	_cleanup_free_ __u32 *keys = calloc(nr_cpus, sizeof(*keys));
	_cleanup_free_ __u32 *values = calloc(nr_cpus, sizeof(*values));
	__u32 nr = 0;
	int i, fd, err;

	if (!keys || !values)
		return -ENOMEM;
	for (i = 0; i < nr_cpus; i++) {
		if (cpus[i] >= drain->nr_cpus)
			return -EINVAL;
		if (drain->ring_fds[cpus[i]] >= 0)
			continue;
		fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, drain->ring_size, NULL);
		if (fd < 0)
			return fd;
		drain->ring_fds[cpus[i]] = fd;
		if (drain->samples)
			err = ring_buffer__add(drain->samples, fd, batch_add, drain);
		else
			err = (drain->samples = ring_buffer__new(fd, batch_add, drain, NULL))
				      ? 0
				      : -errno;
		if (err)
			return err;
		keys[nr] = cpus[i];
		values[nr++] = fd;
	}
	return nr ? rings_enter(drain->rings_fd, keys, values, nr) : 0;
}

int drain_new(struct pybpfprof_bpf *bpf, int nr_cpus, size_t ring_size,
	      const struct drain_handlers *handlers, struct drain **ret)
{
	struct drain *drain = calloc(1, sizeof(*drain));
	int i;

	if (!drain)
		return -ENOMEM;
	drain->handlers = *handlers;
	drain->rings_fd = bpf_map__fd(bpf->maps.rings);
	drain->nr_cpus = nr_cpus;
	drain->ring_size = ring_size;
	drain->ring_fds = malloc(nr_cpus * sizeof(*drain->ring_fds));
	drain->processes = ring_buffer__new(bpf_map__fd(bpf->maps.process_events), process_hand_on,
					    drain, NULL);
	if (!drain->ring_fds || !drain->processes) {
		drain->nr_cpus = 0;
		drain_free(drain);
		return -ENOMEM;
	}
	for (i = 0; i < nr_cpus; i++)
		drain->ring_fds[i] = -1;
	*ret = drain;
	return 0;
}

void drain_free(struct drain *drain)
{
	int i;

	if (!drain)
		return;
	ring_buffer__free(drain->samples);
	ring_buffer__free(drain->processes);
	for (i = 0; i < drain->nr_cpus; i++)
		if (drain->ring_fds[i] >= 0)
			close(drain->ring_fds[i]);
	free(drain->ring_fds);
	free(drain->batch);
	free(drain);
}

int drain_run(struct drain *drain)
{
	int err;

	err = drain->samples ? ring_buffer__consume(drain->samples) : 0;
	if (err < 0)
		return err;
	err = ring_buffer__consume(drain->processes);
	if (err < 0)
		return err;
	return batch_hand_on(drain);
}

int drain_process_fd(const struct drain *drain)
{
	return ring_buffer__epoll_fd(drain->processes);
}
