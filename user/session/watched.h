/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One watched process, from the first time that it is heard of to a moment after its end, and its
 * entry in BPF's map. Inner header of the watch.
 */
#ifndef SESSION_WATCHED_H
#define SESSION_WATCHED_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/types.h>
#include <uthash.h>
#include "pybpfprof.h"
#include "session/watch.h"

#define MS	     1000000ULL
#define EXIT_LINGER  (1000 * MS)  /* an entry outlives its process by this: its end costs CPU too */
#define RETRY_LAST   (60000 * MS) /* at least so often it is looked whether it is Python by now */
#define RETRY_NAMED  (500 * MS)	  /* the same, where it was asked for by name */
#define REFUSALS_MAX 8 /* reasons that are said; a machine may start such Pythons all day */

struct watched {
	pid_t pid;
	__u32 id;     /* 0: not in the map */
	__u32 before; /* the incarnation before, whose end the fold is still to be told; or 0 */
	__u64 start_ticks;
	enum py_process_state state;
	__u64 since; /* when this incarnation was first heard of */
	__u64 next;  /* when to look at it again; 0: not at all */
	__u64 from;  /* since when it has been what it is: how often it is looked at goes by this */
	bool begins; /* a Python that is not initialised yet */
	__u64 exited;
	bool seen; /* by the scan that is going on */
	UT_hash_handle hh;
};

struct watch {
	struct watch_settings settings;
	struct watched *processes; /* by pid */
	__u64 next_scan;
	size_t nr_refused;
	char *refusals[REFUSALS_MAX]; /* those that were said */
	bool full;		      /* the map was, once */
};

/* CLOCK_MONOTONIC. */
__u64 now_ns(void);

struct watched *watched_find(struct watch *watch, pid_t pid); /* NULL: none */
struct watched *watched_get(struct watch *watch, pid_t pid);  /* made where there is none */
void watched_forget(struct watch *watch, struct watched *w);

/* A new incarnation of a process, to be looked at soon. */
void watched_begin(struct watched *w, __u32 id, __u64 start_ticks, __u64 now);

/*
 * Another incarnation takes its place. The one before has ended, but the rings may hold samples of
 * it that the drain which brought the news has not seen: the fold is told at the next turn.
 */
void watched_replace(struct watch *watch, struct watched *w, __u32 id);
void watched_replaced(struct watch *watch, struct watched *w);

/* Enter it in the map as one that starts. */
int watched_enter(struct watch *watch, struct watched *w);

/* Look what it is, and act on it; it may be forgotten by that. Negative errno. */
int watched_look(struct watch *watch, struct watched *w, __u64 now);

#endif
