// SPDX-License-Identifier: BSD-2-Clause
/*
 * Line tables: the documented examples, every kind of entry, and tables that nobody's compiler
 * made. tests/live/lines.t compares with what CPython itself says of its standard library.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "python/line.h"

#define NO_MORE 127 /* a position behind all ranges of the small tables */

struct expected {
	int position;
	int line;
};

/* In fresh memory of its exact size, so that a read behind it shows. */
static int find(enum line_table_kind kind, const void *table, size_t size, int first, int position)
{
	__u8 *copy = malloc(size);
	int line;

	memcpy(copy, table, size);
	line = line_find(kind, copy, size, first, position);
	free(copy);
	return line;
}

static void lines_are(enum line_table_kind kind, const char *table, size_t size, int first,
		      const struct expected *expected, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int line = find(kind, table, size, first, expected[i].position);

		if (line != expected[i].line)
			fail_msg("%d: line %d, not %d", expected[i].position, line,
				 expected[i].line);
	}
}

#define LINES_ARE(kind, table, first, ...)                                                \
	do {                                                                              \
		const struct expected list[] = {__VA_ARGS__};                             \
		lines_are(kind, table, sizeof(table) - 1, first, list, ARRAY_SIZE(list)); \
	} while (0)

static void pep626_follows_the_pairs(void **state)
{
	const char table[] = "\x04\x01\x02\x01\x02\x01\x02\x01\x04\xfe\x02\x03\x0a\x01\x04\x03"
			     "\x0c\xfe";

	LINES_ARE(LINE_TABLE_PEP626, table, 1, {-2, 1}, {-1, 1}, {0, 2}, {2, 2}, {3, 2}, {4, 3},
		  {6, 4}, {8, 5}, {10, 3}, {12, 3}, {14, 6}, {16, 7}, {24, 7}, {26, 10}, {28, 10},
		  {30, 8}, {40, 8}, {42, 8}, {1000000, 8}, {INT_MAX, 8});
}

static void pep626_keeps_the_line_of_the_range_before_where_there_is_none(void **state)
{
	LINES_ARE(LINE_TABLE_PEP626, "\x02\x80\x04\x05\x06\x80\x02\x01", 10, {0, 10}, {2, 15},
		  {4, 15}, {6, 15}, {10, 15}, {12, 16}, {14, 16});
}

/* Long jumps are several pairs, all but the last of which cover nothing: never a line to report. */
static void pep626_adds_up_empty_ranges(void **state)
{
	LINES_ARE(LINE_TABLE_PEP626, "\x02\x01\x00\x7f\x00\x7f\x04\x80\x02\x02", 1, {0, 2}, {2, 2},
		  {4, 2}, {6, 258}, {8, 258});
	LINES_ARE(LINE_TABLE_PEP626, "\x00\x05", 1, {0, 1}, {5, 1});
}

static void locations_follow_every_kind(void **state)
{
	/* kind 0 and 9: same line; 11, 12: one and two on; 13; 14: back by two; 15: no line */
	const char table[] = "\x80\x00"		    /* [0,2) */
			     "\xd8\x08\x09"	    /* [2,4) + 1 */
			     "\xe5\x08\x09"	    /* [4,16) + 2 */
			     "\xe9\x06"		    /* [16,20) + 3 */
			     "\xf3\x05\x02\x09\x0b" /* [20,28) - 2 */
			     "\xf8"		    /* [28,30) none */
			     "\xcf\x41"		    /* [30,46) + 0, kind 9 */
			     "\xd0\x01\x02"	    /* [46,48) + 0, kind 10 */
			     "\xe8\x40\x01";	    /* [48,50) + 32 */

	LINES_ARE(LINE_TABLE_LOCATIONS, table, 1, {-2, 1}, {0, 1}, {2, 2}, {4, 4}, {14, 4}, {15, 4},
		  {16, 7}, {20, 5}, {26, 5}, {28, 5}, {30, 5}, {44, 5}, {46, 5}, {48, 37}, {50, 37},
		  {INT_MAX, 37});
}

/* What CPython made of def f(a, b): with a call over two lines. */
static void locations_of_a_real_function(void **state)
{
	const char table[] = "\x80\x00\xd8\x08\x09\xdc\x08\x09\xf3\x05\x02\x09\x0b\xf8\xfa";

	LINES_ARE(LINE_TABLE_LOCATIONS, table, 1, {0, 1}, {2, 2}, {4, 3}, {12, 3}, {14, 1}, {20, 1},
		  {22, 1}, {24, 1}, {28, 1}, {30, 1});
}

static void locations_without_a_line_at_the_start_are_the_first(void **state)
{
	LINES_ARE(LINE_TABLE_LOCATIONS, "\xf9\xe8\x04\xf8\xf8", 40, {0, 40}, {2, 40}, {4, 42},
		  {6, 42}, {8, 42});
}

static void reads_long_numbers(void **state)
{
	/* 100000 << 1 in groups of six bits; then the same backwards */
	const char table[] = "\xe8\x40\x75\x30\xe8\x41\x75\x30";

	LINES_ARE(LINE_TABLE_LOCATIONS, table, 7, {0, 7 + 100000}, {2, 7});
	/* INT_MAX - 1 lines on, the largest there can be */
	LINES_ARE(LINE_TABLE_LOCATIONS, "\xe8\x7c\x7f\x7f\x7f\x7f\x03", 1, {0, INT_MAX});
}

