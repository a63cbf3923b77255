/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes are Python: finds them, at the start and when a program starts, forks or loads
 * an interpreter late, and enters them in BPF's map `processes`. A process whose interpreter is
 * not initialised yet is tried again, soon at first; one that is no Python is looked at again now
 * and then, since a program may load an interpreter at any time.
 */
#ifndef SESSION_WATCH_H
#define SESSION_WATCH_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "profile/fold.h"

struct watch;

struct watch_settings {
	int processes_fd;  /* map `processes` */
	__u32 *next_id;	   /* shared with BPF: the next incarnation */
	bool all;	   /* every process, not only those added and what they fork */
	struct fold *fold; /* told of every process; not owned */
};

int watch_new(const struct watch_settings *settings, struct watch **ret);
void watch_free(struct watch *watch);

/* Watch this process and its descendants of now. -ESRCH. */
int watch_add(struct watch *watch, pid_t pid);

/* Look for processes nobody told of (only with `all`). */
int watch_scan(struct watch *watch);

/* What BPF's process programs tell. */
int watch_event(struct watch *watch, const void *record, size_t size);

/*
 * Look at the processes whose time it is. Returns after how many ms it wants to be called again,
 * or a negative errno.
 */
int watch_run(struct watch *watch);

/* Processes alive that are Python or may become it. With `-p`, 0 means that all are gone. */
size_t watch_nr_alive(const struct watch *watch);

/* "812 (CPython 3.16 is newer than ...)" for each refused one, told once a pid, to the log. */
size_t watch_nr_refused(const struct watch *watch);

#endif
