// SPDX-License-Identifier: BSD-2-Clause
/*
 * Names of code objects. A record has been cut to size by the kernel, and its text is the target's:
 * sizes are checked here, characters by text_from_ucs(). Memory is read only for what the record
 * lacks, and believed only if the code object is still the one that the record tells of.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/text.h"
#include "python/symbol.h"
#include "target/memory.h"

#define STR_MAX	  (64U << 10) /* bytes of a str, of a line table, that are read from memory */
#define LINES_MAX (1U << 20)

/* PyASCIIObject.state */
#define STR_KIND_MASK  0x1c
#define STR_KIND_SHIFT 2
#define STR_COMPACT    0x20
#define STR_ASCII      0x40

#define CUT_MARK "\xe2\x80\xa6" /* an ellipsis */

/* Part of a code object: in the record, or in memory of its own. */
struct part {
	const void *data;
	void *own;
	size_t size;
	unsigned int width;
	bool missing; /* cut, or not there at all */
};

struct parts {
	struct part name;
	struct part file_name;
	struct part line_table;
};

static void parts_done(struct parts *parts)
{
	free(parts->name.own);
	free(parts->file_name.own);
	free(parts->line_table.own);
}

#define _cleanup_parts_ _cleanup_(parts_done)

static bool is_text(size_t size, unsigned int width)
{
	if (!size)
		return true;
	return (width == 1 || width == 2 || width == 4) && size % width == 0 && size <= PY_NAME_MAX;
}

static int parts_init(struct parts *parts, const struct code_record *record, size_t size)
{
	const __u8 *data;

	if (size < sizeof(*record) || record->type != RECORD_CODE ||
	    !is_text(record->name_size, record->name_width) ||
	    !is_text(record->file_name_size, record->file_name_width) ||
	    record->line_table_size > PY_LINES_MAX)
		return -EBADMSG;
	if (size - sizeof(*record) <
	    (size_t)record->name_size + record->file_name_size + record->line_table_size)
		return -EBADMSG;
	data = record->data;
	parts->name = (struct part){
		.data = data,
		.size = record->name_size,
		.width = record->name_width,
		.missing = record->missing & CODE_MISSING_NAME,
	};
	data += record->name_size;
	parts->file_name = (struct part){
		.data = data,
		.size = record->file_name_size,
		.width = record->file_name_width,
		.missing = record->missing & CODE_MISSING_FILE_NAME,
	};
	data += record->file_name_size;
	parts->line_table = (struct part){
		.data = data,
		.size = record->line_table_size,
		.width = 1,
		.missing = record->missing & CODE_MISSING_LINE_TABLE,
	};
	return 0;
}

static int read_part(pid_t pid, __u64 address, size_t size, unsigned int width, struct part *ret)
{
	_cleanup_free_ void *data = malloc(size + !size);
	int err;

	if (!data)
		return -ENOMEM;
	err = memory_read(pid, address, data, size);
	if (err)
		return err;
	*ret = (struct part){.data = data, .own = data, .size = size, .width = width};
	take(data);
	return 0;
}

/* What is not compact has its characters elsewhere; no name or path of a code object is like that.
 */
static int read_str(pid_t pid, const struct py_layout *layout, __u64 address, struct part *ret)
{
	unsigned int width;
	__u64 length;
	__u32 state;
	int err;

	err = memory_read(pid, address + layout->str_length, &length, sizeof(length));
	if (!err)
		err = memory_read(pid, address + layout->str_state, &state, sizeof(state));
	if (err)
		return err;
	width = (state & STR_KIND_MASK) >> STR_KIND_SHIFT;
	if (!(state & STR_COMPACT) || (width != 1 && width != 2 && width != 4))
		return -EBADMSG;
	if (state & STR_ASCII && width != 1)
		return -EBADMSG;
	if (length > STR_MAX / width)
		return -E2BIG;
	address += state & STR_ASCII ? layout->str_ascii_data : layout->str_compact_data;
	return read_part(pid, address, length * width, width, ret);
}

static int read_bytes(pid_t pid, const struct py_layout *layout, __u64 address, struct part *ret)
{
	__u64 length;
	int err;

	err = memory_read(pid, address + layout->bytes_length, &length, sizeof(length));
	if (err)
		return err;
	if (length > LINES_MAX)
		return -E2BIG;
	return read_part(pid, address + layout->bytes_data, length, 1, ret);
}

