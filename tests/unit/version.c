// SPDX-License-Identifier: BSD-2-Clause
/*
 * The version table: every row says everything, and what a process says about itself is believed
 * only where it can be true. The rows are compared with CPython's headers in tests/live/layouts.t.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

/* A copy of its own, so that the test can see the rows and break them one field at a time. */
#define version_find	tested_find
#define version_refusal tested_refusal
#define version_offsets tested_offsets
#include "python/version.c"
#include "python/offsets.c"

#define HEX_3_13   0x030d00f0
#define TABLE_SIZE 584

/* What a 3.13.0 has: position, value. */
static const __u64 table_3_13[][2] = {
	{8, HEX_3_13}, {16, 0},	   {24, 283320}, {32, 608},  {40, 632},	 {48, 194968}, {56, 7272},
	{64, 7264},    {72, 7344}, {152, 304},	 {160, 0},   {168, 8},	 {176, 16},    {184, 72},
	{192, 152},    {200, 160}, {208, 232},	 {216, 32},  {224, 80},	 {232, 8},     {240, 0},
	{248, 56},     {256, 72},  {264, 70},	 {272, 208}, {280, 112}, {288, 120},   {296, 128},
	{304, 136},    {312, 68},  {320, 52},	 {328, 96},  {336, 104}, {344, 200},   {352, 16},
	{360, 8},      {512, 40},  {520, 16},	 {528, 32},  {536, 64},	 {544, 32},    {552, 16},
	{560, 40},
};

/* One byte off, so that nobody relies on its alignment. */
static char table_storage[TABLE_SIZE + 1];
static char *const table = table_storage + 1;

static void table_set(__u16 position, __u64 value)
{
	memcpy(table + position, &value, sizeof(value));
}

static void table_reset(void)
{
	memset(table, 0x5a, TABLE_SIZE);
	memcpy(table, "xdebugpy", 8);
	for (size_t i = 0; i < ARRAY_SIZE(table_3_13); i++)
		table_set(table_3_13[i][0], table_3_13[i][1]);
}

static struct py_layout layout;
static struct python_runtime runtime;
static const char *reason;

/* Poisoned, so that a field that nobody writes shows. */
static int offsets(const struct python_version *version, const void *debug_offsets)
{
	memset(&layout, 0xa5, sizeof(layout));
	memset(&runtime, 0xa5, sizeof(runtime));
	reason = NULL;
	return tested_offsets(version, debug_offsets, &layout, &runtime, &reason);
}

static int offsets_of(const struct row *row)
{
	return offsets(&row->version, row->version.debug_offsets_size ? table : NULL);
}

static const struct row *row_of(unsigned int minor)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].version.minor == minor)
			return &rows[i];
	fail_msg("no row for 3.%u", minor);
	return NULL;
}

static void refused(const struct row *row, int expected, const char *word, const char *what)
{
	struct py_layout poison_layout;
	struct python_runtime poison_runtime;
	int err = offsets_of(row);

	if (err != expected || !reason || !strstr(reason, word))
		fail_msg("%s: %d (%s) instead of %d (...%s...)", what, err, reason ? reason : "",
			 expected, word);
	memset(&poison_layout, 0xa5, sizeof(poison_layout));
	memset(&poison_runtime, 0xa5, sizeof(poison_runtime));
	assert_memory_equal(&layout, &poison_layout, sizeof(layout));
	assert_memory_equal(&runtime, &poison_runtime, sizeof(runtime));
}

static void knows_four_versions_in_order(void **state)
{
	assert_int_equal(ARRAY_SIZE(rows), 4);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(rows[i].version.minor, 10 + i);
		assert_int_equal(rows[i].version.line_table,
				 i ? LINE_TABLE_LOCATIONS : LINE_TABLE_PEP626);
	}
}

