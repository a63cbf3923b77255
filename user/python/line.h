/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Line tables of code objects. Pure: bytes in, lines out; no memory of a process is read here.
 * The bytes are hostile: any table ends, and yields lines between 0 and INT_MAX.
 */
#ifndef PYTHON_LINE_H
#define PYTHON_LINE_H

#include <linux/types.h>
#include <stddef.h>

enum line_table_kind {
	LINE_TABLE_PEP626 = 1, /* co_linetable of 3.10 */
	LINE_TABLE_LOCATIONS,  /* co_linetable of 3.11 and later */
};

/*
 * The line of the instruction at `position` (bytes from the start of the bytecode). Negative
 * positions give first_line. Where the table says that there is no line: that of the nearest
 * range before it that has one, else first_line. Where the table ends early: the same.
 */
int line_find(enum line_table_kind kind, const __u8 *table, size_t size, int first_line,
	      int position);

#endif
