/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The version table: what differs between CPythons, as data. One row per minor version. From 3.13
 * on a row says where in _Py_DebugOffsets a field's offset stands; before, it holds the offsets.
 */
#ifndef PYTHON_VERSION_H
#define PYTHON_VERSION_H

#include <linux/types.h>
#include <stddef.h>
#include "pybpfprof.h"
#include "python/line.h"

/* Offsets that only user space needs, to find and check an interpreter. From _PyRuntime: */
struct python_runtime {
	__u32 initialized;	 /* int, 1 when it is */
	__u32 interpreters_head; /* PyInterpreterState * */
	__u32 tss_key;		 /* unsigned int, the pthread key of the gilstate */
	/* from PyInterpreterState */
	__u32 threads_head; /* PyThreadState * */
	__u32 interpreter_next;
	/* from PyThreadState */
	__u32 thread_next;
	__u32 thread_id;
};

struct python_version {
	unsigned int minor; /* 3.minor */
	enum line_table_kind line_table;
	size_t debug_offsets_size; /* 0: the version has none */
};

/* The row for a PY_VERSION_HEX (only major and minor count), or NULL: not known to this build. */
const struct python_version *version_find(__u32 hex);

/* "CPython 3.16 is newer than this build knows (3.10 to 3.13)". The caller frees it. */
char *version_refusal(__u32 hex);

/*
 * Offsets of a version. debug_offsets: what stands at _PyRuntime in the process, read once, of
 * version->debug_offsets_size bytes; NULL for a version that has none. It is hostile: cookie,
 * version, free-threaded flag, and that every field lies inside its struct, are checked here.
 * -ENOTSUP (free-threaded, alpha, beta) or -EINVAL with a reason in *ret_reason (static text).
 */
int version_offsets(const struct python_version *version, const void *debug_offsets,
		    struct py_layout *ret_layout, struct python_runtime *ret_runtime,
		    const char **ret_reason);

#endif
