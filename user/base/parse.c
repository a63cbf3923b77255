// SPDX-License-Identifier: BSD-2-Clause
/*
 * Digits are added up one by one: strtoul() takes signs and blanks, strtod() asks the locale what
 * a decimal point is, and here a number of any length ends at its limit.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/parse.h"

#define DIGITS "0123456789"

/* Sum of len digits, each a multiple of unit. */
static int add_digits(const char *s, size_t len, __u64 unit, __u64 max, __u64 *ret)
{
	__u64 sum = 0;

	for (size_t i = 0; i < len; i++) {
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, (s[i] - '0') * unit, &sum) || sum > max)
			return -ERANGE;
	}
	*ret = sum;
	return 0;
}

int parse_number(const char *s, __u64 max, __u64 *ret)
{
	size_t len = strspn(s, DIGITS);

	if (!len || s[len])
		return -EINVAL;
	return add_digits(s, len, 1, max, ret);
}

/* Nanoseconds of a unit; 0 where there is no such unit. */
static __u64 unit_ns(const char *unit)
{
	static const struct {
		const char *name;
		__u64 ns;
	} units[] = {
		{"", 1000000000},   {"s", 1000000000},	  {"ms", 1000000},
		{"m", 60000000000}, {"h", 3600000000000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(unit, units[i].name))
			return units[i].ns;
	return 0;
}

int parse_duration(const char *s, __u64 max_ns, __u64 *ret_ns)
{
	size_t whole = strspn(s, DIGITS);
	bool point = s[whole] == '.';
	const char *fraction = s + whole + point;
	size_t fraction_len = point ? strspn(fraction, DIGITS) : 0;
	__u64 unit = unit_ns(fraction + fraction_len), sum;
	int err;

	if (!whole || !unit || (point && !fraction_len))
		return -EINVAL;
	err = add_digits(s, whole, unit, max_ns, &sum);
	if (err)
		return err;
	for (size_t i = 0; i < fraction_len; i++)
		sum += (fraction[i] - '0') * (unit /= 10);
	if (sum > max_ns)
		return -ERANGE;
	*ret_ns = sum;
	return 0;
}
