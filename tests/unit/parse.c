// SPDX-License-Identifier: BSD-2-Clause
/* Numbers and durations as they are typed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#undef fail
#include "base/cleanup.h"
#include "base/parse.h"

#define SECOND 1000000000ULL
#define DAY    (86400 * SECOND)

static void number_is(const char *s, __u64 max, int err, __u64 expected)
{
	__u64 n = 4711;

	assert_int_equal(parse_number(s, max, &n), err);
	assert_int_equal(n, err ? 4711 : expected);
}

static void reads_numbers(void **state)
{
	number_is("0", 9, 0, 0);
	number_is("007", 9, 0, 7);
	number_is("18446744073709551615", ~0ULL, 0, ~0ULL);
	number_is("18446744073709551616", ~0ULL, -ERANGE, 0);
	number_is("99999999999999999999999999", ~0ULL, -ERANGE, 0);
	number_is("10", 9, -ERANGE, 0);
}

static void refuses_what_is_no_number(void **state)
{
	static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "1.0", "0x10", "1e3", "a"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		number_is(bad[i], 1000, -EINVAL, 0);
}

static void duration_is(const char *s, int err, __u64 expected)
{
	__u64 ns = 4711;

	assert_int_equal(parse_duration(s, DAY, &ns), err);
	assert_int_equal(ns, err ? 4711 : expected);
}

static void reads_durations(void **state)
{
	duration_is("60", 0, 60 * SECOND);
	duration_is("60s", 0, 60 * SECOND);
	duration_is("500ms", 0, SECOND / 2);
	duration_is("5m", 0, 300 * SECOND);
	duration_is("1.5h", 0, 5400 * SECOND);
	duration_is("0.25", 0, SECOND / 4);
	duration_is("0.000000001", 0, 1);
	duration_is("0.0000000009", 0, 0);
	duration_is("1.5ms", 0, 1500000);
	duration_is("0", 0, 0);
	duration_is("24h", 0, DAY);
	duration_is("24.1h", -ERANGE, 0);
	duration_is("24.0000000000000000000000000001h", 0, DAY);
	duration_is("999999999999999999999h", -ERANGE, 0);
}

static void refuses_what_is_no_duration(void **state)
{
	static const char *const bad[] = {
		"",   "s",  "ms",   ".5",  "5.",  "5.s", "-1",	  "+1",	 " 1",	"1 ",
		"1d", "1S", "1sec", "1 s", "1,5", "1e3", "1m30s", "inf", "nan", "0x1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		duration_is(bad[i], -EINVAL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_numbers),
		cmocka_unit_test(refuses_what_is_no_number),
		cmocka_unit_test(reads_durations),
		cmocka_unit_test(refuses_what_is_no_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
