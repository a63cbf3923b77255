/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a row of the version table is made of. Only for version.c, which holds the rows, and
 * offsets.c, which makes a struct py_layout of one.
 */
#ifndef PYTHON_OFFSETS_H
#define PYTHON_OFFSETS_H

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
 * what a process says about itself. offsets.c fails to compile where a field is missing here.
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

#endif