static void an_empty_table_has_the_first_line(void **state)
{
	for (int kind = LINE_TABLE_PEP626; kind <= LINE_TABLE_LOCATIONS; kind++) {
		assert_int_equal(line_find(kind, NULL, 0, 12, 0), 12);
		assert_int_equal(line_find(kind, NULL, 0, 12, INT_MAX), 12);
		assert_int_equal(line_find(kind, NULL, 0, 12, INT_MIN), 12);
		assert_int_equal(line_find(kind, NULL, 0, -12, 0), 0);
		assert_int_equal(line_find(kind, NULL, 0, INT_MIN, -1), 0);
		assert_int_equal(line_find(kind, NULL, 0, INT_MAX, 4), INT_MAX);
	}
}

static void a_table_that_ends_early_keeps_its_last_line(void **state)
{
	/* half a pair */
	LINES_ARE(LINE_TABLE_PEP626, "\x04\x01\x04", 1, {0, 2}, {4, 2}, {NO_MORE, 2});
	/* an entry without its payload: what is there counts */
	LINES_ARE(LINE_TABLE_LOCATIONS, "\xe8", 3, {0, 3}, {NO_MORE, 3});
	LINES_ARE(LINE_TABLE_LOCATIONS, "\xe8\x44", 3, {0, 5}, {NO_MORE, 5});
	LINES_ARE(LINE_TABLE_LOCATIONS, "\xf0\x04", 3, {0, 5});
	/* a number that runs into the next entry */
	LINES_ARE(LINE_TABLE_LOCATIONS, "\xe8\x44\xd8\x01\x01", 3, {0, 5}, {2, 6});
	/* bytes before the first entry */
	LINES_ARE(LINE_TABLE_LOCATIONS, "\x7f\x01\x00\xd8\x01\x01", 3, {0, 4}, {NO_MORE, 4});
	LINES_ARE(LINE_TABLE_LOCATIONS, "\x7f\x01\x00", 3, {0, 3});
}

static void endless_numbers_end(void **state)
{
	char table[4096];

	memset(table, 0x7f, sizeof(table));
	table[0] = (char)0xe8;
	table[sizeof(table) - 3] = (char)0xd8;
	assert_int_equal(find(LINE_TABLE_LOCATIONS, table, sizeof(table), 100, 0), 0);
	assert_int_equal(find(LINE_TABLE_LOCATIONS, table, sizeof(table), 100, 2), 0);
}

/* Up past INT_MAX and down past 0, for as long as the table is. */
static void lines_saturate(void **state)
{
	size_t size = 7 * 10000;
	__u8 *table = malloc(size);

	for (size_t i = 0; i < size; i += 7)
		memcpy(table + i, "\xe8\x7e\x7f\x7f\x7f\x7f\x3f", 7);
	assert_int_equal(line_find(LINE_TABLE_LOCATIONS, table, size, 1, 0), INT_MAX);
	assert_int_equal(line_find(LINE_TABLE_LOCATIONS, table, size, INT_MAX, INT_MAX), INT_MAX);
	for (size_t i = 0; i < size; i += 7)
		table[i + 1] = 0x7f;
	assert_int_equal(line_find(LINE_TABLE_LOCATIONS, table, size, 1, 0), 0);
	assert_int_equal(line_find(LINE_TABLE_LOCATIONS, table, size, INT_MIN, INT_MAX), 0);
	for (size_t i = 0; i < size; i += 2)
		memcpy(table + i, "\x02\x7f", 2);
	assert_int_equal(line_find(LINE_TABLE_PEP626, table, size, INT_MAX - 5, INT_MAX), INT_MAX);
	for (size_t i = 0; i < size; i += 2)
		memcpy(table + i, "\x02\x81", 2);
	assert_int_equal(line_find(LINE_TABLE_PEP626, table, size, INT_MIN + 5, INT_MAX), 0);
	free(table);
}

/* Any bytes at all: a line between 0 and INT_MAX, and, under a sanitizer, nothing else. */
static void survives_random_tables(void **state)
{
	unsigned int seed = 1;
	__u8 table[64];

	for (int i = 0; i < 200000; i++) {
		size_t size = rand_r(&seed) % sizeof(table);

		for (size_t j = 0; j < size; j++)
			table[j] = rand_r(&seed) >> 8;
		for (int kind = LINE_TABLE_PEP626; kind <= LINE_TABLE_LOCATIONS; kind++)
			assert_in_range(find(kind, table, size, (int)(rand_r(&seed) * 2u + i),
					     rand_r(&seed) % 512 - 8),
					0, INT_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pep626_follows_the_pairs),
		cmocka_unit_test(pep626_keeps_the_line_of_the_range_before_where_there_is_none),
		cmocka_unit_test(pep626_adds_up_empty_ranges),
		cmocka_unit_test(locations_follow_every_kind),
		cmocka_unit_test(locations_of_a_real_function),
		cmocka_unit_test(locations_without_a_line_at_the_start_are_the_first),
		cmocka_unit_test(reads_long_numbers),
		cmocka_unit_test(an_empty_table_has_the_first_line),
		cmocka_unit_test(a_table_that_ends_early_keeps_its_last_line),
		cmocka_unit_test(endless_numbers_end),
		cmocka_unit_test(lines_saturate),
		cmocka_unit_test(survives_random_tables),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
