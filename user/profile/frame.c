/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include "profile/folding.h"
#include "python/remote.h"
#include "target/process.h"

#define CODES_MAX     (1u << 20) /* code objects kept, of all processes that live */
#define ANCESTORS_MAX 8

/* The code object of a frame in this process, or in the one it was forked from: the same then. */
static struct code *code_find(struct fold *fold, struct process *process,
			      const struct py_frame *frame)
{
	struct code *code = NULL;
	int i;

	for (i = 0; i < ANCESTORS_MAX && process && !code && frame->identity; i++) {
		code = names_find(&process->names, frame->code, frame->identity);
		code = code && code->symbol.name ? code : NULL;
		process = process->parent ? process_find(fold, process->parent) : NULL;
	}
	return code;
}

/* The symbol is used up. -EEXIST where it has a name already. */
static int code_add(struct fold *fold, struct process *process, struct symbol *symbol,
		    __u64 address, __u32 identity, bool from_memory, struct code **ret)
{
	struct code *code = names_find(&process->names, address, identity);
	int err = -ENOSPC;

	if (code && !code->symbol.name) {
		fold->counts.codes--;
		fold->counts.codes_unknown--;
		code->symbol = *symbol;
		code->from_memory = from_memory;
		*ret = code;
		return 0;
	}
	if (fold->nr_codes < CODES_MAX)
		err = names_add(&process->names, address, identity, symbol, ret);
	if (err) {
		symbol_done(symbol);
		return err;
	}
	fold->nr_codes++;
	(*ret)->from_memory = from_memory;
	return 0;
}

int fold_code(struct fold *fold, const struct code_record *record, size_t size)
{
	struct process *process;
	struct symbol symbol = {};
	__u64 from_memory = 0;
	struct code *code;
	int err;

	if (size < sizeof(*record)) {
		fold->counts.bad_records++;
		return 0;
	}
	process = process_find(fold, record->process);
	if (!process) {
		fold->counts.unknown_process++;
		return 0;
	}
	code = names_find(&process->names, record->code, record->identity);
	if (code && code->symbol.name)
		return 0; /* another CPU has sent it too */
	err = symbol_init(&symbol, record, size, process->line_table, process->roots, process->pid,
			  process->has_layout && !process->ended ? &process->layout : NULL,
			  &from_memory);
	if (err == -ENOMEM)
		return err;
	if (err) {
		fold->counts.bad_records += err == -EBADMSG;
		return 0;
	}
	err = code_add(fold, process, &symbol, record->code, record->identity, from_memory, &code);
	return err == -ENOMEM ? err : 0;
}

/* What the kernel could not read: from memory, if it is still that process's. */
static struct code *code_from_memory(struct fold *fold, struct process *process,
				     const struct py_frame *frame)
{
	struct code_record record;
	struct process_stat stat;
	struct symbol symbol = {};
	__u64 from_memory = 0;
	struct code *code = NULL;

	if (!process->has_layout || process->ended || process_stat(process->pid, &stat) ||
	    stat.start_ticks != process->start_ticks)
		return NULL;
	if (code_record_read(process->pid, frame->code, &process->layout, &record))
		return NULL;
	if (frame->identity && record.identity != frame->identity)
		return NULL; /* another code object by now */
	if (symbol_init(&symbol, &record, sizeof(record), process->line_table, process->roots,
			process->pid, &process->layout, &from_memory))
		return NULL;
	if (code_add(fold, process, &symbol, frame->code, frame->identity, true, &code))
		return NULL;
	return code;
}

/* Number of the location of a frame; -EAGAIN: it has no name yet. */
/* A code object without a name is remembered, to be counted once; it may be named later. */
static int code_unknown(struct fold *fold, struct process *process, const struct py_frame *frame)
{
	struct symbol none = {};
	struct code *code;
	int err;

	if (names_find(&process->names, frame->code, frame->identity))
		return 0;
	err = code_add(fold, process, &none, frame->code, frame->identity, false, &code);
	if (err)
		return err == -ENOMEM ? err : 0;
	fold->counts.codes++;
	fold->counts.codes_unknown++;
	return 0;
}

/* Its function in the profile; on the first time it is counted as shown. */
static int code_function(struct fold *fold, struct code *code)
{
	struct profile_function function = {
		.name = code->symbol.name,
		.file_name = code->symbol.file_name,
		.first_line = code->symbol.first_line,
	};

	if (code->function >= 0)
		return code->function;
	fold->counts.codes++;
	if (code->from_memory)
		fold->counts.codes_by_memory++;
	else
		fold->counts.codes_by_kernel++;
	code->function = profile_add_function(fold->profile, &function);
	return code->function;
}

int frame_location(struct fold *fold, struct process *process, const struct py_frame *frame,
		   bool last)
{
	const __u32 *known = names_find_place(&process->names, frame);
	int function, location, err;
	struct symbol *symbol;
	struct code *code;

	if (known)
		return *known;
	code = code_find(fold, process, frame);
	if (!code && last)
		code = code_from_memory(fold, process, frame);
	if (!code) {
		err = last ? code_unknown(fold, process, frame) : -EAGAIN;
		return err ? err : (int)fold->ours[UNKNOWN_CODE];
	}
	function = code_function(fold, code);
	if (function < 0)
		return function;
	symbol = &code->symbol;
	location = profile_add_location(fold->profile, function,
					line_find(symbol->line_table_kind, symbol->line_table,
						  symbol->line_table_size, symbol->first_line,
						  frame->position));
	if (location < 0)
		return location;
	err = names_add_place(&process->names, frame, location);
	return err ? err : location;
}
