/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages for people, on standard error, one line each. Whatever is printed goes through
 * text_clean(), so that a name from a target cannot send control bytes to a terminal.
 * Only session/ and main print; everything below returns an errno.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

extern enum log_level log_level; /* the most that is printed; LOG_INFO until set */

void log_print(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_print(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_print(LOG_WARNING, __VA_ARGS__)
#define log_info(...)	 log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	 log_print(LOG_DEBUG, __VA_ARGS__)

/* Print an error and return err, in one expression: return fail(-EINVAL, "no such '%s'", name). */
#define fail(err, ...)                  \
	({                              \
		log_error(__VA_ARGS__); \
		(err);                  \
	})

#endif
