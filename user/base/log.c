// SPDX-License-Identifier: BSD-2-Clause
/*
 * One write() a line, so that lines of ours and of a launched command never mix within a line.
 * Errors and warnings carry the program's name; what it was asked for (LOG_INFO) stands alone.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"

enum log_level log_level = LOG_INFO;

static const char *const prefixes[] = {
	[LOG_ERROR] = "pybpfprof: ",
	[LOG_WARNING] = "pybpfprof: warning: ",
	[LOG_INFO] = "",
	[LOG_DEBUG] = "pybpfprof: debug: ",
};

/* A reader that is gone, or a full disk, is no reason to stop profiling: nothing to return. */
static void print_all(const char *line, size_t size)
{
	while (size) {
		ssize_t n = write(STDERR_FILENO, line, size);

		if (n <= 0)
			return;
		line += n;
		size -= n;
	}
}

void log_print(enum log_level level, const char *format, ...)
{
	_cleanup_free_ char *message = NULL, *line = NULL;
	va_list args;
	int n;

	if (level > log_level)
		return;
	va_start(args, format);
	n = vasprintf(&message, format, args);
	va_end(args);
	if (n < 0) {
		message = NULL; /* vasprintf leaves it undefined */
		return print_all("pybpfprof: out of memory\n", 25);
	}
	text_clean(message);
	line = text_format("%s%s\n", prefixes[level], message);
	if (line)
		print_all(line, strlen(line));
	else
		print_all("pybpfprof: out of memory\n", 25);
}
