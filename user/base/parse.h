/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and times as people type them. No locale has a say. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <linux/types.h>

/* A decimal number without sign or blanks. -EINVAL: none; -ERANGE: more than max. */
int parse_number(const char *s, __u64 max, __u64 *ret);

/* "60", "500ms", "5m", "1.5h" in nanoseconds. -EINVAL: none; -ERANGE: more than max_ns. */
int parse_duration(const char *s, __u64 max_ns, __u64 *ret_ns);

#endif
