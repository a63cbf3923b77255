/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A code object's names, as the profile shows them: made from the record that the kernel sent,
 * or, where that lacks something, from the process's memory.
 */
#ifndef PYTHON_SYMBOL_H
#define PYTHON_SYMBOL_H

#include <linux/types.h>
#include <stddef.h>
#include <sys/types.h>
#include "pybpfprof.h"
#include "python/line.h"

struct symbol {
	char *name;	 /* "package.module.Class.method", UTF-8 */
	char *file_name; /* as the interpreter knows it, UTF-8 */
	int first_line;
	enum line_table_kind line_table_kind;
	__u8 *line_table;
	size_t line_table_size;
};

/*
 * record: as it stands in a ring, `size` bytes of it; its sizes are checked. roots: see
 * process_source_roots(). What the record lacks is read from process `pid` if layout is not NULL:
 * *ret_read_memory counts up by one then, whether or not it is found. A text that stays cut ends in
 * an ellipsis. -EBADMSG: no valid record; -ENODATA: it could not be named. Free with symbol_done().
 */
int symbol_init(struct symbol *symbol, const struct code_record *record, size_t size,
		enum line_table_kind kind, char *const roots[2], pid_t pid,
		const struct py_layout *layout, __u64 *ret_read_memory);
void symbol_done(struct symbol *symbol);

/* "package.module" of a source file. The caller frees it; NULL only where memory ran out. */
char *symbol_module(const char *file_name, char *const roots[2]);

#endif
