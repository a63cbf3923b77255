// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the version table says about one CPython, as layouts_probe.c prints what its headers say:
 * layouts_rows MINOR [FILE], where FILE starts with that interpreter's _Py_DebugOffsets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "python/version.h"

static void read_table(const char *path, void *ret, size_t size)
{
	FILE *file = fopen(path, "re");

	if (!file || fread(ret, size, 1, file) != 1) {
		fprintf(stderr, "cannot read %zu bytes of %s\n", size, path);
		exit(1);
	}
	fclose(file);
}

static void print_layout(const struct py_layout *l)
{
#define PUT(field) printf(#field " %u\n", l->field)
	PUT(tstate_frame), PUT(tstate_thread_id), PUT(tstate_datastack_chunk);
	PUT(cframe_current_frame);
	PUT(frame_size), PUT(frame_previous), PUT(frame_code), PUT(frame_position);
	PUT(frame_owner), PUT(position);
	PUT(code_size), PUT(code_first_line), PUT(code_file_name), PUT(code_name);
	PUT(code_line_table), PUT(code_first_traceable), PUT(code_adaptive);
	PUT(ob_type), PUT(bytes_length), PUT(bytes_data);
	PUT(str_length), PUT(str_state), PUT(str_ascii_data), PUT(str_compact_data);
	PUT(chunk_previous), PUT(chunk_data);
#undef PUT
}

static void print_runtime(const struct python_runtime *r)
{
#define PUT(field) printf(#field " %u\n", r->field)
	PUT(initialized), PUT(interpreters_head), PUT(tss_key), PUT(threads_head);
	PUT(interpreter_next), PUT(thread_next), PUT(thread_id);
#undef PUT
}

int main(int argc, char **argv)
{
	const struct python_version *version;
	struct python_runtime runtime;
	struct py_layout layout;
	const char *reason;
	char table[1024];
	int err;

	if (argc < 2)
		return 2;
	version = version_find(3 << 24 | atoi(argv[1]) << 16);
	if (!version || version->debug_offsets_size > sizeof(table) ||
	    (version->debug_offsets_size && argc < 3)) {
		fprintf(stderr, "3.%s has no row, or its table is missing\n", argv[1]);
		return 1;
	}
	if (version->debug_offsets_size)
		read_table(argv[2], table, version->debug_offsets_size);
	err = version_offsets(version, table, &layout, &runtime, &reason);
	if (err) {
		fprintf(stderr, "3.%s: %s\n", argv[1], reason);
		return 1;
	}
	print_layout(&layout);
	print_runtime(&runtime);
	return 0;
}
