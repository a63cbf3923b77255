// SPDX-License-Identifier: BSD-2-Clause
/*
 * The version table, and the one place where a process's own table of offsets is believed: after
 * its cookie, its version and every number in it that is used have been checked. Knows nothing of
 * how an interpreter is found or read.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/text.h"
#include "python/version.h"

/* The structs of CPython that fields stand in. */
enum section {
	SECTION_NONE, /* a plain number, or a struct that no version describes */
	SECTION_RUNTIME,
	SECTION_INTERPRETER,
	SECTION_THREAD,
	SECTION_FRAME,
	SECTION_CODE,
	SECTION_OBJECT,
	SECTION_BYTES,
	SECTION_STR,
	NR_SECTIONS
};

/*
 * Every field of struct py_layout and struct python_runtime: X(struct, field, section, width,
 * alignment). Width is how many bytes are read there (0: it is a size), and both serve to check
 * what a process says about itself. The asserts below fail where a field is missing here.
 */
#define FIELDS(X)                                               \
	X(layout, tstate_frame, SECTION_THREAD, 8, 8)           \
	X(layout, tstate_thread_id, SECTION_THREAD, 8, 8)       \
	X(layout, tstate_datastack_chunk, SECTION_THREAD, 8, 8) \
	X(layout, cframe_current_frame, SECTION_NONE, 8, 8)     \
	X(layout, frame_size, SECTION_FRAME, 0, 8)              \
	X(layout, frame_previous, SECTION_FRAME, 8, 8)          \
	X(layout, frame_code, SECTION_FRAME, 8, 8)              \
	X(layout, frame_position, SECTION_FRAME, 8, 8)          \
	X(layout, frame_owner, SECTION_FRAME, 1, 1)             \
	X(layout, position, SECTION_NONE, 0, 1)                 \
	X(layout, code_size, SECTION_CODE, 0, 4)                \
	X(layout, code_first_line, SECTION_CODE, 4, 4)          \
	X(layout, code_file_name, SECTION_CODE, 8, 8)           \
	X(layout, code_name, SECTION_CODE, 8, 8)                \
	X(layout, code_line_table, SECTION_CODE, 8, 8)          \
	X(layout, code_first_traceable, SECTION_CODE, 4, 4)     \
	X(layout, code_adaptive, SECTION_CODE, 2, 2)            \
	X(layout, ob_type, SECTION_OBJECT, 8, 8)                \
	X(layout, bytes_length, SECTION_BYTES, 8, 8)            \
	X(layout, bytes_data, SECTION_BYTES, 1, 1)              \
	X(layout, str_length, SECTION_STR, 8, 8)                \
	X(layout, str_state, SECTION_STR, 4, 4)                 \
	X(layout, str_ascii_data, SECTION_STR, 0, 4)            \
	X(layout, str_compact_data, SECTION_STR, 0, 4)          \
	X(layout, chunk_previous, SECTION_NONE, 8, 8)           \
	X(layout, chunk_data, SECTION_NONE, 8, 8)               \
	X(runtime, initialized, SECTION_RUNTIME, 4, 4)          \
	X(runtime, interpreters_head, SECTION_RUNTIME, 8, 8)    \
	X(runtime, tss_key, SECTION_RUNTIME, 4, 4)              \
	X(runtime, threads_head, SECTION_INTERPRETER, 8, 8)     \
	X(runtime, interpreter_next, SECTION_INTERPRETER, 8, 8) \
	X(runtime, thread_next, SECTION_THREAD, 8, 8)           \
	X(runtime, thread_id, SECTION_THREAD, 8, 8)

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

/* What a row says about one field. Zero says nothing, and no row with such a field is ever used. */
struct cell {
	__u16 kind;
	__u16 value;
};

enum cell_kind {
	CELL_UNSET,
	CELL_FIXED,
	CELL_DEBUG,
	CELL_ABSENT,
};

/* The offset itself; where in _Py_DebugOffsets it stands; that the version has no such field. */
#define FIXED(n)                \
	{                       \
		CELL_FIXED, (n) \
	}
#define DEBUG(n)                \
	{                       \
		CELL_DEBUG, (n) \
	}
#define ABSENT                         \
	{                              \
		CELL_ABSENT, PY_ABSENT \
	}

struct row {
	struct python_version version;
#define X(object, field, ...) struct cell field;
	FIELDS(X)
#undef X
	__u16 section_size[NR_SECTIONS]; /* where in _Py_DebugOffsets each struct's size stands */
};

/*
 * Up to 3.11 the GIL stands ahead of the key in _PyRuntime. It has two pthread mutexes, and in
 * glibc each is 8 bytes larger on arm64 than on x86-64.
 */
