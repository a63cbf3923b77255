// SPDX-License-Identifier: BSD-2-Clause
/* Without a lock and without stopping the target: whoever names with this looks twice. */
#include <errno.h>
#include <string.h>
#include "python/code.h" /* the kernel's own: identity is computed alike */
#include "python/remote.h"
#include "target/memory.h"

static __u64 field64(const __u8 *bytes, __u16 offset)
{
	__u64 value = 0;

	if (offset <= PY_CODE_MAX - sizeof(value))
		memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

int code_record_read(pid_t pid, __u64 code, const struct py_layout *layout, __u64 code_type,
		     struct code_record *ret)
{
	__u8 bytes[PY_CODE_MAX] = {};
	struct code_record record = {
		.type = RECORD_CODE,
		.code = code,
		.missing = CODE_MISSING_NAME | CODE_MISSING_FILE_NAME | CODE_MISSING_LINE_TABLE,
		.name_width = 1,
		.file_name_width = 1,
	};
	int err;

	if (layout->code_size > sizeof(bytes))
		return -EINVAL;
	err = memory_read(pid, code, bytes, layout->code_size);
	if (err)
		return err;
	if (!code_type || field64(bytes, layout->ob_type) != code_type)
		return -ENOENT;
	record.first_line = field64(bytes, layout->code_first_line);
	record.name = field64(bytes, layout->code_name);
	record.file_name = field64(bytes, layout->code_file_name);
	record.line_table = field64(bytes, layout->code_line_table);
	record.identity =
		code_identity(record.first_line, record.name, record.file_name, record.line_table);
	*ret = record;
	return 0;
}
