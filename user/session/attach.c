// SPDX-License-Identifier: BSD-2-Clause
/*
 * The order matters: process programs before the first look at /proc, so that no start is missed
 * between the two; the timer last, so that there is nothing yet to be lost.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "pybpfprof.skel.h"
#include "session/btf.h"
#include "session/cpus.h"
#include "session/source.h"
#include "session/state.h"

#define RING_MIN     (512u << 10)
#define RING_MAX     (8u << 20)
#define SAMPLE_BYTES 1024 /* a sample's usual size, for the size of rings */

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[1024];

	if (log_level < LOG_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = 0;
	if (level != LIBBPF_DEBUG)
		log_debug("%s", line);
	return 0;
}

static int on_process(void *context, const void *record, size_t size)
{
	struct session *s = context;

	return watch_event(s->watch, record, size);
}

static int on_sample(void *context, const void *record, size_t size)
{
	struct session *s = context;

	return fold_record(s->fold, record, size);
}

static int need_ring(void *context, int cpu)
{
	struct session *s = context;

	return drain_add_rings(s->drain, &cpu, 1);
}

/* Two seconds of samples, in a power of two. */
static size_t ring_size(unsigned int frequency)
{
	size_t size = RING_MIN;

	while (size < 2ULL * frequency * SAMPLE_BYTES && size < RING_MAX)
		size *= 2;
	return size;
}

static struct source_settings source_settings(struct session *s)
{
	return (struct source_settings){
		.frequency = s->options->frequency,
		.nr_cpus = s->nr_cpus,
		.need_ring = need_ring,
		.context = s,
	};
}

/* Two descriptors a CPU. A command that we launched has its own limit already. */
static void raise_nr_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Without it libbpf reads the kernel's own BTF, whole, which takes longer. */
static int small_btf(char ret_path[BTF_PATH_SIZE])
{
	const void *object;
	size_t size;
	int fd;

	object = pybpfprof_bpf__elf_bytes(&size);
	fd = btf_small_open(BTF_KERNEL, object, size, ret_path);
	if (fd < 0)
		log_debug("no BTF of our own: %s", strerror(-fd));
	return fd;
}

int session_load(struct session *s)
{
	struct source_settings settings = source_settings(s);
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	_cleanup_close_ int btf_fd = -1; /* it is read when the object is loaded */
	char btf_path[BTF_PATH_SIZE];
	int i, err;

	raise_nr_files();
	libbpf_set_print(print_libbpf);
	s->nr_cpus = cpus_possible();
	if (s->nr_cpus <= 0)
		return fail(-EINVAL, "cannot tell how many CPUs there are");
	btf_fd = small_btf(btf_path);
	if (btf_fd >= 0)
		opts.btf_custom_path = btf_path;
	s->bpf = pybpfprof_bpf__open_opts(&opts);
	if (!s->bpf)
		return fail(-errno, "cannot open the BPF programs: %s", strerror(errno));
	s->bpf->rodata->cfg_all = s->options->all;
	for (i = 0; i < NR_SOURCES; i++)
		if (s->options->sources[i])
			sources[i]->prepare(s->bpf, &settings);
	bpf_map__set_max_entries(s->bpf->maps.rings, s->nr_cpus);
	err = pybpfprof_bpf__load(s->bpf);
	if (err)
		return fail(err, "the kernel does not take the BPF programs: %s (run with -v)",
			    strerror(-err));
	return 0;
}

static int rings_make(struct session *s)
{
	_cleanup_free_ bool *online = calloc(s->nr_cpus, sizeof(*online));
	_cleanup_free_ int *cpus = calloc(s->nr_cpus, sizeof(*cpus));
	int i, nr = 0, err;

	if (!online || !cpus)
		return -ENOMEM;
	err = cpus_online(online, s->nr_cpus);
	if (err)
		return err;
	for (i = 0; i < s->nr_cpus; i++)
		if (online[i])
			cpus[nr++] = i;
	return drain_add_rings(s->drain, cpus, nr);
}

int session_make(struct session *s)
{
	struct drain_handlers handlers = {on_process, on_sample, s};
	struct watch_settings settings = {
		.next_id = &s->bpf->data->next_process,
		.processes_fd = bpf_map__fd(s->bpf->maps.processes),
		.all = s->options->all,
	};
	int err;

	s->profile = profile_new();
	s->fold = s->profile ? fold_new(s->profile) : NULL;
	if (!s->fold)
		return -ENOMEM;
	settings.fold = s->fold;
	err = watch_new(&settings, &s->watch);
	if (err)
		return err;
	err = drain_new(s->bpf, s->nr_cpus, ring_size(s->options->frequency), &handlers, &s->drain);
	if (!err)
		err = rings_make(s);
	return err ? fail(err, "cannot make the rings: %s", strerror(-err)) : 0;
}

int session_attach(struct session *s)
{
	struct source_settings settings = source_settings(s);
	size_t i;
	int err;

	/* The sources' programs are attached by their sources: one event for each CPU. */
	bpf_program__set_autoattach(s->bpf->progs.on_cpu_clock, false);
	err = pybpfprof_bpf__attach(s->bpf);
	if (err)
		return fail(err, "cannot watch processes: %s", strerror(-err));
	if (s->launched)
		err = watch_add(s->watch, s->launch.pid);
	for (i = 0; i < s->options->nr_pids && !err; i++)
		err = watch_add(s->watch, s->options->pids[i]);
	if (!err)
		err = watch_scan(s->watch);
	if (err)
		return fail(err, "cannot look at the processes: %s", strerror(-err));
	s->begin_ns = clock_ns(CLOCK_MONOTONIC);
	s->begin_utc_ns = clock_ns(CLOCK_REALTIME);
	for (i = 0; i < NR_SOURCES && !err; i++) {
		if (!s->options->sources[i])
			continue;
		s->source_open[i] = true;
		err = sources[i]->open(s->bpf, &settings);
	}
	return err;
}

void session_stop_sources(struct session *s)
{
	int i;

	for (i = 0; i < NR_SOURCES; i++)
		if (s->source_open[i])
			sources[i]->stop();
	s->end_ns = clock_ns(CLOCK_MONOTONIC);
}
