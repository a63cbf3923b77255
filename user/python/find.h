/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is this process a CPython, and which? Finds the live runtime among the mapped files (shared
 * libpython, static binary, stripped or not, deleted or in another mount namespace), its version,
 * its offsets and where its threads keep their PyThreadState.
 */
#ifndef PYTHON_FIND_H
#define PYTHON_FIND_H

#include <linux/types.h>
#include <sys/types.h>
#include "pybpfprof.h"
#include "python/version.h"

struct python {
	const struct python_version *version;
	__u32 hex;	       /* PY_VERSION_HEX; micro and below 0 where it is not known */
	char version_text[16]; /* "3.12" */
	__u64 runtime;	       /* address of _PyRuntime */
	__u64 code_type;       /* address of PyCode_Type */
	struct py_slot slot;
	struct py_layout layout;
	char refusal[160]; /* why not, where python_find() says -ENOTSUP */
};

/*
 * 0          found, ready to be sampled
 * -ENOENT    no CPython is mapped
 * -EAGAIN    one is mapped, but is not initialised yet: try again
 * -ENOTSUP   one that this build does not know: ret->refusal says which
 * -ESRCH     the process is gone
 * other      could not look (-EACCES, -EPERM, -ENOMEM)
 * What was found out about a file is kept for the next process that maps it (find_forget()).
 */
int python_find(pid_t pid, struct python *ret);

/* Drop what is kept about files. */
void find_forget(void);

#endif
