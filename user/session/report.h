/* SPDX-License-Identifier: BSD-2-Clause */
/* What a person reads while it runs and at its end, and what the profile says of itself. */
#ifndef SESSION_REPORT_H
#define SESSION_REPORT_H

#include <linux/types.h>
#include "options.h"
#include "profile/model.h"
#include "session/ledger.h"

/* One line that is written over, on a terminal only. */
void report_progress(const struct options *options, __u64 elapsed_ns, const struct ledger *ledger,
		     size_t nr_processes);
void report_progress_end(void);

/* File, samples, processes, ledger, hottest lines, how to open it. */
void report_end(const struct options *options, const char *path, const struct profile *profile,
		const struct ledger *ledger, const struct fold_counts *fold);

/* "pybpfprof 0.1.0 --all -F 99, host web1, kernel 6.12.0, 3 processes". The caller frees it. */
char *report_comment(const struct options *options, size_t nr_processes);

/*
 * "pybpfprof-web1-20261121T101500Z.pb.gz"; launched: the pid of the command, if there is one. The
 * caller frees it.
 */
char *report_default_name(const struct options *options, pid_t launched);

#endif