#ifdef __aarch64__
#define GIL_GROWTH 16
#else
#define GIL_GROWTH 0
#endif

/*
 * To add a version:
 *
 * 1. Build or install it. Add it to the list in tests/live/layouts.t, and what it has renamed to
 *    tests/live/layouts_probe.c: this prints the offsets that its own headers give.
 * 2. Add a row at the end (rows are in order and without gaps), with every field of FIELDS. One
 *    that the version does not have is ABSENT: a row that leaves one out is refused and fails the
 *    tests. If the meaning of a field changed, the walk has to learn it first: add to
 *    enum py_position, or to struct py_layout and FIELDS.
 * 3. Is there a _Py_DebugOffsets? Its size, and where it keeps each offset and each struct's size:
 *    Include/internal/pycore_debug_offsets.h (in 3.13: pycore_runtime.h); positions move with
 *    every minor. DEBUG() wherever it has the field, FIXED() for the few that it lacks.
 * 4. code_size is the end of the last field that is read of a code object, and no more: what lies
 *    behind may not be mapped. frame_size likewise; a whole frame struct is always there.
 * 5. If the line table changed, add to enum line_table_kind and to line.c.
 * 6. Add its hex to tests/unit/version.c, its interpreter to tests/live/lines.t, and run
 *    `make test` with it installed.
 */
static const struct row rows[] = {
	{
		.version = {.minor = 10, .line_table = LINE_TABLE_PEP626},
		.tstate_frame = FIXED(24),
		.tstate_thread_id = FIXED(176),
		.tstate_datastack_chunk = ABSENT,
		.cframe_current_frame = ABSENT,
		.frame_size = FIXED(104),
		.frame_previous = FIXED(24),
		.frame_code = FIXED(32),
		.frame_position = FIXED(96),
		.frame_owner = ABSENT,
		.position = FIXED(PY_POSITION_UNITS),
		.code_size = FIXED(128),
		.code_first_line = FIXED(40),
		.code_file_name = FIXED(104),
		.code_name = FIXED(112),
		.code_line_table = FIXED(120),
		.code_first_traceable = ABSENT,
		.code_adaptive = ABSENT,
		.ob_type = FIXED(8),
		.bytes_length = FIXED(16),
		.bytes_data = FIXED(32),
		.str_length = FIXED(16),
		.str_state = FIXED(32),
		.str_ascii_data = FIXED(48),
		.str_compact_data = FIXED(72),
		.chunk_previous = ABSENT,
		.chunk_data = ABSENT,
		.initialized = FIXED(12),
		.interpreters_head = FIXED(32),
		.tss_key = FIXED(588 + GIL_GROWTH),
		.threads_head = FIXED(8),
		.interpreter_next = FIXED(0),
		.thread_next = FIXED(8),
		.thread_id = FIXED(176),
	},
	{
		.version = {.minor = 11, .line_table = LINE_TABLE_LOCATIONS},
		.tstate_frame = FIXED(56),
		.tstate_thread_id = FIXED(152),
		.tstate_datastack_chunk = FIXED(296),
		.cframe_current_frame = FIXED(8),
		.frame_size = FIXED(80),
		.frame_previous = FIXED(48),
		.frame_code = FIXED(32),
		.frame_position = FIXED(56),
		.frame_owner = FIXED(69),
		.position = FIXED(PY_POSITION_POINTER),
		.code_size = FIXED(172),
		.code_first_line = FIXED(72),
		.code_file_name = FIXED(112),
		.code_name = FIXED(128),
		.code_line_table = FIXED(136),
		.code_first_traceable = FIXED(168),
		.code_adaptive = FIXED(184),
		.ob_type = FIXED(8),
		.bytes_length = FIXED(16),
		.bytes_data = FIXED(32),
		.str_length = FIXED(16),
		.str_state = FIXED(32),
		.str_ascii_data = FIXED(48),
		.str_compact_data = FIXED(72),
		.chunk_previous = FIXED(0),
		.chunk_data = FIXED(24),
		.initialized = FIXED(16),
		.interpreters_head = FIXED(40),
		.tss_key = FIXED(596 + GIL_GROWTH),
		.threads_head = FIXED(16),
		.interpreter_next = FIXED(0),
		.thread_next = FIXED(8),
		.thread_id = FIXED(152),
	},
	{
		.version = {.minor = 12, .line_table = LINE_TABLE_LOCATIONS},
		.tstate_frame = FIXED(56),
		.tstate_thread_id = FIXED(136),
		.tstate_datastack_chunk = FIXED(232),
		.cframe_current_frame = FIXED(0),
		.frame_size = FIXED(80),
		.frame_previous = FIXED(8),
		.frame_code = FIXED(0),
		.frame_position = FIXED(56),
		.frame_owner = FIXED(70),
		.position = FIXED(PY_POSITION_POINTER),
		.code_size = FIXED(180),
		.code_first_line = FIXED(68),
		.code_file_name = FIXED(112),
		.code_name = FIXED(128),
		.code_line_table = FIXED(136),
		.code_first_traceable = FIXED(176),
		.code_adaptive = FIXED(192),
		.ob_type = FIXED(8),
		.bytes_length = FIXED(16),
		.bytes_data = FIXED(32),
		.str_length = FIXED(16),
		.str_state = FIXED(32),
		.str_ascii_data = FIXED(40),
		.str_compact_data = FIXED(56),
		.chunk_previous = FIXED(0),
		.chunk_data = FIXED(24),
		.initialized = FIXED(16),
		.interpreters_head = FIXED(40),
		.tss_key = FIXED(1548),
		.threads_head = FIXED(72),
		.interpreter_next = FIXED(0),
		.thread_next = FIXED(8),
		.thread_id = FIXED(136),
	},
	{
		.version = {.minor = 13,
			    .line_table = LINE_TABLE_LOCATIONS,
			    .debug_offsets_size = 584},
		.tstate_frame = DEBUG(184),
		.tstate_thread_id = DEBUG(192),
		.tstate_datastack_chunk = DEBUG(208),
		.cframe_current_frame = ABSENT,
		.frame_size = DEBUG(224),
		.frame_previous = DEBUG(232),
		.frame_code = DEBUG(240),
		.frame_position = DEBUG(248),
		.frame_owner = DEBUG(264),
		.position = FIXED(PY_POSITION_POINTER),
		.code_size = FIXED(188),
		.code_first_line = DEBUG(312),
		.code_file_name = DEBUG(280),
		.code_name = DEBUG(296),
		.code_line_table = DEBUG(304),
		.code_first_traceable = FIXED(184),
		.code_adaptive = DEBUG(344),
		.ob_type = DEBUG(360),
		.bytes_length = DEBUG(520),
		.bytes_data = DEBUG(528),
		.str_length = DEBUG(552),
		.str_state = DEBUG(544),
		.str_ascii_data = DEBUG(560),
		.str_compact_data = FIXED(56),
		.chunk_previous = FIXED(0),
		.chunk_data = FIXED(24),
		.initialized = FIXED(600),
		.interpreters_head = DEBUG(40),
		.tss_key = FIXED(2164),
		.threads_head = DEBUG(72),
		.interpreter_next = DEBUG(64),
		.thread_next = DEBUG(168),
		.thread_id = DEBUG(192),
		.section_size = {[SECTION_RUNTIME] = 24,
				 [SECTION_INTERPRETER] = 48,
				 [SECTION_THREAD] = 152,
				 [SECTION_FRAME] = 224,
				 [SECTION_CODE] = 272,
				 [SECTION_OBJECT] = 352,
				 [SECTION_BYTES] = 512,
				 [SECTION_STR] = 536},
	},
};

