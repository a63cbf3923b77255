/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands behind model.h, for model.c and sample.c alone: arrays of processes, functions,
 * locations, stacks and samples, each with a table that finds an equal entry.
 */
#ifndef PROFILE_STORE_H
#define PROFILE_STORE_H

#include "profile/intern.h"
#include "profile/model.h"

#define STORE_STRING_SIZE (256u << 20) /* bytes of all strings, at most */

struct stack {
	__u32 first; /* index into frames */
	__u32 nr_frames;
};

struct sample {
	__u32 process;
	__u32 tid;
	__u32 stack;
	const char *thread_name;
	__s64 values[NR_PROFILE_VALUES];
};

struct profile {
	__u64 seed;
	struct intern_strings strings;
	struct intern_table process_table, function_table, location_table, stack_table,
		sample_table;
	struct profile_process *processes;
	struct profile_function *functions;
	struct profile_location *locations;
	struct stack *stacks;
	__u32 *frames;
	struct sample *samples;
	size_t nr_processes, nr_functions, nr_locations, nr_stacks, nr_frames, nr_samples;
	size_t max_processes, max_functions, max_locations, max_stacks, max_frames, max_samples;
	int not_kept_process, not_kept_location; /* -1: none yet */
	__u64 nr_not_kept;
	__s64 totals[NR_PROFILE_VALUES];
	struct profile_header header;
};

/* A kept copy; NULL stays NULL. Pointers of kept strings are equal where the strings are. */
int store_string(struct profile *profile, const char *s, const char **ret);

/* The location "[not kept]", made when it is first needed. -ENOMEM. */
int store_not_kept(struct profile *profile);

#endif
