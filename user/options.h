/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line as a struct. Pure: looks at no process and no kernel. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "output/output.h"
#include "sources.h"

struct options {
	bool all;
	pid_t *pids; /* of -p; owned */
	size_t nr_pids;
	char **command;		/* after --, ended by NULL; points into argv */
	__u64 duration_ns;	/* 0: until Ctrl-C, or the command ends */
	unsigned int frequency; /* Hz, 1 to 20000 */
	bool sources[NR_SOURCES];
	const char *output; /* NULL: default name */
	const struct output_format *format;
	bool quiet;
	bool verbose;
};

/*
 * 0, or the exit status with which the program should end at once: 2 after a usage error (one line
 * has been printed: what, why, what to do), or -1 where --help or --version was printed (exit 0).
 */
int options_parse(struct options *options, int argc, char **argv);
void options_done(struct options *options);

#endif
