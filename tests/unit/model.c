// SPDX-License-Identifier: BSD-2-Clause
/* The model: equal things are one, totals stay true, memory is bounded. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "profile/intern.h"
#include "profile/model.h"

static int add_function(struct profile *profile, const char *name, const char *file, int line)
{
	return profile_add_function(profile, &(struct profile_function){name, file, line});
}

static int add_sample(struct profile *profile, __u32 process, __u32 tid, const char *thread,
		      const __u32 *locations, size_t nr, __s64 cpu)
{
	return profile_add_sample(profile,
				  &(struct profile_sample){
					  .process = process,
					  .tid = tid,
					  .thread_name = thread,
					  .locations = locations,
					  .nr_locations = nr,
					  .values = {[PROFILE_SAMPLES] = 1, [PROFILE_CPU] = cpu},
				  });
}

static int add_process(struct profile *profile, __u32 pid, const char *name)
{
	return profile_add_process(profile, &(struct profile_process){.pid = pid,
								      .comm = "python3",
								      .name = name,
								      .python_version = "3.12",
								      .container_id = ""});
}

static void equal_things_are_one(void **state)
{
	struct profile *profile = profile_new();
	char name[] = "m.run", file[] = "/m.py";
	int f = add_function(profile, name, file, 3);

	assert_int_equal(f, 0);
	name[0] = 'x'; /* copied, so that the caller's storage does not matter */
	assert_string_equal(profile_function(profile, 0)->name, "m.run");
	assert_int_equal(add_function(profile, "m.run", "/m.py", 3), 0);
	assert_int_equal(add_function(profile, "m.run", "/m.py", 4), 1);
	assert_int_equal(add_function(profile, "m.run", "/n.py", 3), 2);
	assert_int_equal(add_function(profile, "m.other", "/m.py", 3), 3);
	assert_int_equal(profile_nr_functions(profile), 4);
	assert_int_equal(profile_add_location(profile, 0, 5), 0);
	assert_int_equal(profile_add_location(profile, 0, 5), 0);
	assert_int_equal(profile_add_location(profile, 1, 5), 1);
	assert_int_equal(profile_add_location(profile, 0, 6), 2);
	assert_int_equal(profile_add_location(profile, 4, 6), -EINVAL);
	assert_int_equal(profile_location(profile, 2).line, 6);
	assert_int_equal(add_process(profile, 7, "a (7)"), 0);
	assert_int_equal(add_process(profile, 7, "b (7)"), 1);
	assert_int_equal(add_process(profile, 8, "a (7)"), 2);
	assert_int_equal(add_process(profile, 7, "a (7)"), 0);
	assert_int_equal(profile_nr_processes(profile), 3);
	assert_string_equal(profile_process(profile, 1)->name, "b (7)");
	profile_free(profile);
}

static void samples_add_up(void **state)
{
	struct profile *profile = profile_new();
	const __u32 ab[] = {0, 1}, ba[] = {1, 0};
	struct profile_sample sample;

	add_function(profile, "f", "/f.py", 1);
	profile_add_location(profile, 0, 1);
	profile_add_location(profile, 0, 2);
	add_process(profile, 1, "p (1)");
	assert_int_equal(add_sample(profile, 0, 1, "main", ab, 2, 10), 0);
	assert_int_equal(add_sample(profile, 0, 1, "main", ab, 2, 5), 0);
	assert_int_equal(add_sample(profile, 0, 1, "main", ab, 1, 1), 0);
	assert_int_equal(add_sample(profile, 0, 1, "main", ba, 2, 1), 0);
	assert_int_equal(add_sample(profile, 0, 2, "main", ab, 2, 1), 0);
	assert_int_equal(add_sample(profile, 0, 1, "other", ab, 2, 1), 0);
	assert_int_equal(profile_nr_samples(profile), 5);
	sample = profile_sample(profile, 0);
	assert_int_equal(sample.nr_locations, 2);
	assert_memory_equal(sample.locations, ab, sizeof(ab));
	assert_int_equal(sample.values[PROFILE_CPU], 15);
	assert_int_equal(sample.values[PROFILE_SAMPLES], 2);
	assert_string_equal(profile_sample(profile, 4).thread_name, "other");
	assert_int_equal(profile_total(profile, PROFILE_CPU), 19);
	assert_int_equal(profile_total(profile, PROFILE_SAMPLES), 6);
	assert_int_equal(profile_nr_not_kept(profile), 0);
	profile_free(profile);
}

