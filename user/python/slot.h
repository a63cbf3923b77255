/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the threads of a process keep the value of a pthread key, relative to their thread
 * pointer. The C library's layout is not assumed: every guess is held against the threads of which
 * the interpreter itself says which value they have.
 */
#ifndef PYTHON_SLOT_H
#define PYTHON_SLOT_H

#include <linux/types.h>
#include <stddef.h>
#include <sys/types.h>
#include "pybpfprof.h"

#define SLOT_KEYS_MAX	    1024 /* PTHREAD_KEYS_MAX of glibc; musl has 128 */
#define SLOT_CANDIDATES_MAX 8

enum slot_machine { SLOT_X86_64, SLOT_AARCH64 };

struct slot_thread {
	__u64 self;   /* what pthread_self() is in that thread */
	__u64 tstate; /* the value that the key ought to have there */
};

/*
 * The layouts of C libraries that are known. pthread_size: sizeof(struct pthread) as libc tells
 * it, or 0. Returns how many.
 */
size_t slot_candidates(enum slot_machine machine, __u32 key, __u32 pthread_size,
		       struct py_slot ret[SLOT_CANDIDATES_MAX]);

/*
 * The slot that fits the threads, whose order is changed. Several may have the same `self`: then
 * the value has to be one of theirs. A thread that has no value there, or is gone, is starting or
 * ending and says nothing; of the others at least half must agree, and one at all.
 * -EAGAIN: no threads; -ENOTSUP: no slot fits.
 */
int slot_find(pid_t pid, __u32 key, __u32 pthread_size, struct slot_thread *threads,
	      size_t nr_threads, struct py_slot *ret);

/* What a thread has in a slot. */
int slot_read(pid_t pid, const struct py_slot *slot, __u64 self, __u64 *ret);

#endif
