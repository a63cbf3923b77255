// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "python/find.h"
#include "session/watched.h"
#include "target/process.h"

#define LOADED_TIME  (10 * MS)	 /* a program has loaded its libraries by then */
#define SETTLED_TIME (2000 * MS) /* a program that is no Python by then leaves the map */
#define RETRY_FIRST  (1 * MS)

__u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

struct watched *watched_find(struct watch *watch, pid_t pid)
{
	struct watched *w;

	HASH_FIND(hh, watch->processes, &pid, sizeof(pid), w);
	return w;
}

struct watched *watched_get(struct watch *watch, pid_t pid)
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

void watched_replaced(struct watch *watch, struct watched *w)
{
	if (w->before)
		fold_end_process(watch->settings.fold, w->before);
	w->before = 0;
}

void watched_replace(struct watch *watch, struct watched *w, __u32 id)
{
	if (!w->id || w->id == id)
		return;
	watched_replaced(watch, w);
	w->before = w->id;
}

void watched_forget(struct watch *watch, struct watched *w)
{
	watched_replaced(watch, w);
	entry_remove(watch, w);
	if (w->id)
		fold_end_process(watch->settings.fold, w->id);
	HASH_DEL(watch->processes, w);
	free(w);
}

void watched_begin(struct watched *w, __u32 id, __u64 start_ticks, __u64 now)
{
	w->id = id;
	w->start_ticks = start_ticks;
	w->state = PY_PROCESS_STARTING;
	w->since = now;
	w->next = now;
	w->from = now;
	w->begins = false;
	w->exited = 0;
}

/* Again after a part of the time that it has been like this: soon at first, ever less often. */
static void watched_retry(const struct watch *watch, struct watched *w, __u64 now, unsigned part)
{
	__u64 last = watch->settings.all ? RETRY_LAST : RETRY_NAMED, wait = (now - w->from) / part;

	if (wait < RETRY_FIRST)
		wait = RETRY_FIRST;
	w->next = now + (wait < last ? wait : last);
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
	if (!bpf_map_update_elem(watch->settings.processes_fd, &key, &entry, BPF_ANY))
		return 0;
	if (errno != E2BIG && errno != ENOMEM)
		return fail(-errno, "cannot enter process %d: %s", w->pid, strerror(errno));
	/* What somebody forks without end must not end everybody's profile. */
	if (!watch->full)
		log_warning("more processes than fit: process %d is not profiled, nor are others "
			    "until some end",
			    w->pid);
	watch->full = true;
	return 0;
}

static int fold_tell(struct watch *watch, const struct watched *w, const struct python *python,
		     const struct process_stat *stat)
{
	struct fold_process told = {
		.id = w->id,
		.pid = w->pid,
		.start_ticks = w->start_ticks,
		.version = python->version,
		.layout = &python->layout,
		.code_type = python->code_type,
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

/* Each reason once: how much time it is, the ledger says. */
static void refusal_say(struct watch *watch, const struct watched *w, const char *reason)
{
	size_t i;

	for (i = 0; i < REFUSALS_MAX && watch->refusals[i]; i++)
		if (!strcmp(watch->refusals[i], reason))
			return log_debug("process %d is not profiled either: %s", w->pid, reason);
	if (i == REFUSALS_MAX)
		return log_debug("process %d is not profiled: %s", w->pid, reason);
	watch->refusals[i] = strdup(reason);
	log_warning("process %d is not profiled: %s", w->pid, reason);
}

static int watched_refused(struct watch *watch, struct watched *w, const struct python *python)
{
	if (!w->id)
		w->id = __sync_fetch_and_add(watch->settings.next_id, 1);
	w->state = PY_PROCESS_REFUSED;
	w->next = 0;
	watch->nr_refused++;
	refusal_say(watch, w, python->refusal);
	return entry_write(watch, w, python);
}

/* Python that has not begun yet: in the map, so that its time is told apart. */
static int watched_wait(struct watch *watch, struct watched *w, const struct python *python,
			__u64 now)
{
	bool new = !w->id;

	if (!w->begins)
		w->from = now;
	w->begins = true;
	watched_retry(watch, w, now, 8);
	if (!new)
		return 0;
	w->id = __sync_fetch_and_add(watch->settings.next_id, 1);
	return entry_write(watch, w, python);
}

/*
 * No Python, so far. A program that has just started may not have loaded its libraries yet; one
 * that has may still load an interpreter one day. What it starts is to be followed even so, unless
 * all that starts is.
 */
static int watched_other(struct watch *watch, struct watched *w, __u64 now)
{
	watched_retry(watch, w, now, 2);
	if (!w->id || now - w->since < LOADED_TIME)
		return 0;
	if (watch->settings.all && now - w->since >= SETTLED_TIME) {
		entry_remove(watch, w);
		w->id = 0;
		return 0;
	}
	if (w->state == PY_PROCESS_OTHER)
		return 0;
	w->state = PY_PROCESS_OTHER;
	return entry_write(watch, w, NULL);
}

int watched_look(struct watch *watch, struct watched *w, __u64 now)
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

int watched_enter(struct watch *watch, struct watched *w)
{
	return entry_write(watch, w, NULL);
}
