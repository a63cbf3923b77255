/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "python/find.h"
#include "session/watch.h"
#include "target/process.h"

#define MS	     1000000ULL
#define EXIT_LINGER  (1000 * MS) /* an entry outlives its process by this: its end costs CPU too */
#define SETTLED_TIME (2000 * MS) /* a program that is no Python by then leaves the map */
#define RETRY_FIRST  (1 * MS)
#define RETRY_LAST   (60000 * MS)
#define SCAN_EVERY   (5000 * MS)

struct watched {
	pid_t pid;
	__u32 id; /* 0: not in the map */
	__u64 start_ticks;
	enum py_process_state state;
	__u64 since; /* when this incarnation was first heard of */
	__u64 next;  /* when to look at it again; 0: not at all */
	__u64 wait;  /* after that, how long until the next time */
	__u64 exited;
	bool seen; /* by the scan that is going on */
	UT_hash_handle hh;
};

struct watch {
	struct watch_settings settings;
	struct watched *processes; /* by pid */
	__u64 next_scan;
	size_t nr_refused;
};

static __u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

int watch_new(const struct watch_settings *settings, struct watch **ret)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->settings = *settings;
	*ret = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	struct watched *w, *next;

	if (!watch)
		return;
	HASH_ITER(hh, watch->processes, w, next) {
		HASH_DEL(watch->processes, w);
		free(w);
	}
	free(watch);
}

static struct watched *watched_find(struct watch *watch, pid_t pid)
{
	struct watched *w;

	HASH_FIND(hh, watch->processes, &pid, sizeof(pid), w);
	return w;
}

static struct watched *watched_get(struct watch *watch, pid_t pid)
{
	struct watched *w = watched_find(watch, pid);

	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->pid = pid;
	HASH_ADD(hh, watch->processes, pid, sizeof(w->pid), w);
	return w;
}

/* Take its entry out of the map, unless it is another incarnation's by now. */
static void entry_remove(struct watch *watch, const struct watched *w)
{
	struct py_process entry;
	__u32 key = w->pid;

	if (w->id && !bpf_map_lookup_elem(watch->settings.processes_fd, &key, &entry) &&
	    entry.id == w->id)
		bpf_map_delete_elem(watch->settings.processes_fd, &key);
}

static void watched_forget(struct watch *watch, struct watched *w)
{
	entry_remove(watch, w);
	if (w->id)
		fold_end_process(watch->settings.fold, w->id);
	HASH_DEL(watch->processes, w);
	free(w);
}

/* A new incarnation of a process, to be looked at soon. */
static void watched_begin(struct watched *w, __u32 id, __u64 start_ticks, __u64 now)
{
	w->id = id;
	w->start_ticks = start_ticks;
	w->state = PY_PROCESS_STARTING;
	w->since = now;
	w->next = now;
	w->wait = RETRY_FIRST;
	w->exited = 0;
}

static void watched_retry(struct watched *w, __u64 now)
{
	w->next = now + w->wait;
	w->wait = w->wait * 2 > RETRY_LAST ? RETRY_LAST : w->wait * 2;
}

/* Into the map: how BPF finds its threads' frames, or that it is refused, or to be waited for. */
static int entry_write(struct watch *watch, struct watched *w, const struct python *python)
{
	struct py_process entry = {
		.start_ticks = w->start_ticks,
		.id = w->id,
		.state = w->state,
	};
	__u32 key = w->pid;

	if (w->state == PY_PROCESS_READY) {
		entry.code_type = python->code_type;
		entry.slot = python->slot;
		entry.layout = python->layout;
	}
	if (bpf_map_update_elem(watch->settings.processes_fd, &key, &entry, BPF_ANY))
		return fail(-errno, "cannot enter process %d: %s", w->pid, strerror(errno));
	return 0;
}

static int fold_tell(struct watch *watch, const struct watched *w, const struct python *python,
		     const struct process_stat *stat)
{
	struct fold_process told = {
		.id = w->id,
		.pid = w->pid,
		.version = python->version,
		.layout = &python->layout,
		.comm = stat->comm,
	};
	char container_id[13], *roots[2] = {};
	_cleanup_free_ char *name = process_name(w->pid);
	int err;

	if (!name)
		return -ENOMEM;
	process_container_id(w->pid, container_id);
	process_source_roots(w->pid, roots);
	told.name = name;
	told.container_id = container_id;
	told.roots = roots;
	err = fold_add_process(watch->settings.fold, &told);
	free(roots[0]);
	free(roots[1]);
	return err;
}