/* The start of _Py_DebugOffsets is the same in every version that has one. */
#define DEBUG_COOKIE	    "xdebugpy"
#define DEBUG_VERSION	    8
#define DEBUG_FREE_THREADED 16

#define SECTION_MAX	    (16U << 20) /* many times the largest struct there is */

static unsigned int hex_major(__u32 hex)
{
	return hex >> 24;
}

static unsigned int hex_minor(__u32 hex)
{
	return hex >> 16 & 0xff;
}

/* Final and candidate only: before the first candidate, structs still move. */
static bool hex_released(__u32 hex)
{
	unsigned int level = hex >> 4 & 0xf;

	return level == 0xf || level == 0xc;
}

const struct python_version *version_find(__u32 hex)
{
	if (hex_major(hex) != 3)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].version.minor == hex_minor(hex))
			return &rows[i].version;
	return NULL;
}

char *version_refusal(__u32 hex)
{
	unsigned int first = rows[0].version.minor, last = rows[ARRAY_SIZE(rows) - 1].version.minor;
	unsigned int major = hex_major(hex), minor = hex_minor(hex);
	bool older = major < 3 || (major == 3 && minor < first);

	return text_format("CPython %u.%u is %s than this build knows (3.%u to 3.%u)", major, minor,
			   older ? "older" : "newer", first, last);
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

	if (memcmp(debug_offsets, DEBUG_COOKIE, strlen(DEBUG_COOKIE))) {
		*ret_reason = "the interpreter has no valid table of its own offsets";
		return -EINVAL;
	}
	if (hex >> 32 || hex_major(hex) != 3 || hex_minor(hex) != version->minor) {
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
