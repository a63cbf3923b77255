// SPDX-License-Identifier: BSD-2-Clause
/*
 * The version table. Knows nothing of how an interpreter is found or read.
 */
#include <stdbool.h>
#include "base/cleanup.h"
#include "base/text.h"
#include "python/offsets.h"

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
 * 2. Add a row at the end (rows are in order and without gaps), with every field of FIELDS
 *    (offsets.h). One that the version does not have is ABSENT: a row that leaves one out is
 *    refused and fails the tests. If the meaning of a field changed, the walk has to learn it
 *    first: add to enum py_position, or to struct py_layout and FIELDS.
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

static unsigned int hex_major(__u32 hex)
{
	return hex >> 24;
}

static unsigned int hex_minor(__u32 hex)
{
	return hex >> 16 & 0xff;
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