static int watched_ready(struct watch *watch, struct watched *w, const struct python *python,
			 const struct process_stat *stat)
{
	int err;

	if (!w->id)
		w->id = __sync_fetch_and_add(watch->settings.next_id, 1);
	w->state = PY_PROCESS_READY;
	w->next = 0;
	err = fold_tell(watch, w, python, stat);
	if (err)
		return err;
	log_debug("%d is CPython %s", w->pid, python->version_text);
	return entry_write(watch, w, python);
}

static int watched_refused(struct watch *watch, struct watched *w, const struct python *python)
{
	if (!w->id)
		w->id = __sync_fetch_and_add(watch->settings.next_id, 1);
	w->state = PY_PROCESS_REFUSED;
	w->next = 0;
	watch->nr_refused++;
	log_warning("process %d is not profiled: %s", w->pid, python->refusal);
	return entry_write(watch, w, python);
}

/* Python that has not begun yet: in the map, so that its time is told apart. */
static int watched_wait(struct watch *watch, struct watched *w, const struct python *python,
			__u64 now)
{
	bool new = !w->id;

	watched_retry(w, now);
	if (!new)
		return 0;
	w->id = __sync_fetch_and_add(watch->settings.next_id, 1);
	return entry_write(watch, w, python);
}

/* No Python, so far. A program that has just started may not have loaded its libraries yet. */
static int watched_other(struct watch *watch, struct watched *w, __u64 now)
{
	watched_retry(w, now);
	if (now - w->since < SETTLED_TIME || !w->id || w->state == PY_PROCESS_OTHER)
		return 0;
	if (!watch->settings.all) { /* what it starts is still to be followed */
		w->state = PY_PROCESS_OTHER;
		return entry_write(watch, w, NULL);
	}
	entry_remove(watch, w);
	w->id = 0;
	return 0;
}

static int watched_look(struct watch *watch, struct watched *w, __u64 now)
{
	struct python python = {};
	struct process_stat stat;
	int err;

	err = process_stat(w->pid, &stat);
	if (err || (w->start_ticks && stat.start_ticks != w->start_ticks) || stat.state == 'Z') {
		watched_forget(watch, w);
		return 0;
	}
	w->start_ticks = stat.start_ticks;
	err = python_find(w->pid, &python);
	switch (err) {
	case 0:
		return watched_ready(watch, w, &python, &stat);
	case -ENOTSUP:
		return watched_refused(watch, w, &python);
	case -EAGAIN:
		return watched_wait(watch, w, &python, now);
	case -ESRCH:
		watched_forget(watch, w);
		return 0;
	case -ENOMEM:
		return err;
	default:
		return watched_other(watch, w, now);
	}
}

/* Entered before it is looked at: what it forks or executes meanwhile is then told of. */
static int add_one(struct watch *watch, pid_t pid)
{
	struct watched *w = watched_get(watch, pid);
	struct process_stat stat;
	int err;

	if (!w)
		return -ENOMEM;
	if (w->since)
		return 0;
	if (process_stat(pid, &stat)) {
		watched_forget(watch, w);
		return 0;
	}
	watched_begin(w, __sync_fetch_and_add(watch->settings.next_id, 1), stat.start_ticks,
		      now_ns());
	err = entry_write(watch, w, NULL);
	return err ? err : watched_look(watch, w, now_ns());
}

int watch_add(struct watch *watch, pid_t pid)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t nr = 0, i;
	int err;

	err = process_descendants(pid, &pids, &nr);
	for (i = 0; i < nr && !err; i++)
		err = add_one(watch, pids[i]);
	return err;
}

