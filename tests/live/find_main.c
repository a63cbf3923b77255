// SPDX-License-Identifier: BSD-2-Clause
/*
 * What python_find() says about a process, for find.t: one line of key=value. After the pid,
 * pthread_self() of threads: what they have in the slot is printed as word=.
 *
 *     find_main PID [SELF...]
 *     find_main -t PID...      nanoseconds of a first and a second look at these processes
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "python/find.h"
#include "python/slot.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static int print_times(int nr, char **pids)
{
	struct python python;
	uint64_t took[2];
	int i, round;

	for (round = 0; round < 2; round++) {
		uint64_t start = now_ns();

		for (i = 0; i < nr; i++)
			if (python_find(atoi(pids[i]), &python))
				return 1;
		took[round] = now_ns() - start;
	}
	printf("cold=%" PRIu64 " warm=%" PRIu64 "\n", took[0], took[1]);
	return 0;
}

static void print_words(pid_t pid, const struct py_slot *slot, int nr, char **selves)
{
	__u64 word;
	int i;

	for (i = 0; i < nr; i++)
		if (!slot_read(pid, slot, strtoull(selves[i], NULL, 0), &word))
			printf(" word=%" PRIu64, (uint64_t)word);
		else
			printf(" word=unreadable");
}

int main(int argc, char **argv)
{
	struct python python = {.refusal = ""};
	pid_t pid;
	int err;

	if (argc < 2)
		return 2;
	if (!strcmp(argv[1], "-t"))
		return print_times(argc - 2, argv + 2);
	pid = atoi(argv[1]);
	err = python_find(pid, &python);
	printf("status=%s", err ? strerrorname_np(-err) : "0");
	if (err == -ENOTSUP)
		printf(" refusal=%s", python.refusal);
	if (!err) {
		printf(" version=%s hex=%#x runtime=%" PRIu64 " code_type=%" PRIu64
		       " kind=%u offset=%d second=%u",
		       python.version_text, python.hex, (uint64_t)python.runtime,
		       (uint64_t)python.code_type, python.slot.kind, python.slot.offset,
		       python.slot.second);
		print_words(pid, &python.slot, argc - 2, argv + 2);
	}
	putchar('\n');
	find_forget();
	return 0;
}
