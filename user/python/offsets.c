// SPDX-License-Identifier: BSD-2-Clause
/*
 * A row of the version table -> offsets. The one place where a process's own table of offsets is
 * believed: after its cookie, its version and every number in it that is used have been checked.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "base/cleanup.h"
#include "python/offsets.h"

enum {
#define X(object, field, ...) +(sizeof(#object) == sizeof("layout"))
	NR_LAYOUT = FIELDS(X),
#undef X
#define X(object, field, ...) +(sizeof(#object) == sizeof("runtime"))
	NR_RUNTIME = FIELDS(X),
#undef X
};

_Static_assert(NR_LAYOUT * sizeof(__u16) + sizeof(((struct py_layout *)0)->unused) ==
		       sizeof(struct py_layout),
	       "FIELDS lacks a field of struct py_layout, or has one twice");
_Static_assert(NR_RUNTIME * sizeof(__u32) == sizeof(struct python_runtime),
	       "FIELDS lacks a field of struct python_runtime, or has one twice");

/* The start of _Py_DebugOffsets is the same in every version that has one. */
#define DEBUG_COOKIE	    "xdebugpy"
#define DEBUG_VERSION	    8
#define DEBUG_FREE_THREADED 16

#define SECTION_MAX (16U << 20) /* many times the largest struct there is */

/* Final and candidate only: before the first candidate, structs still move. */
static bool hex_released(__u32 hex)
{
	unsigned int level = hex >> 4 & 0xf;

	return level == 0xf || level == 0xc;
}

static __u64 read_u64(const void *debug_offsets, __u16 position)
{
	__u64 value;

	memcpy(&value, (const char *)debug_offsets + position, sizeof(value));
	return value;
}

/* What is being read, and the first thing that was found wrong with it. */
struct check {
	const struct row *row;
	const void *debug_offsets; /* NULL: the row holds all */
	__u64 section_size[NR_SECTIONS];
	const char *reason;
};

static void check_fail(struct check *check, const char *reason)
{
	if (!check->reason)
		check->reason = reason;
}

static void check_sections(struct check *check)
{
	for (size_t i = 0; i < NR_SECTIONS; i++) {
		__u16 position = check->row->section_size[i];

		if (!position)
			continue;
		check->section_size[i] = read_u64(check->debug_offsets, position);
		if (!check->section_size[i] || check->section_size[i] > SECTION_MAX)
			check_fail(check, "the interpreter's own offsets name an impossible size");
	}
}

/*
 * One field's value. It may be hostile where the process's own table is used, and then a number of
 * ours has to fit what the process says of itself, too.
 */
static __u32 cell_value(struct check *check, const struct cell *cell, enum section section,
			unsigned int width, unsigned int alignment)
{
	__u64 size = check->section_size[section], value = cell->value;

	if (cell->kind == CELL_ABSENT)
		return PY_ABSENT;
	if (cell->kind == CELL_DEBUG && check->debug_offsets)
		value = read_u64(check->debug_offsets, cell->value);
	else if (cell->kind != CELL_FIXED)
		check_fail(check, "a row of the version table is not complete");
	if (size && (value > size || width > size - value))
		check_fail(check,
			   "an offset lies outside its struct in the interpreter's own offsets");
	if (value % alignment)
		check_fail(check, "an offset in the interpreter's own offsets is not aligned");
	return value;
}

/* The only fields that are read of frame and code objects are in the bytes that are copied. */
static bool is_covered(__u16 offset, unsigned int width, __u16 size)
{
	return offset == PY_ABSENT || offset + width <= size;
}

static void check_layout(struct check *check, const struct py_layout *layout)
{
	unsigned int position_width = layout->position == PY_POSITION_UNITS ? 4 : 8;

	if (!layout->frame_size || layout->frame_size > PY_FRAME_MAX ||
	    !is_covered(layout->frame_previous, 8, layout->frame_size) ||
	    !is_covered(layout->frame_code, 8, layout->frame_size) ||
	    !is_covered(layout->frame_position, position_width, layout->frame_size) ||
	    !is_covered(layout->frame_owner, 1, layout->frame_size))
		check_fail(check, "the frames of this interpreter do not fit what is read of one");
	if (!layout->code_size || layout->code_size > PY_CODE_MAX ||
	    !is_covered(layout->code_first_line, 4, layout->code_size) ||
	    !is_covered(layout->code_file_name, 8, layout->code_size) ||
	    !is_covered(layout->code_name, 8, layout->code_size) ||
	    !is_covered(layout->code_line_table, 8, layout->code_size) ||
	    !is_covered(layout->code_first_traceable, 4, layout->code_size) ||
	    !is_covered(layout->ob_type, 8, layout->code_size))
		check_fail(check,
			   "the code objects of this interpreter do not fit what is read of one");
}

/* Sizes bound offsets to SECTION_MAX; those of a layout have 16 bits, and one value means none. */
static __u16 narrow(struct check *check, const struct cell *cell, __u32 value)
{
	if (value >= PY_ABSENT && cell->kind != CELL_ABSENT)
		check_fail(check, "an offset in the interpreter's own offsets is too large");
	return value;
}

static void read_fields(struct check *check, struct py_layout *layout,
			struct python_runtime *runtime)
{
	const struct row *row = check->row;
	__u32 value;

#define STORE_layout(field)  layout->field = narrow(check, &row->field, value)
#define STORE_runtime(field) runtime->field = value
#define X(object, field, section, width, alignment)                        \
	value = cell_value(check, &row->field, section, width, alignment); \
	STORE_##object(field);
	FIELDS(X)
#undef X
#undef STORE_layout
#undef STORE_runtime
}

static int check_head(const struct python_version *version, const void *debug_offsets,
		      const char **ret_reason)
{
	__u64 hex = read_u64(debug_offsets, DEBUG_VERSION);
	const struct python_version *found = hex >> 32 ? NULL : version_find(hex);

	if (memcmp(debug_offsets, DEBUG_COOKIE, strlen(DEBUG_COOKIE))) {
		*ret_reason = "the interpreter has no valid table of its own offsets";
		return -EINVAL;
	}
	if (!found || found->minor != version->minor) {
		*ret_reason = "the interpreter's own offsets are those of another version";
		return -EINVAL;
	}
	if (!hex_released(hex)) {
		*ret_reason = "alpha and beta releases are not supported";
		return -ENOTSUP;
	}
	if (read_u64(debug_offsets, DEBUG_FREE_THREADED)) {
		*ret_reason = "free-threaded builds come in a later version of pybpfprof";
		return -ENOTSUP;
	}
	return 0;
}

int version_offsets(const struct python_version *version, const void *debug_offsets,
		    struct py_layout *ret_layout, struct python_runtime *ret_runtime,
		    const char **ret_reason)
{
	struct check check = {.row = (const struct row *)version};
	struct python_runtime runtime;
	struct py_layout layout = {.unused = {0}};
	int err;

	if (version->debug_offsets_size) {
		if (!debug_offsets) {
			*ret_reason = "the interpreter's own offsets could not be read";
			return -EINVAL;
		}
		err = check_head(version, debug_offsets, ret_reason);
		if (err)
			return err;
		check.debug_offsets = debug_offsets;
		check_sections(&check);
	}
	read_fields(&check, &layout, &runtime);
	check_layout(&check, &layout);
	if (check.reason) {
		*ret_reason = check.reason;
		return -EINVAL;
	}
	*ret_layout = layout;
	*ret_runtime = runtime;
	return 0;
}