static void finds_by_major_and_minor_alone(void **state)
{
	assert_ptr_equal(tested_find(0x030a0df0), &rows[0].version);
	assert_ptr_equal(tested_find(0x030b07f0), &rows[1].version);
	assert_ptr_equal(tested_find(0x030c0000), &rows[2].version);
	assert_ptr_equal(tested_find(0x030d00c2), &rows[3].version);
	assert_null(tested_find(0x030912f0));
	assert_null(tested_find(0x030e00f0));
	assert_null(tested_find(0x020d00f0));
	assert_null(tested_find(0x040b00f0));
	assert_null(tested_find(0));
	assert_null(tested_find(~0U));
}

static void refusal_is(__u32 hex, const char *expected)
{
	char *text = tested_refusal(hex);

	assert_string_equal(text, expected);
	free(text);
}

static void refuses_by_name(void **state)
{
	refusal_is(0x031000f0, "CPython 3.16 is newer than this build knows (3.10 to 3.13)");
	refusal_is(0x030e00a1, "CPython 3.14 is newer than this build knows (3.10 to 3.13)");
	refusal_is(0x04000000, "CPython 4.0 is newer than this build knows (3.10 to 3.13)");
	refusal_is(0x030912f0, "CPython 3.9 is older than this build knows (3.10 to 3.13)");
	refusal_is(0x020712f0, "CPython 2.7 is older than this build knows (3.10 to 3.13)");
}

/* Where an offset of 0 is the start of a struct, or a field may be missing from a version. */
static void field_is_plausible(const char *name, unsigned int minor, __u32 value)
{
	static const char *const may_be_zero[] = {"cframe_current_frame", "frame_code",
						  "chunk_previous", "interpreter_next"};
	static const char *const since_3_11[] = {"tstate_datastack_chunk", "frame_owner",
						 "code_first_traceable",   "code_adaptive",
						 "chunk_previous",	   "chunk_data"};
	bool zero = false,
	     absent = !strcmp(name, "cframe_current_frame") && minor != 11 && minor != 12;

	for (size_t i = 0; i < ARRAY_SIZE(may_be_zero); i++)
		zero |= !strcmp(name, may_be_zero[i]);
	for (size_t i = 0; i < ARRAY_SIZE(since_3_11); i++)
		absent |= minor < 11 && !strcmp(name, since_3_11[i]);
	if (absent != (value == PY_ABSENT))
		fail_msg("3.%u: %s is %u", minor, name, value);
	if ((!value && !zero) || value == 0xa5a5 || value == 0xa5a5a5a5)
		fail_msg("3.%u: %s is not set", minor, name);
}

static void sets_every_field_in_every_row(void **state)
{
	table_reset();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int err = offsets_of(&rows[i]);

		if (err)
			fail_msg("3.%u: %d %s", rows[i].version.minor, err, reason);
#define X(object, field, ...) field_is_plausible(#field, rows[i].version.minor, object.field);
		FIELDS(X)
#undef X
		assert_int_equal(layout.unused[0], 0);
		assert_int_equal(layout.unused[1], 0);
	}
}

/* The safety net itself: whichever cell a row leaves out, the row is of no use. */
static void refuses_a_row_that_leaves_a_field_out(void **state)
{
	table_reset();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct row row;

#define X(object, field, ...)                     \
	row = rows[i];                            \
	memset(&row.field, 0, sizeof(row.field)); \
	refused(&row, -EINVAL, "not complete", #field);
		FIELDS(X)
#undef X
	}
}

static void reads_just_what_it_needs_of_code_objects(void **state)
{
	static const __u16 frame_sizes[] = {104, 80, 80, 80}, code_sizes[] = {128, 172, 180, 188};

	table_reset();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		__u16 end = 0;

		assert_int_equal(offsets_of(&rows[i]), 0);
		assert_int_equal(layout.frame_size, frame_sizes[i]);
		assert_int_equal(layout.code_size, code_sizes[i]);
#define END(offset, width)                                             \
	if (layout.offset != PY_ABSENT && layout.offset + width > end) \
	end = layout.offset + width
		END(code_first_line, 4);
		END(code_file_name, 8);
		END(code_name, 8);
		END(code_line_table, 8);
		END(code_first_traceable, 4);
		END(ob_type, 8);
#undef END
		assert_int_equal(layout.code_size, end);
	}
}

