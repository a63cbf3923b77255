// SPDX-License-Identifier: BSD-2-Clause
/*
 * Line tables. The formats are those of CPython's Objects/lnotab_notes.txt (3.10) and
 * Objects/locations.md (3.11; in later sources InternalDocs/code_objects.md).
 *
 * Both kinds are a list of ranges, in order and without gaps, and each range changes the line that
 * the one before has left, so that finding a line means walking to it. All that a hostile table
 * can do is to name wrong lines: every step consumes a byte or more, and lines saturate.
 */
#include <limits.h>
#include <stdbool.h>
#include "python/line.h"

/* The bytes that are left. */
struct cursor {
	const __u8 *at;
	size_t left;
};

/* A walk over the ranges: the one it stands on, and what is known so far. */
struct walk {
	struct cursor table;
	__u64 range_end; /* bytes from the start of the bytecode to the end of this range */
	int line;	 /* the running line */
	int best;	 /* line of the last range that has one */
};

static __u8 take_byte(struct cursor *table)
{
	table->left--;
	return *table->at++;
}

static int saturate(__s64 line)
{
	if (line > INT_MAX)
		return INT_MAX;
	return line < INT_MIN ? INT_MIN : line;
}

/* A range with code in it; those without only move the line. */
static void walk_range(struct walk *walk, unsigned int size, bool has_line)
{
	walk->range_end += size;
	if (size && has_line)
		walk->best = walk->line;
}

/* Pairs: bytes of code, and lines to add; -128 where there is no line. */
static bool next_pep626(struct walk *walk)
{
	unsigned int size;
	__s8 delta;

	if (walk->table.left < 2)
		return false;
	size = take_byte(&walk->table);
	delta = (__s8)take_byte(&walk->table);
	if (delta != -128)
		walk->line = saturate((__s64)walk->line + delta);
	walk_range(walk, size, delta != -128);
	return true;
}

#define ENTRY_START 0x80 /* set in the first byte of an entry, and in no other */
#define VARINT_MORE 0x40
#define VARINT_BITS 6
#define VARINT_LAST 30 /* the shift of the last group that a 32-bit number has */

/* Six bits a byte, the lowest first. Ends where the entry ends, and after as much as an int has. */
static __u64 take_varint(struct cursor *table)
{
	__u64 value = 0;

	for (unsigned int shift = 0; shift <= VARINT_LAST; shift += VARINT_BITS) {
		__u8 byte;

		if (!table->left || *table->at & ENTRY_START)
			break;
		byte = take_byte(table);
		value |= (__u64)(byte & (VARINT_MORE - 1)) << shift;
		if (!(byte & VARINT_MORE))
			break;
	}
	return value;
}

/* The sign is the lowest bit. */
static __s64 take_svarint(struct cursor *table)
{
	__u64 value = take_varint(table);

	return value & 1 ? -(__s64)(value >> 1) : (__s64)(value >> 1);
}

enum entry_kind {
	ENTRY_ONE_LINE = 10, /* and 11, 12: so many lines on. Below: on the same line */
	ENTRY_NO_COLUMNS = 13,
	ENTRY_LONG = 14,
	ENTRY_NO_LINE = 15,
};

/* Only lines are of interest: what else an entry holds is skipped with the rest of its bytes. */
static bool next_locations(struct walk *walk)
{
	struct cursor *table = &walk->table;
	unsigned int kind, units;
	__s64 delta = 0;
	__u8 first;

	do {
		if (!table->left)
			return false;
		first = take_byte(table);
	} while (!(first & ENTRY_START));
	kind = first >> 3 & 15;
	units = (first & 7) + 1;
	if (kind >= ENTRY_ONE_LINE && kind < ENTRY_NO_COLUMNS)
		delta = kind - ENTRY_ONE_LINE;
	else if (kind == ENTRY_NO_COLUMNS || kind == ENTRY_LONG)
		delta = take_svarint(table);
	walk->line = saturate(walk->line + delta);
	walk_range(walk, units * 2, kind != ENTRY_NO_LINE);
	return true;
}

int line_find(enum line_table_kind kind, const __u8 *table, size_t size, int first_line,
	      int position)
{
	struct walk walk = {
		.table = {table, size},
		.line = first_line,
		.best = first_line,
	};

	while (position >= 0 && walk.range_end <= (__u64)position) {
		bool more = kind == LINE_TABLE_PEP626 ? next_pep626(&walk) : next_locations(&walk);

		if (!more)
			break;
	}
	return walk.best < 0 ? 0 : walk.best;
}
