/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records from the kernel -> counts in a profile. No libbpf: bytes in, so that it is tested and
 * fuzzed natively. Processes must be told of before their samples are folded; code objects come
 * as records in the same stream, before the first sample that shows them (or later, or never).
 */
#ifndef PROFILE_FOLD_H
#define PROFILE_FOLD_H

#include <linux/types.h>
#include <stddef.h>
#include <sys/types.h>
#include "pybpfprof.h"
#include "profile/model.h"
#include "python/find.h"

struct fold;

struct fold_process {
	__u32 id; /* incarnation */
	pid_t pid;
	__u64 start_ticks; /* with the pid, the identity: no other's memory is read by mistake */
	const struct python_version *version;
	const struct py_layout *layout; /* for the fall-back that reads memory; NULL: never */
	__u64 code_type; /* address of PyCode_Type there: what the fall-back may take for code */
	const char *comm;
	const char *name; /* without the pid */
	const char *container_id;
	char *const *roots; /* see process_source_roots() */
};

/* What became of the code objects and samples that were folded. */
struct fold_counts {
	__u64 samples; /* records folded into the profile, and their weight */
	__u64 sample_ns;
	__u64 unknown_process; /* records of a process nobody told of */
	__u64 bad_records;     /* records that make no sense */
	__u64 codes;	       /* code objects seen in samples, in all processes */
	__u64 codes_by_kernel; /* named from the kernel's record alone */
	__u64 codes_by_memory; /* named with the help of the process's memory */
	__u64 codes_unknown;   /* shown as [unknown code] */
};

/* The profile is not owned and must outlive the fold. */
struct fold *fold_new(struct profile *profile);
void fold_free(struct fold *fold);

/* A new incarnation; a fork passes what its parent was told with, under its own id and pid. */
int fold_add_process(struct fold *fold, const struct fold_process *process);
/*
 * A child that is told of like its parent. It knows none of its parent's code objects: both make
 * new ones at the same addresses, of the same identity. -ENOENT: the parent is not known.
 */
int fold_fork_process(struct fold *fold, __u32 parent, __u32 id, pid_t pid, __u64 start_ticks,
		      const char *comm);

/*
 * It is gone: after the next flush its code objects are forgotten. What was counted stays. Nothing
 * happens where the id is not known.
 */
void fold_end_process(struct fold *fold, __u32 id);

/* One record out of a ring. Hostile or torn ones are counted, never believed. */
int fold_record(struct fold *fold, const void *record, size_t size);

/*
 * Samples wait for the names of their frames until this: called after every drain; what is still
 * unnamed after it has waited for a second (or `last`) becomes [unknown code].
 */
int fold_flush(struct fold *fold, __u64 now_ns, int last);

const struct fold_counts *fold_counts(const struct fold *fold);

#endif
