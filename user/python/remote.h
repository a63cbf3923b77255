/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fall-back where the kernel could not read a code object: the same record, made from the
 * process's memory.
 */
#ifndef PYTHON_REMOTE_H
#define PYTHON_REMOTE_H

#include <linux/types.h>
#include <sys/types.h>
#include "pybpfprof.h"

/*
 * A record without any names in it (all of them flagged as missing), for symbol_init() to fill.
 * Negative errno where it can't be read; -ENOENT: what is there is no code object.
 */
int code_record_read(pid_t pid, __u64 code, const struct py_layout *layout, __u64 code_type,
		     struct code_record *ret);

#endif
