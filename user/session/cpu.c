// SPDX-License-Identifier: BSD-2-Clause
/*
 * Source `cpu`: a perf cpu-clock event with a fixed period on every CPU that is online, looked at
 * again every quarter of a second. The event's own count (ns of its clock) says how many ticks
 * there should have been; the time it was enabled but did not count, how long the kernel had
 * throttled it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "pybpfprof.skel.h"
#include "session/cpus.h"
#include "session/source.h"

struct cpu_event {
	int fd; /* -1: not open */
	struct bpf_link *link;
	__u64 last_count; /* at the last check: one that stands still has lost its CPU */
	__u64 count_ns;	  /* of this CPU's events that are closed */
	__u64 enabled_ns;
	struct cpu_times times;
	struct cpu_times base; /* /proc/stat's when the event was opened */
};

static struct {
	struct pybpfprof_bpf *bpf;
	struct source_settings settings;
	struct cpu_event *events; /* by CPU */
	__u64 period_ns;
} cpu;

struct event_values {
	__u64 count, enabled, running;
};

static void cpu_prepare(struct pybpfprof_bpf *bpf, const struct source_settings *settings)
{
	cpu.period_ns = 1000000000ULL / settings->frequency;
	bpf->rodata->cfg_period_ns = cpu.period_ns;
}

static int event_open(int n)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = cpu.period_ns,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		.disabled = 1, /* attaching enables it */
	};
	int fd;

	fd = syscall(__NR_perf_event_open, &attr, -1, n, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int cpu_start(int n)
{
	struct cpu_event *event = &cpu.events[n];
	_cleanup_close_ int fd = -1;
	int err;

	err = cpu.settings.need_ring(cpu.settings.context, n);
	if (err)
		return err;
	fd = event_open(n);
	if (fd < 0)
		return fd;
	event->base = cpu_times(n);
	event->link = bpf_program__attach_perf_event(cpu.bpf->progs.on_cpu_clock, fd);
	if (!event->link)
		return -errno;
	event->last_count = 0;
	event->fd = take_fd(fd); /* the link owns it from now on */
	return 0;
}

static int event_read(const struct cpu_event *event, struct event_values *ret)
{
	return read(event->fd, ret, sizeof(*ret)) == sizeof(*ret) ? 0 : -EIO;
}

static __u64 since(__u64 now, __u64 base)
{
	return now > base ? now - base : 0;
}

/* What has gone by since the event was opened. */
static void times_add(struct cpu_times *times, const struct cpu_event *event, int n)
{
	struct cpu_times now = cpu_times(n);

	times->idle_ns += since(now.idle_ns, event->base.idle_ns);
	times->stolen_ns += since(now.stolen_ns, event->base.stolen_ns);
}

static void cpu_stop_one(int n)
{
	struct cpu_event *event = &cpu.events[n];
	struct event_values values;

	if (event->fd < 0)
		return;
	ioctl(event->fd, PERF_EVENT_IOC_DISABLE, 0);
	if (!event_read(event, &values)) {
		event->count_ns += values.count;
		event->enabled_ns += values.running;
	}
	times_add(&event->times, event, n);
	bpf_link__destroy(event->link);
	event->link = NULL;
	event->fd = -1;
}

static int cpu_open(struct pybpfprof_bpf *bpf, const struct source_settings *settings)
{
	_cleanup_free_ bool *online = NULL;
	int n, err, nr = 0;

	cpu.bpf = bpf;
	cpu.settings = *settings;
	cpu.events = calloc(settings->nr_cpus, sizeof(*cpu.events));
	online = calloc(settings->nr_cpus, sizeof(*online));
	if (!cpu.events || !online)
		return -ENOMEM;
	for (n = 0; n < settings->nr_cpus; n++)
		cpu.events[n].fd = -1;
	err = cpus_online(online, settings->nr_cpus);
	if (err)
		return fail(err, "cannot tell which CPUs are online: %s", strerror(-err));
	for (n = 0; n < settings->nr_cpus; n++) {
		if (!online[n])
			continue;
		err = cpu_start(n);
		if (err && err != -ENODEV && err != -ENXIO)
			return fail(err, "cannot attach to the clock of CPU %d: %s", n,
				    strerror(-err));
		nr += !err;
	}
	return nr ? 0 : fail(-ENODEV, "no CPU's clock could be attached to");
}

/* A CPU that went and came back between two checks has an event that stands still. */
static bool cpu_stands_still(struct cpu_event *event)
{
	struct event_values values;
	bool still;

	if (event_read(event, &values))
		return true;
	still = values.count == event->last_count && values.count;
	event->last_count = values.count;
	return still;
}

static int cpu_check(void)
{
	_cleanup_free_ bool *online = calloc(cpu.settings.nr_cpus, sizeof(*online));
	int n, err;

	if (!online)
		return -ENOMEM;
	err = cpus_online(online, cpu.settings.nr_cpus);
	if (err)
		return err;
	for (n = 0; n < cpu.settings.nr_cpus; n++) {
		struct cpu_event *event = &cpu.events[n];

		if (event->fd >= 0 && (!online[n] || cpu_stands_still(event))) {
			log_debug("CPU %d is gone", n);
			cpu_stop_one(n);
		}
		if (event->fd < 0 && online[n]) {
			err = cpu_start(n);
			if (err)
				log_warning("CPU %d came online but is not sampled: %s", n,
					    strerror(-err));
		}
	}
	return 0;
}

static void cpu_stop(void)
{
	int n;

	for (n = 0; n < cpu.settings.nr_cpus; n++)
		cpu_stop_one(n);
}

static void cpu_count(int n, struct source_count *ret)
{
	struct cpu_event *event = &cpu.events[n];
	__u64 count = event->count_ns, enabled = event->enabled_ns;
	struct cpu_times times = event->times;
	struct event_values values;

	if (event->fd >= 0 && !event_read(event, &values)) {
		count += values.count;
		enabled += values.running;
		times_add(&times, event, n);
	}
	ret->expected = count / cpu.period_ns;
	ret->throttled = enabled > count ? (enabled - count) / cpu.period_ns : 0;
	ret->idle = times.idle_ns / cpu.period_ns;
	ret->step = CLOCK_TICK_NS / cpu.period_ns + 1;
	ret->stolen = times.stolen_ns / cpu.period_ns;
	if (event->base.stolen_ns) /* the last step of it is not told yet */
		ret->stolen += ret->step;
}

static void cpu_close(void)
{
	if (!cpu.events)
		return;
	cpu_stop();
	free(take(cpu.events));
}

const struct source cpu_source = {
	.name = "cpu",
	.prepare = cpu_prepare,
	.open = cpu_open,
	.check = cpu_check,
	.stop = cpu_stop,
	.count = cpu_count,
	.close = cpu_close,
};
