/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be told before anything is attached: privileges, kernel, pid namespace, targets. Each
 * check prints its one line (what, why, what to do) and returns the exit status, or 0.
 */
#ifndef SESSION_REFUSE_H
#define SESSION_REFUSE_H

#include "options.h"

/* Exit statuses of the program (interface.md). */
enum exit_status {
	EXIT_WRITTEN = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_TARGET = 3,
	EXIT_NOT_ABLE = 4,
	EXIT_NOTHING = 5,
};

/* Capabilities, BTF, kernel version (5.17 or newer), perf events, the initial pid namespace. */
int refuse_kernel(void);

/*
 * Every pid of -p: exists, is a process (not a thread), is a CPython that this build knows, or
 * else which child of it is ("812 is uv; its child 815 is a Python: use -p 815"). A command exists
 * and can be run, or else 127 and 126.
 */
int refuse_targets(const struct options *options);

#endif