static void numbers_that_do_not_exist_are_refused(void **state)
{
	struct profile *profile = profile_new();
	const __u32 bad[] = {0, 9};

	add_function(profile, "f", "/f.py", 1);
	profile_add_location(profile, 0, 1);
	assert_int_equal(add_sample(profile, 0, 1, "t", bad, 1, 1), -EINVAL); /* no process */
	add_process(profile, 1, "p (1)");
	assert_int_equal(add_sample(profile, 0, 1, "t", bad, 2, 1), -EINVAL);
	assert_int_equal(add_sample(profile, 0, 1, "t", bad, 0, 1), -EINVAL);
	assert_int_equal(profile_nr_samples(profile), 0);
	assert_int_equal(profile_total(profile, PROFILE_CPU), 0);
	profile_free(profile);
}

static void hottest_counts_leaves(void **state)
{
	struct profile *profile = profile_new();
	const __u32 stacks[][2] = {{0, 1}, {1, 0}, {2, 1}};
	__u32 lines[8];
	__s64 values[8];

	add_function(profile, "f", "/f.py", 1);
	for (int line = 0; line < 4; line++)
		profile_add_location(profile, 0, line);
	add_process(profile, 1, "p (1)");
	add_sample(profile, 0, 1, "t", stacks[0], 2, 30);
	add_sample(profile, 0, 1, "t", stacks[1], 2, 50);
	add_sample(profile, 0, 2, "t", stacks[0], 2, 30);
	add_sample(profile, 0, 1, "t", stacks[2], 2, 50);
	assert_int_equal(profile_hottest(profile, PROFILE_CPU, 8, lines, values), 3);
	assert_int_equal(lines[0], 0);
	assert_int_equal(values[0], 60);
	assert_int_equal(lines[1], 1); /* a tie: the one first seen */
	assert_int_equal(lines[2], 2);
	assert_int_equal(profile_hottest(profile, PROFILE_CPU, 1, lines, values), 1);
	profile_free(profile);
}

static void header_is_copied(void **state)
{
	struct profile *profile = profile_new();
	char title[] = "app.py";

	assert_string_equal(profile_get_header(profile)->title, "[python]");
	assert_int_equal(profile_set_header(profile, &(struct profile_header){.title = title,
									      .comment = "c",
									      .json = "{}",
									      .period_ns = 5}),
			 0);
	title[0] = 'X';
	assert_string_equal(profile_get_header(profile)->title, "app.py");
	assert_string_equal(profile_get_header(profile)->json, "{}");
	assert_null(profile_get_header(profile)->doc_url);
	assert_int_equal(profile_get_header(profile)->period_ns, 5);
	profile_free(profile);
}

