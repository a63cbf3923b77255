// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdint.h>
#include <sys/uio.h>
#include "target/memory.h"

int memory_read(pid_t pid, __u64 address, void *ret, size_t size)
{
	char *to = ret;

	if (address + size < address)
		return -EFAULT;
	while (size) {
		struct iovec local = {to, size};
		struct iovec remote = {(void *)(uintptr_t)address, size};
		ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EFAULT;
		/* Short where a page is missing, or where the kernel's limit of 2 GiB was met. */
		to += n;
		address += n;
		size -= n;
	}
	return 0;
}