static int scan_once(struct watch *watch, size_t *ret_new)
{
	_cleanup_free_ pid_t *pids = NULL;
	struct watched *w, *next;
	size_t nr = 0, i;
	int err;

	err = process_list(&pids, &nr);
	if (err)
		return err;
	*ret_new = 0;
	HASH_ITER(hh, watch->processes, w, next)
		w->seen = false;
	for (i = 0; i < nr && !err; i++) {
		w = watched_get(watch, pids[i]);
		if (!w)
			return -ENOMEM;
		w->seen = true;
		if (w->since)
			continue;
		watched_begin(w, 0, 0, now_ns());
		w->wait = RETRY_LAST / 4; /* it has been running: it may not change soon */
		(*ret_new)++;
		err = watched_look(watch, w, now_ns());
	}
	HASH_ITER(hh, watch->processes, w, next)
		if (!w->seen && !w->exited)
			w->exited = now_ns();
	return err;
}

int watch_scan(struct watch *watch)
{
	size_t nr_new = 1;
	int err = 0, i;

	if (!watch->settings.all)
		return 0;
	/*
	 * Twice: what a process forks before it is entered is told by nobody, but is there the
	 * next time.
	 */
	for (i = 0; i < 3 && nr_new && !err; i++)
		err = scan_once(watch, &nr_new);
	watch->next_scan = now_ns() + SCAN_EVERY;
	return err;
}

static int event_fork(struct watch *watch, const struct process_record *record)
{
	struct watched *w = watched_get(watch, record->pid);
	struct py_process entry;
	__u32 key = record->pid;

	if (!w)
		return -ENOMEM;
	watched_begin(w, record->id, record->start_ticks, now_ns());
	if (bpf_map_lookup_elem(watch->settings.processes_fd, &key, &entry) ||
	    entry.id != record->id)
		return 0; /* gone, or another program by now: looked at like any other */
	w->state = entry.state;
	if (entry.state == PY_PROCESS_REFUSED) {
		w->next = 0;
		return 0;
	}
	if (entry.state != PY_PROCESS_READY)
		return 0;
	if (fold_fork_process(watch->settings.fold, record->parent, record->id, record->pid,
			      record->comm))
		return 0;
	w->next = 0;
	return 0;
}

static int event_exec(struct watch *watch, const struct process_record *record)
{
	struct watched *w = watched_get(watch, record->pid);

	if (!w)
		return -ENOMEM;
	if (w->id && w->id != record->id)
		fold_end_process(watch->settings.fold, w->id);
	watched_begin(w, record->id, record->start_ticks, now_ns());
	return 0;
}

int watch_event(struct watch *watch, const void *data, size_t size)
{
	struct process_record record;
	struct watched *w;

	if (size < sizeof(record))
		return 0;
	memcpy(&record, data, sizeof(record));
	record.comm[sizeof(record.comm) - 1] = 0;
	switch (record.event) {
	case PROCESS_FORK:
		return event_fork(watch, &record);
	case PROCESS_EXEC:
		return event_exec(watch, &record);
	case PROCESS_EXIT:
		w = watched_find(watch, record.pid);
		if (w && w->id == record.id)
			w->exited = now_ns();
	}
	return 0;
}

int watch_run(struct watch *watch)
{
	__u64 now = now_ns(), soonest = now + 1000 * MS;
	struct watched *w, *next;
	int err;

	if (watch->settings.all && now >= watch->next_scan) {
		err = watch_scan(watch);
		if (err)
			return err;
	}
	HASH_ITER(hh, watch->processes, w, next) {
		if (w->exited) {
			if (now - w->exited > EXIT_LINGER)
				watched_forget(watch, w);
			continue;
		}
		if (!w->next)
			continue;
		if (w->next <= now) {
			pid_t pid = w->pid;

			err = watched_look(watch, w, now);
			if (err)
				return err;
			w = watched_find(watch, pid);
			if (!w)
				continue;
		}
		if (w->next && w->next < soonest)
			soonest = w->next;
	}
	now = now_ns();
	return soonest > now ? (soonest - now) / MS + 1 : 0;
}

size_t watch_nr_alive(const struct watch *watch)
{
	struct watched *w, *next;
	size_t nr = 0;

	HASH_ITER(hh, watch->processes, w, next)
		nr += !w->exited;
	return nr;
}

size_t watch_nr_refused(const struct watch *watch)
{
	return watch->nr_refused;
}
