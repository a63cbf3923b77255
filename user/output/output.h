/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The output table: formats a profile can be written in, one file each.
 *
 * To add one: user/output/<name>.c with one write function, and a row in output.c.
 */
#ifndef OUTPUT_OUTPUT_H
#define OUTPUT_OUTPUT_H

#include <stdbool.h>
#include "profile/model.h"

struct output_format {
	const char *name;   /* for -f */
	const char *suffix; /* ".pb.gz"; with the dot */
	const char *what;   /* for --help */
	/* Write all of it to fd. Negative errno; what was written then is worthless. */
	int (*write)(const struct profile *profile, int fd);
};

/* Rows of the table, ended by one whose name is NULL. The first is the default. */
extern const struct output_format output_formats[];

const struct output_format *output_find(const char *name);	     /* NULL: none */
const struct output_format *output_find_by_suffix(const char *path); /* NULL: none */

int output_write_pprof(const struct profile *profile, int fd);
int output_write_collapsed(const struct profile *profile, int fd);
int output_write_text(const struct profile *profile, int fd);

#endif