static bool points_to(const __u8 *code, __u16 offset, __u64 address)
{
	__u64 value;

	if (offset > PY_CODE_MAX - sizeof(value))
		return false;
	memcpy(&value, code + offset, sizeof(value));
	return value == address;
}

/* Its memory may have been freed and used again since the record was made. */
static bool is_still_there(pid_t pid, const struct py_layout *layout,
			   const struct code_record *record)
{
	__u8 code[PY_CODE_MAX] = {0};
	__u32 first_line;

	if (layout->code_size > sizeof(code) ||
	    layout->code_first_line > sizeof(code) - sizeof(first_line) ||
	    memory_read(pid, record->code, code, layout->code_size))
		return false;
	memcpy(&first_line, code + layout->code_first_line, sizeof(first_line));
	return first_line == record->first_line &&
	       points_to(code, layout->code_name, record->name) &&
	       points_to(code, layout->code_file_name, record->file_name) &&
	       points_to(code, layout->code_line_table, record->line_table);
}

static void replace_missing(struct part *part, struct part *found)
{
	if (part->missing && found->own)
		*part = (struct part){
			.data = found->data,
			.own = take(found->own),
			.size = found->size,
			.width = found->width,
		};
}

/*
 * As much as can be had; what cannot stays missing. The target runs on, so the code object is
 * looked at after its parts were read: as long as it lives, they do.
 */
static void read_missing(struct parts *parts, const struct code_record *record, pid_t pid,
			 const struct py_layout *layout)
{
	_cleanup_parts_ struct parts found = {0};

	if (parts->name.missing)
		read_str(pid, layout, record->name, &found.name);
	if (parts->file_name.missing)
		read_str(pid, layout, record->file_name, &found.file_name);
	if (parts->line_table.missing)
		read_bytes(pid, layout, record->line_table, &found.line_table);
	if (!is_still_there(pid, layout, record))
		return;
	replace_missing(&parts->name, &found.name);
	replace_missing(&parts->file_name, &found.file_name);
	replace_missing(&parts->line_table, &found.line_table);
}

/* A text that stays cut says so. */
static char *part_text(const struct part *part)
{
	_cleanup_free_ char *text =
		text_from_ucs(part->data, part->size, part->size ? part->width : 1);

	if (!text || !part->missing || !part->size)
		return take(text);
	return text_format("%s" CUT_MARK, text);
}

static int symbol_set_names(struct symbol *symbol, const struct parts *parts, char *const roots[2])
{
	_cleanup_free_ char *own_name = part_text(&parts->name), *module = NULL;

	symbol->file_name = part_text(&parts->file_name);
	if (!own_name || !symbol->file_name)
		return -ENOMEM;
	module = symbol_module(symbol->file_name, roots);
	if (!module)
		return -ENOMEM;
	symbol->name = *module ? text_format("%s.%s", module, own_name) : take(own_name);
	return symbol->name ? 0 : -ENOMEM;
}

static int symbol_set_lines(struct symbol *symbol, struct part *part)
{
	symbol->line_table_size = part->size;
	if (part->own) {
		symbol->line_table = take(part->own);
		return 0;
	}
	if (!part->size)
		return 0;
	symbol->line_table = malloc(part->size);
	if (!symbol->line_table)
		return -ENOMEM;
	memcpy(symbol->line_table, part->data, part->size);
	return 0;
}

int symbol_init(struct symbol *symbol, const struct code_record *record, size_t size,
		enum line_table_kind kind, char *const roots[2], pid_t pid,
		const struct py_layout *layout, __u64 *ret_read_memory)
{
	_cleanup_parts_ struct parts parts = {0};
	struct symbol made = {.line_table_kind = kind};
	int err;

	err = parts_init(&parts, record, size);
	if (err)
		return err;
	if (layout && (parts.name.missing || parts.file_name.missing || parts.line_table.missing)) {
		++*ret_read_memory;
		read_missing(&parts, record, pid, layout);
	}
	if (parts.name.missing && !parts.name.size)
		return -ENODATA;
	made.first_line = record->first_line > INT_MAX ? 0 : record->first_line;
	err = symbol_set_names(&made, &parts, roots);
	if (!err)
		err = symbol_set_lines(&made, &parts.line_table);
	if (err) {
		symbol_done(&made);
		return err;
	}
	*symbol = made;
	return 0;
}

void symbol_done(struct symbol *symbol)
{
	free(symbol->name);
	free(symbol->file_name);
	free(symbol->line_table);
	*symbol = (struct symbol){0};
}
