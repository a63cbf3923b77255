// SPDX-License-Identifier: BSD-2-Clause
/* Without a lock and without stopping the target: whoever names with this looks twice. */
#include <errno.h>
#include "python/code.h" /* the kernel's own: identity is computed alike */
#include "python/remote.h"
#include "target/memory.h"

static pid_t remote_pid;

static int read_remote(void *dst, __u32 size, __u64 address)
{
	return memory_read(remote_pid, address, dst, size);
}

int (*mem_reader)(void *dst, __u32 size, __u64 address) = read_remote;

int code_record_read(pid_t pid, __u64 address, const struct py_layout *layout, __u64 code_type,
		     struct code_record *ret)
{
	__u8 scratch[CODE_SCRATCH] = {};
	struct py_code code;
	int err;

	remote_pid = pid;
	mem_reader = read_remote;
	err = code_type ? code_read(layout, code_type, address, scratch, &code) : 1;
	if (err)
		return err > 0 ? -ENOENT : -EFAULT;
	*ret = (struct code_record){
		.type = RECORD_CODE,
		.code = address,
		.identity = code.identity,
		.first_line = code.first_line,
		.name = code.name,
		.file_name = code.file_name,
		.line_table = code.line_table,
		.missing = CODE_MISSING_NAME | CODE_MISSING_FILE_NAME | CODE_MISSING_LINE_TABLE,
		.name_width = 1,
		.file_name_width = 1,
	};
	return 0;
}
