/* SPDX-License-Identifier: BSD-2-Clause */
/* What the fold consists of. Inner header: processes in process.c, code objects in frame.c. */
#ifndef PROFILE_FOLDING_H
#define PROFILE_FOLDING_H

#include <stdbool.h>
#include <uthash.h>
#include "profile/fold.h"
#include "profile/names.h"

/* Frames that are ours. */
enum ours { TRUNCATED, UNKNOWN_CODE, NO_PYTHON, EXITING, NR_OURS };

struct process {
	__u32 id;
	pid_t pid;
	__u64 start_ticks;
	enum line_table_kind line_table;
	struct py_layout layout;
	__u64 code_type;
	bool has_layout;
	bool ended; /* to be forgotten at the next flush */
	int number; /* in the profile; -1 until its first sample */
	char version[16];
	char *comm, *name, *container_id, *roots[2];
	struct names names;
	UT_hash_handle hh;
};

struct waiting;

struct fold {
	struct profile *profile;
	struct process *processes;
	struct fold_counts counts;
	struct waiting *first, **last; /* samples that wait for names */
	size_t waiting_size;
	size_t nr_codes;   /* of all processes that live */
	size_t codes_size; /* their bytes */
	int ours[NR_OURS]; /* their locations; -1: not needed yet */
	__u32 *locations;  /* of the sample that is being counted */
};

struct process *process_find(const struct fold *fold, __u32 id); /* NULL: none */
void process_free(struct fold *fold, struct process *process);
int process_number(struct fold *fold, struct process *process); /* in the profile */

int fold_code(struct fold *fold, const struct code_record *record, size_t size);

/* Location of a frame that is ours, made when it is first needed. */
int ours_location(struct fold *fold, enum ours which);

/* Number of the location of a frame; -EAGAIN: it has no name yet (never if `last`). */
int frame_location(struct fold *fold, struct process *process, const struct py_frame *frame,
		   bool last);

#endif