static void takes_offsets_from_the_process(void **state)
{
	table_reset();
	table_set(48, 300000);
	table_set(72, 7360); /* threads.head */
	table_set(184, 80);  /* current_frame */
	table_set(264, 71);  /* owner */
	assert_int_equal(offsets_of(row_of(13)), 0);
	assert_int_equal(runtime.threads_head, 7360);
	assert_int_equal(layout.tstate_frame, 80);
	assert_int_equal(layout.frame_owner, 71);
	assert_int_equal(runtime.tss_key, 2164);
	assert_int_equal(layout.code_name, 128);
}

static void refuses_a_wrong_head(void **state)
{
	const struct row *row = row_of(13);

	table_reset();
	memset(table, 0, 8);
	refused(row, -EINVAL, "no valid table", "no cookie");
	table_reset();
	table[7] = 'Y';
	refused(row, -EINVAL, "no valid table", "cookie");
	table_reset();
	table_set(8, 0x030e00f0);
	refused(row, -EINVAL, "another version", "minor");
	table_set(8, 0x040d00f0);
	refused(row, -EINVAL, "another version", "major");
	table_set(8, 0x1030d00f0);
	refused(row, -EINVAL, "another version", "64 bits");
	table_set(8, 0x030d00a1);
	refused(row, -ENOTSUP, "alpha and beta", "alpha");
	table_set(8, 0x030d00b4);
	refused(row, -ENOTSUP, "alpha and beta", "beta");
	table_set(8, 0x030d0000);
	refused(row, -ENOTSUP, "alpha and beta", "no level");
	table_set(8, 0x030d00c1);
	assert_int_equal(offsets_of(row), 0);
	table_set(8, 0x030d12f0);
	assert_int_equal(offsets_of(row), 0);
}

static void refuses_free_threading_with_the_reason(void **state)
{
	table_reset();
	table_set(16, 1);
	refused(row_of(13), -ENOTSUP, "free-threaded builds come in a later version of pybpfprof",
		"free-threaded");
	table_set(16, 1ULL << 63);
	refused(row_of(13), -ENOTSUP, "free-threaded", "free-threaded");
}

static void refuses_a_table_that_is_not_there(void **state)
{
	assert_int_equal(offsets(&row_of(13)->version, NULL), -EINVAL);
	assert_non_null(strstr(reason, "could not be read"));
	/* A version without one has no use for it. */
	memset(table, 0xff, TABLE_SIZE);
	assert_int_equal(offsets(&row_of(12)->version, table), 0);
}

static void refuses_impossible_sizes(void **state)
{
	static const __u64 bad[] = {0, 1, SECTION_MAX + 1, 1ULL << 32, ~0ULL};
	const struct row *row = row_of(13);
	int nr_sections = 0;

	for (size_t i = 0; i < NR_SECTIONS; i++) {
		if (!row->section_size[i])
			continue;
		nr_sections++;
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			table_reset();
			table_set(row->section_size[i], bad[j]);
			refused(row, -EINVAL, "", "size of a section");
		}
	}
	assert_int_equal(nr_sections, NR_SECTIONS - 1);
}

/* Each number of the process's that is used: past its struct, straddling its end, misaligned. */
static void field_is_checked(const struct row *row, const char *name, const struct cell *cell,
			     enum section section, unsigned int width, unsigned int alignment)
{
	__u64 bad[] = {~0ULL, 1ULL << 63, 1ULL << 32, 0x10000, PY_ABSENT, 0, 0, 0};
	size_t nr_bad = 5;
	__u64 size;

	if (cell->kind != CELL_DEBUG)
		return;
	table_reset();
	memcpy(&size, table + row->section_size[section], sizeof(size));
	if (cell->value != row->section_size[section]) /* else it is the size */
		bad[nr_bad++] = size + alignment;
	if (width) {
		bad[nr_bad++] = size;
		bad[nr_bad++] = size - width + 1;
	}
	for (size_t i = 0; i < nr_bad; i++) {
		if (section == SECTION_RUNTIME || section == SECTION_INTERPRETER)
			if (bad[i] <= PY_ABSENT + 1ULL && bad[i] % alignment == 0)
				continue; /* these structs are larger than that */
		table_reset();
		table_set(cell->value, bad[i]);
		refused(row, -EINVAL, "", name);
	}
	if (alignment == 1)
		return;
	table_reset();
	table_set(cell->value, alignment + 1);
	refused(row, -EINVAL, "", name);
}

