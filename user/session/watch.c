// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "session/watched.h"
#include "target/process.h"

#define SCAN_EVERY (5000 * MS)

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
	for (size_t i = 0; i < REFUSALS_MAX; i++)
		free(watch->refusals[i]);
	free(watch);
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
	err = watched_enter(watch, w);
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
		w->from -= RETRY_LAST / 2; /* it has been running: it may not change soon */
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

/*
 * The parent's names are the child's too, even if it has become another program by the time that
 * this is read: what it burnt between fork and exec is in the rings.
 */
static int event_fork(struct watch *watch, const struct process_record *record)
{
	struct watched *w = watched_get(watch, record->pid);
	struct py_process entry;
	__u32 key = record->pid;
	int err;

	if (!w)
		return -ENOMEM;
	watched_replace(watch, w, record->id); /* of a reused pid: its end was not told */
	watched_begin(w, record->id, record->start_ticks, now_ns());
	err = fold_fork_process(watch->settings.fold, record->parent, record->id, record->pid,
				record->start_ticks, record->comm);
	if (err && err != -ENOENT)
		return err;
	if (bpf_map_lookup_elem(watch->settings.processes_fd, &key, &entry) ||
	    entry.id != record->id)
		return 0; /* gone, or another program by now: looked at like any other */
	w->state = entry.state;
	if (entry.state == PY_PROCESS_REFUSED || (entry.state == PY_PROCESS_READY && !err))
		w->next = 0;
	return 0;
}

static int event_exec(struct watch *watch, const struct process_record *record)
{
	struct watched *w = watched_get(watch, record->pid);

	if (!w)
		return -ENOMEM;
	watched_replace(watch, w, record->id);
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
		watched_replaced(watch, w);
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
