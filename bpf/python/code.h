/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A code object: its identity, and its names and line table on first sight. An address alone is no
 * identity, since code objects are freed and their memory is used again (laws, 8).
 */
#ifndef PYTHON_CODE_H
#define PYTHON_CODE_H

#include "mem.h"
#include "pybpfprof.h"

#define CODE_BYTES_MASK 255
#define CODE_SCRATCH	264 /* a field of 8 bytes may begin at the mask's last byte */

/* State bits of a PyASCIIObject, alike in every version without free threading. */
#define STR_KIND_MASK  0x1c
#define STR_KIND_SHIFT 2
#define STR_COMPACT    0x20
#define STR_ASCII      0x40

struct py_code {
	__u64 name, file_name, line_table; /* addresses of the objects */
	__u32 first_line;
	__u32 identity;
	__s32 first_traceable; /* bytes; a frame before this is not complete yet */
};

static __always_inline __u64 code_mix(__u64 h, __u64 value)
{
	h = (h ^ value) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 29);
}

/*
 * What the objects hold, not only where they are: where functions are made and thrown away in a
 * loop, name, file name and line table come to lie at the old ones' places, all three. length and
 * hash of a str, and ob_size, ob_shash and ob_sval of a bytes, follow each other in every CPython;
 * ob_shash is left out, since it changes when it is first asked for.
 */
static __always_inline __u64 code_content(const struct py_layout *layout, __u64 name,
					  __u64 file_name, __u64 line_table)
{
	__u64 str[2] = {}, bytes[4] = {}, h = 0;

	if (!mem_read(str, sizeof(str), name + layout->str_length))
		h = code_mix(code_mix(h, str[0]), str[1]);
	if (!mem_read(str, sizeof(str), file_name + layout->str_length))
		h = code_mix(code_mix(h, str[0]), str[1]);
	if (!mem_read(bytes, sizeof(bytes), line_table + layout->bytes_data - 16)) {
		h = code_mix(h, bytes[0]);
		if (bytes[0] >= 16) /* what lies behind a shorter table is not its own */
			h = code_mix(code_mix(h, bytes[2]), bytes[3]);
		else if (bytes[0] >= 8)
			h = code_mix(h, bytes[2]);
	}
	return h;
}

/* Never 0, which stands for "not read". */
static __always_inline __u32 code_identity(const struct py_layout *layout, __u32 first_line,
					   __u64 name, __u64 file_name, __u64 line_table)
{
	__u64 h = code_content(layout, name, file_name, line_table);

	h = code_mix(code_mix(code_mix(code_mix(h, first_line), name), file_name), line_table);
	h ^= h >> 32;
	return (__u32)h ? (__u32)h : 1;
}

static __always_inline __u64 code_field64(const __u8 *bytes, __u64 offset)
{
	verifier_bound(offset, CODE_BYTES_MASK);
	return mem_u64(&bytes[offset]);
}

static __always_inline __u32 code_field32(const __u8 *bytes, __u64 offset)
{
	verifier_bound(offset, CODE_BYTES_MASK);
	return mem_u32(&bytes[offset]);
}

/*
 * Read what identifies a code object. scratch: CODE_SCRATCH bytes. 0; 1: what is there is no code
 * object; negative: it could not be read.
 */
static __always_inline int code_read(const struct py_layout *layout, __u64 code_type, __u64 code,
				     __u8 *scratch, struct py_code *ret)
{
	__u32 size = layout->code_size;

	if (size > PY_CODE_MAX || !code)
		return 1;
	if (code & 7)
		return 1;
	if (mem_read(scratch, size, code))
		return -1;
	if (code_field64(scratch, layout->ob_type) != code_type)
		return 1;
	ret->name = code_field64(scratch, layout->code_name);
	ret->file_name = code_field64(scratch, layout->code_file_name);
	ret->line_table = code_field64(scratch, layout->code_line_table);
	ret->first_line = code_field32(scratch, layout->code_first_line);
	ret->first_traceable = 0;
	if (layout->code_first_traceable != PY_ABSENT)
		ret->first_traceable = 2 * code_field32(scratch, layout->code_first_traceable);
	ret->identity =
		code_identity(layout, ret->first_line, ret->name, ret->file_name, ret->line_table);
	return 0;
}