static void stacks_are_bounded(void **state)
{
	struct profile *profile = profile_new();
	struct profile_sample last;
	const size_t extra = 1000;

	add_function(profile, "f", "/f.py", 1);
	for (int line = 0; line < 2048; line++)
		assert_int_equal(profile_add_location(profile, 0, line), line);
	add_process(profile, 1, "p (1)");
	for (__u32 i = 0; i < PROFILE_MAX_STACKS + extra; i++) {
		const __u32 stack[] = {i & 2047, i >> 11};

		assert_int_equal(add_sample(profile, 0, i & 1, "t", stack, 2, 3), 0);
	}
	assert_int_equal(profile_nr_not_kept(profile), extra);
	assert_int_equal(profile_nr_samples(profile), PROFILE_MAX_STACKS + 1);
	assert_int_equal(profile_total(profile, PROFILE_CPU), 3 * (PROFILE_MAX_STACKS + extra));
	last = profile_sample(profile, PROFILE_MAX_STACKS);
	assert_int_equal(last.nr_locations, 1);
	assert_string_equal(
		profile_function(profile, profile_location(profile, last.locations[0]).function)
			->name,
		"[not kept]");
	assert_int_equal(last.values[PROFILE_CPU], 3 * extra);
	/* what is known already still counts where it belongs */
	assert_int_equal(add_sample(profile, 0, 0, "t", (const __u32[]){0, 0}, 2, 3), 0);
	assert_int_equal(profile_sample(profile, 0).values[PROFILE_CPU], 6);
	assert_int_equal(profile_nr_not_kept(profile), extra);
	profile_free(profile);
}

static void locations_are_bounded(void **state)
{
	struct profile *profile = profile_new();
	__u32 past, other;

	add_function(profile, "f", "/f.py", 1);
	add_process(profile, 1, "p (1)");
	for (__u32 line = 0; line < PROFILE_MAX_LOCATIONS; line++)
		assert_int_equal(profile_add_location(profile, 0, line), line);
	past = profile_add_location(profile, 0, PROFILE_MAX_LOCATIONS);
	other = profile_add_location(profile, 0, PROFILE_MAX_LOCATIONS + 1);
	assert_int_equal(past, other);
	assert_int_equal(profile_location(profile, past).line, 0);
	assert_int_equal(add_sample(profile, 0, 1, "t", (const __u32[]){5, past}, 2, 1), 0);
	assert_int_equal(profile_nr_not_kept(profile), 1);
	assert_int_equal(profile_sample(profile, 0).nr_locations, 1);
	assert_int_equal(profile_sample(profile, 0).locations[0], past);
	profile_free(profile);
}

static bool is_same_int(const void *owner, __u32 number, const void *key)
{
	return ((const int *)owner)[number] == *(const int *)key;
}

/* Every entry has the same hash: only the comparison can tell them apart. */
static void table_survives_collisions(void **state)
{
	struct intern_table table = {};
	int owner[2000];

	for (int i = 0; i < 2000; i++) {
		owner[i] = i * 3;
		assert_int_equal(intern_find(&table, 7, is_same_int, owner, &owner[i]), -ENOENT);
		assert_int_equal(intern_add(&table, 7, i), 0);
	}
	for (int i = 0; i < 2000; i++)
		assert_int_equal(intern_find(&table, 7, is_same_int, owner, &owner[i]), i);
	intern_done(&table);
}

static void strings_are_kept_once(void **state)
{
	struct intern_strings strings = {.seed = 1};
	const char *first = intern_string(&strings, "first");
	char text[64], *big = malloc(200001);

	for (int i = 0; i < 50000; i++) {
		snprintf(text, sizeof(text), "string number %d", i);
		assert_string_equal(intern_string(&strings, text), text);
	}
	memset(big, 'b', 200000);
	big[200000] = '\0';
	assert_string_equal(intern_string(&strings, big), big);
	assert_ptr_equal(intern_string(&strings, "first"), first);
	assert_int_equal(strings.nr_strings, 50002);
	assert_string_equal(intern_string(&strings, ""), "");
	free(big);
	intern_strings_done(&strings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_things_are_one),
		cmocka_unit_test(samples_add_up),
		cmocka_unit_test(numbers_that_do_not_exist_are_refused),
		cmocka_unit_test(hottest_counts_leaves),
		cmocka_unit_test(header_is_copied),
		cmocka_unit_test(stacks_are_bounded),
		cmocka_unit_test(locations_are_bounded),
		cmocka_unit_test(table_survives_collisions),
		cmocka_unit_test(strings_are_kept_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
