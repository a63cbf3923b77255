/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command behind `--`: started as the user who called sudo, held before its exec until the
 * profiler is attached, with its own standard streams.
 */
#ifndef SESSION_LAUNCH_H
#define SESSION_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

struct launch {
	pid_t pid;    /* of the child; it lives on as the command */
	int go_fd;    /* the child waits for a byte here, then execs */
	int error_fd; /* the child's errno comes out here where it could not exec; closed on exec */
	int pid_fd;   /* readable once the child is gone */
};

/*
 * Can the command be found and run, as far as can be told without trying? 0, or the exit status to
 * pass on: 127, 126 (printed).
 */
int launch_check(char *const *command);

/*
 * Fork and hold. Messages are printed: of a command without a slash, which file it is, and whether
 * sudo's PATH hides another one. Negative errno.
 */
int launch_start(struct launch *launch, char *const *command);

/*
 * Let it exec. 0, or the exit status to pass on: 127 where the program does not exist, 126 where
 * it cannot be run, 1 where it could not be made to run as the caller of sudo (printed).
 */
int launch_go(struct launch *launch, char *const *command);

/*
 * Has it ended? Then true, and its exit status as a shell would say it (128 + signal). May be asked
 * again: its pid is nobody else's until launch_done().
 */
bool launch_ended(struct launch *launch, int *ret_status);

/* Pass a signal on to it. */
void launch_signal(struct launch *launch, int signal);

/* Lets go of it: one that was never let exec ends; one that runs is left running. */
void launch_done(struct launch *launch);

#endif
