// SPDX-License-Identifier: BSD-2-Clause
/*
 * Compares line_find() with what lines_dump.py says, on standard input. Prints how much was
 * compared; exits with 1 where a line differs or the input is not whole.
 * lines_check pep626|locations
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "python/line.h"

struct head {
	int first_line;
	int size;
	int nr_lines;
};

struct count {
	unsigned long codes;
	unsigned long positions;
	unsigned long wrong;
};

static void *take_bytes(size_t size)
{
	void *bytes = malloc(size + !size);

	if (!bytes || (size && fread(bytes, size, 1, stdin) != 1)) {
		printf("the input is cut\n");
		exit(1);
	}
	return bytes;
}

static void check_code(enum line_table_kind kind, const struct head *head, struct count *count)
{
	_cleanup_free_ __u8 *table = take_bytes(head->size);
	_cleanup_free_ int *lines = take_bytes(sizeof(int) * head->nr_lines);

	for (int i = 0; i < head->nr_lines; i++) {
		int line = line_find(kind, table, head->size, head->first_line, 2 * i);

		count->positions++;
		if (line == lines[i])
			continue;
		if (count->wrong++ < 10)
			printf("code object %lu, first line %d, position %d: %d, not %d\n",
			       count->codes, head->first_line, 2 * i, line, lines[i]);
	}
	count->codes++;
}

int main(int argc, char **argv)
{
	enum line_table_kind kind;
	struct count count = {0};
	struct head head;

	if (argc != 2)
		return 2;
	kind = strcmp(argv[1], "pep626") ? LINE_TABLE_LOCATIONS : LINE_TABLE_PEP626;
	while (fread(&head, sizeof(head), 1, stdin) == 1)
		check_code(kind, &head, &count);
	printf("%lu positions of %lu code objects, %lu wrong\n", count.positions, count.codes,
	       count.wrong);
	return count.wrong || count.positions < 100000;
}