/*
 * Copy a str's characters to data + at; how many bytes, and how wide a character is. Sets its flag
 * in *missing unless all of it was copied.
 */
static __always_inline void code_copy_str(const struct py_layout *layout, __u64 str, __u8 *data,
					  __u64 at, __u16 *ret_size, __u8 *ret_width, __u16 flag,
					  __u16 *missing)
{
	__u64 length = 0, size;
	__u32 state = 0, width;

	*ret_size = 0;
	*ret_width = 1;
	*missing |= flag;
	if (!str || mem_read(&length, sizeof(length), str + layout->str_length) ||
	    mem_read(&state, sizeof(state), str + layout->str_state))
		return;
	width = (state & STR_KIND_MASK) >> STR_KIND_SHIFT;
	if (!(state & STR_COMPACT) || (width != 1 && width != 2 && width != 4))
		return;
	size = length > PY_NAME_MAX ? PY_NAME_MAX + 1 : length * width;
	if (size <= PY_NAME_MAX)
		*missing &= ~flag;
	else
		size = PY_NAME_MAX;
	verifier_bound(at, 2 * PY_NAME_MAX - 1);
	verifier_bound(size, 2 * PY_NAME_MAX - 1);
	str += state & STR_ASCII ? layout->str_ascii_data : layout->str_compact_data;
	if (mem_read(&data[at], size, str)) {
		*missing |= flag;
		return;
	}
	*ret_size = size;
	*ret_width = width;
}

static __always_inline void code_copy_lines(const struct py_layout *layout, __u64 bytes, __u8 *data,
					    __u64 at, __u32 *ret_size, __u16 flag, __u16 *missing)
{
	__u64 size = 0;

	*ret_size = 0;
	*missing |= flag;
	if (!bytes || mem_read(&size, sizeof(size), bytes + layout->bytes_length) ||
	    size > PY_LINES_MAX)
		return;
	verifier_bound(at, 4 * PY_NAME_MAX - 1);
	verifier_bound(size, 2 * PY_LINES_MAX - 1);
	if (mem_read(&data[at], size, bytes + layout->bytes_data))
		return;
	*missing &= ~flag;
	*ret_size = size;
}

/* Room for what the masks above allow, so that the verifier need not know that they never do. */
#define CODE_DATA_SIZE (4 * PY_NAME_MAX + 2 * PY_LINES_MAX)

/*
 * Fill a record about `code`; data has CODE_DATA_SIZE bytes. Returns the record's whole size.
 * Between the steps everything goes through the record: what the verifier has to read back from
 * memory it does not follow, or it would follow each step's every outcome through the next.
 */
static __always_inline __u32 code_capture(const struct py_layout *layout, __u64 address,
					  const struct py_code *code, struct code_record *record,
					  __u8 *data)
{
	record->type = RECORD_CODE;
	record->code = address;
	record->identity = code->identity;
	record->first_line = code->first_line;
	record->name = code->name;
	record->file_name = code->file_name;
	record->line_table = code->line_table;
	record->missing = 0;
	record->unused = 0;

	code_copy_str(layout, record->name, data, 0, &record->name_size, &record->name_width,
		      CODE_MISSING_NAME, &record->missing);
	barrier();
	code_copy_str(layout, record->file_name, data, record->name_size, &record->file_name_size,
		      &record->file_name_width, CODE_MISSING_FILE_NAME, &record->missing);
	barrier();
	code_copy_lines(layout, record->line_table, data,
			record->name_size + record->file_name_size, &record->line_table_size,
			CODE_MISSING_LINE_TABLE, &record->missing);
	barrier();
	return sizeof(*record) + record->name_size + record->file_name_size +
	       record->line_table_size;
}

#endif
