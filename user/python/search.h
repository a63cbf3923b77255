/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The search for interpreters in a process. Several of its files may look like one: a static
 * program and the shared library that an extension pulled in, or two versions of it. Each copy is
 * a candidate; which of them is alive is for find.c to say.
 */
#ifndef PYTHON_SEARCH_H
#define PYTHON_SEARCH_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "python/file.h"
#include "target/maps.h"

#define CANDIDATES_MAX 16

/* A file that looks like an interpreter, where it is mapped. */
struct candidate {
	struct python_file file;
	__u64 bias;
	__u64 runtime; /* address of _PyRuntime, 0 where that version has none */
	__u32 hex;     /* PY_VERSION_HEX, for the caller */
};

struct search {
	pid_t pid;
	struct maps maps;
	struct candidate candidates[CANDIDATES_MAX];
	size_t nr_candidates;
	__u32 pthread_size;	/* as libc tells it */
	__u64 copied_code_type; /* PyCode_Type in the program's own data, by a copy relocation */
	const char *other;	/* something like a Python, by name; or NULL */
	int file_error;		/* the first that kept us from looking into a file */
	int memory_error;	/* likewise into memory, other than that nothing is there */
};

/* Look at all files with code in them. Errors of maps_init(); free with search_done(). */
int search_init(struct search *search, pid_t pid);
void search_done(struct search *search);

/* Reads of the process's memory, whose errors are kept: it may have ended meanwhile. */
bool search_read(struct search *search, __u64 address, void *ret, size_t size);

static inline bool search_read_u64(struct search *search, __u64 address, __u64 *ret)
{
	return search_read(search, address, ret, sizeof(*ret));
}

static inline bool search_read_u32(struct search *search, __u64 address, __u32 *ret)
{
	return search_read(search, address, ret, sizeof(*ret));
}

#endif
