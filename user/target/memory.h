/* SPDX-License-Identifier: BSD-2-Clause */
/* A foreign process's memory, read without stopping it (process_vm_readv). */
#ifndef TARGET_MEMORY_H
#define TARGET_MEMORY_H

#include <linux/types.h>
#include <stddef.h>
#include <sys/types.h>

/* All of `size` bytes at `address`, or a negative errno (-EFAULT, -ESRCH, -EPERM). */
int memory_read(pid_t pid, __u64 address, void *ret, size_t size);

static inline int memory_read_u64(pid_t pid, __u64 address, __u64 *ret)
{
	return memory_read(pid, address, ret, sizeof(*ret));
}

#endif