static void refuses_impossible_offsets(void **state)
{
	const struct row *row = row_of(13);

#define X(object, field, section, width, alignment) \
	field_is_checked(row, #field, &row->field, section, width, alignment);
	FIELDS(X)
#undef X
}

static void refuses_numbers_of_ours_that_do_not_fit(void **state)
{
	const struct row *row = row_of(13);

	table_reset();
	table_set(24, 2160); /* a runtime that ends before tss_key; interpreters_head still fits */
	refused(row, -EINVAL, "outside its struct", "tss_key");
	table_reset();
	table_set(272, 184); /* a code object that ends before _co_firsttraceable */
	table_set(344, 176);
	refused(row, -EINVAL, "outside its struct", "code_first_traceable");
}

static void refuses_what_does_not_fit_into_a_read(void **state)
{
	const struct row *row = row_of(13);

	table_reset();
	table_set(224, PY_FRAME_MAX + 8);
	refused(row, -EINVAL, "frames", "frame too large");
	table_reset();
	table_set(272, 256);
	table_set(304, 240);
	refused(row, -EINVAL, "code objects", "line table behind what is read");
	table_reset();
	table_set(352, 256);
	table_set(360, 184);
	refused(row, -EINVAL, "code objects", "type behind what is read");
}

static __u64 random_state = 0x9e3779b97f4a7c15;

static __u64 random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Whatever the table says: refused, or every read stays inside what the kernel copies. */
static void survives_random_tables(void **state)
{
	int nr_taken = 0;

	for (int i = 0; i < 300000; i++) {
		table_reset();
		for (int n = 1 + random_u64() % 3; n; n--)
			table_set(24 + random_u64() % ((TABLE_SIZE - 24) / 8) * 8,
				  random_u64() >> random_u64() % 64);
		if (offsets_of(row_of(13)))
			continue;
		nr_taken++;
		assert_in_range(layout.frame_size, 71, PY_FRAME_MAX);
		assert_in_range(layout.frame_previous, 0, layout.frame_size - 8);
		assert_in_range(layout.frame_code, 0, layout.frame_size - 8);
		assert_in_range(layout.frame_position, 0, layout.frame_size - 8);
		assert_in_range(layout.frame_owner, 0, layout.frame_size - 1);
		assert_in_range(layout.code_size, 1, PY_CODE_MAX);
		assert_in_range(layout.code_first_line, 0, layout.code_size - 4);
		assert_in_range(layout.code_file_name, 0, layout.code_size - 8);
		assert_in_range(layout.code_name, 0, layout.code_size - 8);
		assert_in_range(layout.code_line_table, 0, layout.code_size - 8);
		assert_in_range(layout.code_first_traceable, 0, layout.code_size - 4);
		assert_in_range(layout.ob_type, 0, layout.code_size - 8);
	}
	assert_in_range(nr_taken, 1000, 299000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_four_versions_in_order),
		cmocka_unit_test(finds_by_major_and_minor_alone),
		cmocka_unit_test(refuses_by_name),
		cmocka_unit_test(sets_every_field_in_every_row),
		cmocka_unit_test(refuses_a_row_that_leaves_a_field_out),
		cmocka_unit_test(reads_just_what_it_needs_of_code_objects),
		cmocka_unit_test(takes_offsets_from_the_process),
		cmocka_unit_test(refuses_a_wrong_head),
		cmocka_unit_test(refuses_free_threading_with_the_reason),
		cmocka_unit_test(refuses_a_table_that_is_not_there),
		cmocka_unit_test(refuses_impossible_sizes),
		cmocka_unit_test(refuses_impossible_offsets),
		cmocka_unit_test(refuses_numbers_of_ours_that_do_not_fit),
		cmocka_unit_test(refuses_what_does_not_fit_into_a_read),
		cmocka_unit_test(survives_random_tables),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
