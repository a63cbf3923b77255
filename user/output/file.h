/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a profile goes. A regular file is written beside its final name and renamed into place;
 * what exists and is none (/dev/null, a pipe) is written to directly; "-" is standard output;
 * links are not followed. Under sudo the file belongs to the user who called sudo.
 */
#ifndef OUTPUT_FILE_H
#define OUTPUT_FILE_H

#include <stdbool.h>
#include <sys/types.h>
#include "output/output.h"

struct output_file;

/*
 * Check, before anything is attached, that `path` can be written, and hold its directory open.
 * replace: an existing regular file may be replaced (the user named it). false, for default names:
 * where the name is taken when the profile is written, "-2", "-3", ... is put before its suffix.
 * Prints nothing: *ret_reason (static text) says what is wrong with it. Negative errno.
 */
int output_file_open(const char *path, bool replace, struct output_file **ret,
		     const char **ret_reason);
void output_file_close(struct output_file *file);

/*
 * Write a profile. May be called again (SIGUSR1): a snapshot then replaces what we wrote, unless
 * it went into a pipe or standard output, from where it cannot be called back.
 */
int output_file_write(struct output_file *file, const struct output_format *format,
		      const struct profile *profile);

bool output_file_takes_snapshots(const struct output_file *file);

/* Where it went, or is to go. */
const char *output_file_path(const struct output_file *file);

#endif
