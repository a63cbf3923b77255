// SPDX-License-Identifier: BSD-2-Clause
/*
 * Frames -> locations. A code object is named by the record that the kernel sent of it in this very
 * process; failing that, by the process's memory, if what is there now is the one that was sampled.
 * Nothing else: an address that another process, or another time, has named may be anything here.
 */
#include <errno.h>
#include <string.h>
#include "profile/folding.h"
#include "python/remote.h"
#include "target/process.h"

/* Of all processes that live. What comes after that is not named. */
#define CODES_MAX      (1u << 20)
#define CODES_SIZE_MAX (256u << 20)

static struct code *code_find(const struct process *process, __u64 address, __u32 identity)
{
	struct code *code = identity ? names_find(&process->names, address, identity) : NULL;

	return code && code->symbol.name ? code : NULL;
}

static size_t code_size(const struct symbol *symbol)
{
	return sizeof(struct code) + symbol->line_table_size +
	       (symbol->name ? strlen(symbol->name) : 0) +
	       (symbol->file_name ? strlen(symbol->file_name) : 0);
}

/* One that is remembered without a name gets it now, and is counted anew. */
static void code_renew(struct fold *fold, struct code *code, struct symbol *symbol)
{
	if (code->counted) {
		fold->counts.codes--;
		fold->counts.codes_unknown--;
		code->counted = false;
	}
	code->symbol = *symbol;
	*symbol = (struct symbol){};
}

static int code_make(struct fold *fold, struct process *process, struct symbol *symbol,
		     __u64 address, __u32 identity, struct code **ret)
{
	int err;

	if (fold->nr_codes >= CODES_MAX)
		return -ENOSPC;
	err = names_add(&process->names, address, identity, symbol, ret);
	if (!err)
		fold->nr_codes++;
	return err;
}

/* There is none with a name yet. The symbol is used up. -ENOSPC: no more are kept. */
static int code_add(struct fold *fold, struct process *process, struct symbol *symbol,
		    __u64 address, __u32 identity, bool from_memory, struct code **ret)
{
	struct code *code = names_find(&process->names, address, identity);
	size_t size = code_size(symbol);
	int err = fold->codes_size + size > CODES_SIZE_MAX ? -ENOSPC : 0;

	if (!err && code)
		code_renew(fold, code, symbol);
	else if (!err)
		err = code_make(fold, process, symbol, address, identity, &code);
	if (err) {
		symbol_done(symbol);
		return err;
	}
	fold->codes_size += size;
	process->names.codes_size += size;
	code->from_memory = from_memory;
	*ret = code;
	return 0;
}

int fold_code(struct fold *fold, const struct code_record *record, size_t size)
{
	struct process *process;
	struct symbol symbol = {};
	__u64 from_memory = 0;
	struct code *code;
	int err;

	if (size < sizeof(*record) || !record->identity) {
		fold->counts.bad_records++;
		return 0;
	}
	process = process_find(fold, record->process);
	if (!process) {
		fold->counts.unknown_process++;
		return 0;
	}
	if (code_find(process, record->code, record->identity))
		return 0; /* another CPU has sent it too */
	err = symbol_init(&symbol, record, size, process->line_table, process->roots, process->pid,
			  process->has_layout && !process->ended ? &process->layout : NULL,
			  &from_memory);
	if (!err)
		err = code_add(fold, process, &symbol, record->code, record->identity, from_memory,
			       &code);
	fold->counts.bad_records += err == -EBADMSG;
	return err == -ENOMEM ? err : 0;
}

/* Is the pid still that process, so that its memory may be asked? */
static bool process_lives(const struct process *process)
{
	struct process_stat stat;

	return process->has_layout && !process->ended && !process_stat(process->pid, &stat) &&
	       stat.start_ticks == process->start_ticks;
}

/*
 * What the kernel could not read or send. Where it could not even read the identity, what is there
 * now has to do: it was looked up by address in a stack that is a drain old.
 */
static struct code *code_from_memory(struct fold *fold, struct process *process,
				     const struct py_frame *frame)
{
	struct code_record record;
	struct symbol symbol = {};
	struct code *code;
	__u64 from_memory = 0;

	if (!process_lives(process) ||
	    code_record_read(process->pid, frame->code, &process->layout, process->code_type,
			     &record) ||
	    (frame->identity && frame->identity != record.identity))
		return NULL;
	code = code_find(process, frame->code, record.identity);
	if (code)
		return code;
	if (symbol_init(&symbol, &record, sizeof(record), process->line_table, process->roots,
			process->pid, &process->layout, &from_memory) ||
	    code_add(fold, process, &symbol, frame->code, record.identity, true, &code))
		return NULL;
	return code;
}

/* One without a name is remembered, to be counted once; a record may name it later. */
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
	code->counted = true;
	fold->counts.codes++;
	fold->counts.codes_unknown++;
	return 0;
}

/*
 * -EAGAIN: a record may still come. None does where the kernel could not read the identity; then
 * memory is asked at once, and otherwise only once.
 */
static int frame_code(struct fold *fold, struct process *process, const struct py_frame *frame,
		      bool last, struct code **ret)
{
	*ret = code_find(process, frame->code, frame->identity);
	if (*ret)
		return 0;
	if (frame->identity && !last)
		return -EAGAIN;
	if (!frame->identity || !names_find(&process->names, frame->code, frame->identity))
		*ret = code_from_memory(fold, process, frame);
	return *ret ? 0 : code_unknown(fold, process, frame);
}

/* Its function in the profile; the first time, it is counted as shown. */
static int code_function(struct fold *fold, struct code *code)
{
	struct profile_function function = {
		.name = code->symbol.name,
		.file_name = code->symbol.file_name,
		.first_line = code->symbol.first_line,
	};

	if (code->function < 0)
		code->function = profile_add_function(fold->profile, &function);
	if (!code->counted) {
		code->counted = true;
		fold->counts.codes++;
		if (code->from_memory)
			fold->counts.codes_by_memory++;
		else
			fold->counts.codes_by_kernel++;
	}
	return code->function;
}

static int code_location(struct fold *fold, struct code *code, __s32 position)
{
	const struct symbol *symbol = &code->symbol;
	int function = code_function(fold, code);

	if (function < 0)
		return function;
	return profile_add_location(fold->profile, function,
				    line_find(symbol->line_table_kind, symbol->line_table,
					      symbol->line_table_size, symbol->first_line,
					      position));
}

int frame_location(struct fold *fold, struct process *process, const struct py_frame *frame,
		   bool last)
{
	const __u32 *known = frame->identity ? names_find_place(&process->names, frame) : NULL;
	struct code *code;
	int location, err;

	if (known)
		return *known;
	err = frame_code(fold, process, frame, last, &code);
	if (err)
		return err;
	if (!code)
		return ours_location(fold, UNKNOWN_CODE);
	location = code_location(fold, code, frame->position);
	if (location < 0 || !frame->identity)
		return location;
	err = names_add_place(&process->names, frame, location);
	return err ? err : location;
}
