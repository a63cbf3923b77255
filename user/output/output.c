// SPDX-License-Identifier: BSD-2-Clause
/* The output table. output.h says how to add a row. */
#include <string.h>
#include "output/output.h"

const struct output_format output_formats[] = {
	{"pprof", ".pb.gz", "for go tool pprof and everything that reads its format",
	 output_write_pprof},
	{"collapsed", ".folded", "one line a stack, for flame graphs", output_write_collapsed},
	{"text", ".txt", "a report to read", output_write_text},
	{},
};

const struct output_format *output_find(const char *name)
{
	for (const struct output_format *format = output_formats; format->name; format++)
		if (strcmp(format->name, name) == 0)
			return format;
	return NULL;
}

const struct output_format *output_find_by_suffix(const char *path)
{
	size_t size = strlen(path);

	for (const struct output_format *format = output_formats; format->name; format++) {
		size_t suffix_size = strlen(format->suffix);

		if (size >= suffix_size && strcmp(path + size - suffix_size, format->suffix) == 0)
			return format;
	}
	return NULL;
}
