/* SPDX-License-Identifier: BSD-2-Clause */
/* What a recording consists of. Inner header of the session. */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include <linux/types.h>
#include <stdbool.h>
#include <time.h>
#include "options.h"
#include "output/file.h"
#include "profile/fold.h"
#include "profile/model.h"
#include "session/drain.h"
#include "session/launch.h"
#include "session/ledger.h"
#include "session/watch.h"

#define SECOND 1000000000ULL

struct session {
	const struct options *options;
	int nr_cpus;
	struct pybpfprof_bpf *bpf;
	struct drain *drain;
	struct watch *watch;
	struct profile *profile;
	struct fold *fold;
	struct output_file *file;
	struct launch launch;
	bool launched, launch_over;
	int launch_status;
	bool stopping, by_signal;
	bool source_open[NR_SOURCES];
	int epoll_fd, signal_fd;
	__u64 begin_ns, begin_utc_ns; /* when the sources were attached */
	__u64 end_ns;		      /* and stopped */
};

static inline __u64 clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* attach.c. Messages are printed; negative errno. */
int session_load(struct session *s);   /* BPF into the kernel */
int session_make(struct session *s);   /* profile, fold, watch, rings */
int session_attach(struct session *s); /* processes first, the sources last */
void session_stop_sources(struct session *s);

/* loop.c. */
int session_signals(struct session *s); /* are read from now on, not delivered */
int epoll_watch(struct session *s, int fd);
int session_loop(struct session *s); /* until it is over */
int launch_wait(struct session *s);  /* for the command; its exit status */

/* session.c. */
int session_drain(struct session *s, bool last);
int session_snapshot(struct session *s);

#endif
