// SPDX-License-Identifier: BSD-2-Clause
/*
 * Records -> profile. What stands in for a target's memory is this program's own, laid out like a
 * small CPython's.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "outcomes.h"
#include "profile/fold.h"
#include "python/remote.h"
#include "target/process.h"

#define SECOND	   1000000000ULL
#define A_CODE	   0x7f0000001000ULL
#define B_CODE	   0x7f0000002000ULL
#define ID	   77
#define FRAMES_MAX (PY_STACK_MAX + PY_ROOT_MAX)

/* Code unit 0 is on the first line, unit 1 on the next. */
static const __u8 lines[] = {0xe8, 0x00, 0xe8, 0x02};

static struct profile *profile;
static struct fold *fold;
static __u64 now;

static struct fold_process told(__u32 id)
{
	return (struct fold_process){
		.id = id,
		.pid = 4242,
		.version = version_find(0x030c0000),
		.comm = "python3",
		.name = "app.py",
		.container_id = "",
	};
}

static int make(void **state)
{
	struct fold_process process = told(ID);

	now = 5 * SECOND;
	profile = profile_new();
	fold = fold_new(profile);
	return fold_add_process(fold, &process);
}

static int drop(void **state)
{
	fold_free(fold);
	profile_free(profile);
	return 0;
}

/* A code record with an ASCII name and file; sent as it is, or broken by the test first. */
static union {
	struct code_record record;
	__u8 bytes[sizeof(struct code_record) + 256];
} code;

static size_t make_code(__u32 process, __u64 address, __u32 identity, const char *name,
			const char *file)
{
	__u8 *data = code.record.data;

	memset(&code, 0, sizeof(code));
	code.record.type = RECORD_CODE;
	code.record.process = process;
	code.record.code = address;
	code.record.identity = identity;
	code.record.first_line = 10;
	code.record.name_size = strlen(name);
	code.record.file_name_size = strlen(file);
	code.record.line_table_size = sizeof(lines);
	code.record.name_width = code.record.file_name_width = 1;
	data = mempcpy(data, name, strlen(name));
	data = mempcpy(data, file, strlen(file));
	data = mempcpy(data, lines, sizeof(lines));
	return data - code.bytes;
}

static void send_code(__u32 process, __u64 address, __u32 identity, const char *name,
		      const char *file)
{
	size_t size = make_code(process, address, identity, name, file);

	assert_int_equal(fold_record(fold, &code, size), 0);
}

static union {
	struct sample_record record;
	__u8 bytes[sizeof(struct sample_record) + (FRAMES_MAX + 8) * sizeof(struct py_frame)];
} sample;

static size_t sample_size(void)
{
	return sizeof(sample.record) +
	       (sample.record.nr_leaf + sample.record.nr_root) * sizeof(struct py_frame);
}

static void make_sample(__u32 process, int outcome, int nr_leaf, int nr_root)
{
	memset(&sample, 0, sizeof(sample.record));
	sample.record.type = RECORD_SAMPLE;
	sample.record.process = process;
	sample.record.pid = 4242;
	sample.record.tid = 4243;
	sample.record.outcome = outcome;
	sample.record.nr_leaf = nr_leaf;
	sample.record.nr_root = nr_root;
	sample.record.weight = 10101010;
	memcpy(sample.record.comm, "worker", 7);
}

static void set_frame(int i, __u64 address, __u32 identity, __s32 position)
{
	sample.record.frames[i] = (struct py_frame){address, position, identity};
}

static void send_sample(void)
{
	assert_int_equal(fold_record(fold, &sample, sample_size()), 0);
}

/* One frame, which may be sent again. */
static void send_frame(__u32 process, __u64 address, __u32 identity, __s32 position)
{
	make_sample(process, OUTCOME_OK, 1, 0);
	set_frame(0, address, identity, position);
	send_sample();
}

static void flush(__u64 after_ns, int last)
{
	now += after_ns;
	assert_int_equal(fold_flush(fold, now, last), 0);
}

/* "name:line;name:line", leaf first. */
static void stack_is(size_t i, const char *expected)
{
	struct profile_sample got = profile_sample(profile, i);
	static char text[8192];
	size_t size = 0;

	text[0] = '\0';
	for (size_t j = 0; j < got.nr_locations && size < sizeof(text) - 1024; j++) {
		struct profile_location location = profile_location(profile, got.locations[j]);

		size += snprintf(text + size, sizeof(text) - size, "%s%s:%d", j ? ";" : "",
				 profile_function(profile, location.function)->name, location.line);
	}
	assert_string_equal(text, expected);
}

static void counted(size_t nr_samples)
{
	assert_int_equal(fold_counts(fold)->samples, nr_samples);
	assert_int_equal(profile_total(profile, PROFILE_SAMPLES), nr_samples);
	assert_int_equal(profile_total(profile, PROFILE_CPU), fold_counts(fold)->sample_ns);
}

static void codes_are(__u64 by_kernel, __u64 by_memory, __u64 unknown)
{
	assert_int_equal(fold_counts(fold)->codes_by_kernel, by_kernel);
	assert_int_equal(fold_counts(fold)->codes_by_memory, by_memory);
	assert_int_equal(fold_counts(fold)->codes_unknown, unknown);
	assert_int_equal(fold_counts(fold)->codes, by_kernel + by_memory + unknown);
}

static void a_named_stack_is_counted_at_once(void **state)
{
	struct profile_sample got;

	assert_int_equal(profile_nr_functions(profile), 0); /* what is not used is not there */
	send_code(ID, A_CODE, 1, "work", "/srv/app.py");
	send_code(ID, B_CODE, 2, "<module>", "/srv/app.py");
	make_sample(ID, OUTCOME_OK, 2, 0);
	set_frame(0, A_CODE, 1, 2);
	set_frame(1, B_CODE, 2, 0);
	send_sample();
	send_sample();
	counted(2);
	assert_int_equal(profile_nr_samples(profile), 1);
	stack_is(0, "app.work:11;app.<module>:10");
	got = profile_sample(profile, 0);
	assert_int_equal(got.tid, 4243);
	assert_string_equal(got.thread_name, "worker");
	assert_int_equal(got.values[PROFILE_CPU], 2 * 10101010);
	assert_string_equal(profile_process(profile, got.process)->name, "app.py (4242)");
	assert_string_equal(profile_process(profile, got.process)->python_version, "3.12");
	assert_string_equal(profile_process(profile, got.process)->comm, "python3");
	assert_string_equal(profile_function(profile, 0)->file_name, "/srv/app.py");
	assert_int_equal(profile_function(profile, 0)->first_line, 10);
	codes_are(2, 0, 0);
}

static void a_sample_waits_for_its_names(void **state)
{
	send_frame(ID, A_CODE, 1, 0);
	flush(0, 0);
	counted(0);
	send_code(ID, A_CODE, 1, "late", "/srv/app.py");
	counted(0);
	flush(SECOND / 10, 0);
	counted(1);
	stack_is(0, "app.late:10");
	flush(2 * SECOND, 1);
	counted(1);
	codes_are(1, 0, 0);
}

static void it_does_not_wait_for_ever(void **state)
{
	send_frame(ID, A_CODE, 1, 0);
	flush(0, 0);
	flush(SECOND - 1, 0);
	counted(0);
	flush(1, 0);
	counted(1);
	stack_is(0, "[unknown code]:0");
	codes_are(0, 0, 1);
	send_frame(ID, B_CODE, 2, 0);
	flush(0, 1); /* the last flush waits for nothing */
	counted(2);
	codes_are(0, 0, 2);
	send_code(ID, A_CODE, 1, "late", "/srv/app.py"); /* better late than never */
	send_frame(ID, A_CODE, 1, 0);
	counted(3);
	stack_is(1, "app.late:10");
	codes_are(1, 0, 1);
}

static void one_nameless_frame_keeps_the_others(void **state)
{
	send_code(ID, A_CODE, 1, "work", "/srv/app.py");
	make_sample(ID, OUTCOME_OK, 3, 0);
	set_frame(0, A_CODE, 1, 0);
	set_frame(1, B_CODE, 2, 0);
	set_frame(2, A_CODE, 1, 2);
	send_sample();
	flush(0, 1);
	stack_is(0, "app.work:10;[unknown code]:0;app.work:11");
}

static void an_address_is_no_identity(void **state)
{
	send_code(ID, A_CODE, 1, "old", "/srv/app.py");
	send_code(ID, A_CODE, 2, "new", "/srv/app.py");
	send_frame(ID, A_CODE, 1, 0);
	send_frame(ID, A_CODE, 2, 0);
	send_frame(ID, A_CODE, 3, 0);
	send_frame(ID, A_CODE, 0, 0);
	flush(0, 1);
	counted(4);
	stack_is(0, "app.old:10");
	stack_is(1, "app.new:10");
	stack_is(2, "[unknown code]:0");
	assert_int_equal(profile_sample(profile, 2).values[PROFILE_SAMPLES], 2);
	codes_are(2, 0, 2);
}

static void what_is_missing_is_marked(void **state)
{
	static const struct {
		int outcome, flags, nr_leaf, nr_root;
		const char *stack;
	} cases[] = {
		{OUTCOME_TRUNCATED, SAMPLE_GAP, 1, 1, "app.a:10;[truncated]:0;app.b:10"},
		{OUTCOME_TRUNCATED, SAMPLE_GAP, 2, 0, "app.a:10;app.b:10;[truncated]:0"},
		{OUTCOME_TRUNCATED, SAMPLE_GAP, 0, 2, "[truncated]:0;app.a:10;app.b:10"},
		{OUTCOME_PARTIAL, 0, 2, 0, "app.a:10;app.b:10;[truncated]:0"},
		{OUTCOME_PARTIAL, SAMPLE_GAP, 1, 1,
		 "app.a:10;[truncated]:0;app.b:10;[truncated]:0"},
		{OUTCOME_MENDED, 0, 2, 0, "app.a:10;app.b:10"},
		{OUTCOME_NO_PYTHON, 0, 0, 0, "[no python frame]:0"},
		{OUTCOME_NO_PYTHON, SAMPLE_EXITING, 0, 0, "[exiting]:0"},
		{OUTCOME_PARTIAL, 0, 0, 0, "[truncated]:0"},
		{OUTCOME_OK, 0, 0, 0, "[unknown code]:0"},
	};

	send_code(ID, A_CODE, 1, "a", "/srv/app.py");
	send_code(ID, B_CODE, 2, "b", "/srv/app.py");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_sample(ID, cases[i].outcome, cases[i].nr_leaf, cases[i].nr_root);
		sample.record.flags = cases[i].flags;
		sample.record.tid = i; /* keeps equal stacks apart */
		set_frame(0, A_CODE, 1, 0);
		set_frame(1, B_CODE, 2, 0);
		send_sample();
		stack_is(i, cases[i].stack);
	}
}

/* After a fork both sides make new code objects at the same addresses, of the same identity. */
static void a_child_is_not_named_by_its_parent(void **state)
{
	send_code(ID, A_CODE, 1, "parent", "/srv/app.py");
	assert_int_equal(fold_fork_process(fold, 5, ID + 1, 4300, 0, "python3"), -ENOENT);
	assert_int_equal(fold_fork_process(fold, ID, ID, 4300, 0, "python3"), -ENOENT);
	assert_int_equal(fold_fork_process(fold, ID, ID + 1, 4300, 0, "child"), 0);
	send_frame(ID + 1, A_CODE, 1, 0);
	counted(0);
	send_code(ID + 1, A_CODE, 1, "child", "/srv/app.py");
	flush(0, 0);
	counted(1);
	stack_is(0, "app.child:10");
	assert_string_equal(profile_process(profile, 0)->name, "app.py (4300)");
	assert_string_equal(profile_process(profile, 0)->comm, "child");
	assert_string_equal(profile_process(profile, 0)->python_version, "3.12");
	send_frame(ID, A_CODE, 1, 0);
	stack_is(1, "app.parent:10");
}

static void the_dead_are_named_until_the_flush(void **state)
{
	send_frame(ID, A_CODE, 1, 0);
	send_frame(ID, B_CODE, 2, 0);
	fold_end_process(fold, ID);
	fold_end_process(fold, 12345); /* nobody */
	send_code(ID, A_CODE, 1, "gone", "/srv/app.py");
	flush(0, 0);
	counted(2);
	stack_is(0, "app.gone:10");
	stack_is(1, "[unknown code]:0");
	send_frame(ID, A_CODE, 1, 0);
	assert_int_equal(fold_counts(fold)->unknown_process, 1);
	counted(2);
}

/* ---- a process's memory: this one's ------------------------------------------------------- */

struct fake_str {
	__u64 refcount, type, length;
	__u32 state, unused;
	char data[32];
};

struct fake_bytes {
	__u64 refcount, type, length, hash;
	__u8 data[32];
};

struct fake_code {
	__u64 refcount, type, name, file_name, line_table;
	__u32 first_line, unused;
};

static __u64 fake_type = 1;
static struct fake_str fake_name = {.length = 8, .state = 0x64, .data = "remembrd"};
static struct fake_str fake_file = {.length = 10, .state = 0x64, .data = "/srv/in.py"};
static struct fake_bytes fake_lines = {.length = sizeof(lines), .data = {0xe8, 0x00, 0xe8, 0x02}};
static struct fake_code fake;

static const struct py_layout layout = {
	.code_size = sizeof(struct fake_code),
	.code_first_line = offsetof(struct fake_code, first_line),
	.code_file_name = offsetof(struct fake_code, file_name),
	.code_name = offsetof(struct fake_code, name),
	.code_line_table = offsetof(struct fake_code, line_table),
	.ob_type = offsetof(struct fake_code, type),
	.bytes_length = offsetof(struct fake_bytes, length),
	.bytes_data = offsetof(struct fake_bytes, data),
	.str_length = offsetof(struct fake_str, length),
	.str_state = offsetof(struct fake_str, state),
	.str_ascii_data = offsetof(struct fake_str, data),
	.str_compact_data = offsetof(struct fake_str, data),
};

/* Tell of this very process as ID + 1; returns the identity of its one code object. */
static __u32 tell_of_us(void)
{
	struct fold_process us = told(ID + 1);
	struct code_record record;
	struct process_stat stat;

	assert_int_equal(process_stat(getpid(), &stat), 0);
	us.pid = getpid();
	us.start_ticks = stat.start_ticks;
	us.layout = &layout;
	us.code_type = (__u64)&fake_type;
	assert_int_equal(fold_add_process(fold, &us), 0);
	fake = (struct fake_code){
		.type = (__u64)&fake_type,
		.name = (__u64)&fake_name,
		.file_name = (__u64)&fake_file,
		.line_table = (__u64)&fake_lines,
		.first_line = 20,
	};
	assert_int_equal(code_record_read(us.pid, (__u64)&fake, &layout, us.code_type, &record), 0);
	return record.identity;
}

static void memory_names_what_never_came(void **state)
{
	__u32 identity = tell_of_us();

	send_frame(ID + 1, (__u64)&fake, identity, 2);
	flush(0, 0);
	counted(0); /* a record is waited for first */
	flush(SECOND, 0);
	counted(1);
	stack_is(0, "in.remembrd:21");
	codes_are(0, 1, 0);
	send_frame(ID + 1, (__u64)&fake, identity, 0);
	counted(2);
	stack_is(1, "in.remembrd:20");
	codes_are(0, 1, 0);
}

static void memory_names_what_the_kernel_could_not_read(void **state)
{
	tell_of_us();
	send_frame(ID + 1, (__u64)&fake, 0, 0);
	counted(1); /* no record will ever come: at once */
	stack_is(0, "in.remembrd:20");
	fake.first_line = 30; /* another code object at the address: looked at again */
	send_frame(ID + 1, (__u64)&fake, 0, 0);
	stack_is(1, "in.remembrd:30");
	codes_are(0, 2, 0);
}

static void memory_completes_a_record(void **state)
{
	__u32 identity = tell_of_us();
	size_t size = make_code(ID + 1, (__u64)&fake, identity, "", "/srv/in.py");

	code.record.missing = CODE_MISSING_NAME;
	code.record.name = fake.name;
	code.record.file_name = fake.file_name;
	code.record.line_table = fake.line_table;
	code.record.first_line = 20;
	assert_int_equal(fold_record(fold, &code, size), 0);
	send_frame(ID + 1, (__u64)&fake, identity, 0);
	stack_is(0, "in.remembrd:20");
	codes_are(0, 1, 0);
}

/* What is there now is not what was sampled: no guess. */
static void memory_that_changed_names_nothing(void **state)
{
	__u32 identity = tell_of_us();

	fake.first_line = 21;
	send_frame(ID + 1, (__u64)&fake, identity, 0);
	flush(0, 1);
	stack_is(0, "[unknown code]:0");
	fake.type = 0x1234; /* no code object at all */
	send_frame(ID + 1, (__u64)&fake, 0, 0);
	send_frame(ID + 1, 0x10, 0, 0); /* not mapped */
	send_frame(ID + 1, ULLONG_MAX - 4, 0, 0);
	counted(4);
	assert_int_equal(profile_nr_samples(profile), 1);
	codes_are(0, 0, 4);
}

static void another_process_with_the_pid_is_not_read(void **state)
{
	struct fold_process us = told(ID + 1);
	struct process_stat stat;

	tell_of_us();
	assert_int_equal(process_stat(getpid(), &stat), 0);
	us.id = ID + 2;
	us.pid = getpid();
	us.layout = &layout;
	us.code_type = (__u64)&fake_type;
	us.start_ticks = stat.start_ticks - 1;
	assert_int_equal(fold_add_process(fold, &us), 0);
	send_frame(ID + 2, (__u64)&fake, 0, 0);
	stack_is(0, "[unknown code]:0");
	us.id = ID + 3;
	us.start_ticks++;
	us.layout = NULL; /* reading is switched off */
	assert_int_equal(fold_add_process(fold, &us), 0);
	send_frame(ID + 3, (__u64)&fake, 0, 0);
	counted(2);
	assert_int_equal(profile_nr_samples(profile), 1);
	codes_are(0, 0, 2);
}

/* ---- hostile records ---------------------------------------------------------------------- */

/* In memory of exactly that size, so that reading past it is seen. */
static void send_bytes(const void *data, size_t size)
{
	void *copy = malloc(size + !size);

	memcpy(copy, data, size);
	assert_int_equal(fold_record(fold, copy, size), 0);
	free(copy);
}

static void bad(const void *data, size_t size)
{
	struct fold_counts before = *fold_counts(fold);

	send_bytes(data, size);
	assert_int_equal(fold_counts(fold)->bad_records, before.bad_records + 1);
	assert_int_equal(fold_counts(fold)->samples, before.samples);
	assert_int_equal(fold_counts(fold)->codes, before.codes);
}

static void torn_samples_are_counted_as_such(void **state)
{
	make_sample(ID, OUTCOME_OK, 2, 1);
	for (int i = 0; i < 3; i++)
		set_frame(i, A_CODE, 1, 0);
	for (size_t size = 0; size < sample_size(); size++)
		bad(&sample, size);
	bad(&sample, sample_size() + 1);
	bad(&sample, sample_size() + sizeof(struct py_frame));
	sample.record.outcome = NR_OUTCOMES;
	bad(&sample, sample_size());
	sample.record.outcome = OUTCOME_OK;
	sample.record.weight = ~0ULL;
	bad(&sample, sample_size());
	make_sample(ID, OUTCOME_OK, PY_STACK_MAX + 1, 0);
	bad(&sample, sample_size());
	make_sample(ID, OUTCOME_OK, 0, PY_ROOT_MAX + 1);
	bad(&sample, sample_size());
	make_sample(ID, OUTCOME_OK, 0xffff, 0xffff);
	bad(&sample, sizeof(sample));
	sample.record.type = RECORD_PROCESS;
	bad(&sample, sizeof(sample));
	sample.record.type = 99;
	bad(&sample, sizeof(sample));
}

static void the_largest_sample_fits(void **state)
{
	send_code(ID, A_CODE, 1, "a", "/srv/app.py");
	make_sample(ID, OUTCOME_PARTIAL, PY_STACK_MAX, PY_ROOT_MAX);
	sample.record.flags = SAMPLE_GAP;
	for (int i = 0; i < FRAMES_MAX; i++)
		set_frame(i, A_CODE, 1, 0);
	send_bytes(&sample, sample_size());
	counted(1);
	assert_int_equal(profile_sample(profile, 0).nr_locations, FRAMES_MAX + 2);
}

static void torn_code_names_nothing(void **state)
{
	size_t size = make_code(ID, A_CODE, 1, "name", "/srv/app.py");

	for (size_t i = 0; i < size; i++)
		bad(&code, i);
	code.record.name_size = 0xffff;
	bad(&code, size);
	size = make_code(ID, A_CODE, 1, "name", "/srv/app.py");
	code.record.line_table_size = 0xffffffff;
	bad(&code, size);
	size = make_code(ID, A_CODE, 1, "name", "/srv/app.py");
	code.record.name_width = 3;
	bad(&code, size);
	size = make_code(ID, A_CODE, 0, "name", "/srv/app.py"); /* no identity */
	bad(&code, size);
	send_frame(ID, A_CODE, 1, 0);
	flush(0, 1);
	stack_is(0, "[unknown code]:0");
}

static void names_become_valid(void **state)
{
	send_code(ID, A_CODE, 1, "\xff\x1b", "/srv/app.py"); /* latin-1 */
	make_sample(ID, OUTCOME_OK, 1, 0);
	set_frame(0, A_CODE, 1, INT_MIN);
	memset(sample.record.comm, 0xfe, TASK_COMM_LEN); /* no UTF-8, and no end */
	send_sample();
	stack_is(0, "app.\xc3\xbf\x1b:10");
	for (int i = 0; i < TASK_COMM_LEN; i++)
		assert_memory_equal(profile_sample(profile, 0).thread_name + 3 * i, "\xef\xbf\xbd",
				    3);
	set_frame(0, A_CODE, 1, INT_MAX);
	send_sample();
	counted(2);
}

static void records_of_nobody_are_counted(void **state)
{
	send_frame(ID + 5, A_CODE, 1, 0);
	assert_int_equal(fold_counts(fold)->unknown_process, 1);
	flush(0, 1);
	counted(0);
	assert_int_equal(profile_nr_processes(profile), 0);
}

/* Nobody's names ever come: the queue has an end, and what does not fit is counted at once. */
static void waiting_is_bounded(void **state)
{
	const size_t nr = 5000, size = sizeof(struct sample_record) + FRAMES_MAX * 16;
	size_t waiting;

	make_sample(ID, OUTCOME_OK, PY_STACK_MAX, PY_ROOT_MAX);
	for (int i = 0; i < FRAMES_MAX; i++)
		set_frame(i, A_CODE, 1, 0);
	for (size_t i = 0; i < nr; i++)
		send_sample();
	waiting = nr - fold_counts(fold)->samples;
	assert_in_range(waiting * size, 60 << 20, (64 << 20) + size);
	flush(0, 1);
	counted(nr);
	codes_are(0, 0, 1);
}

static __u64 random_state = 0x243f6a8885a308d3ULL;

static __u32 random_below(__u32 limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 32) % limit;
}

/* A record that is right but for what chance does to it. */
static size_t random_record(__u8 *bytes)
{
	__u32 process = ID + random_below(3);
	size_t size;

	if (random_below(4)) {
		make_sample(process, random_below(NR_OUTCOMES), random_below(6), random_below(3));
		sample.record.flags = random_below(4);
		sample.record.tid = random_below(4);
		for (int i = 0; i < sample.record.nr_leaf + sample.record.nr_root; i++)
			set_frame(i, A_CODE + 16 * random_below(40), random_below(3),
				  random_below(100));
		size = sample_size();
		memcpy(bytes, &sample, size);
	} else {
		size = make_code(process, A_CODE + 16 * random_below(40), random_below(3),
				 random_below(2) ? "one" : "other", "/srv/app.py");
		memcpy(bytes, &code, size);
	}
	if (!random_below(3))
		for (__u32 n = random_below(8); n; n--)
			bytes[random_below(random_below(2) ? size : 64)] = random_below(256);
	return random_below(8) ? size : random_below(size + 1);
}

static void no_record_breaks_the_balance(void **state)
{
	const struct fold_counts *counts = fold_counts(fold);
	struct fold_process second = told(ID + 1);
	static __u8 bytes[sizeof(sample)];
	__u64 samples = 0;

	assert_int_equal(fold_add_process(fold, &second), 0);
	for (int i = 0; i < 200000; i++) {
		size_t size = random_record(bytes);
		__u32 type = 0;

		if (size >= sizeof(type))
			memcpy(&type, bytes, sizeof(type));
		samples += type != RECORD_CODE;
		/* code records that are refused stand in the same counts: tell them apart */
		if (type == RECORD_CODE) {
			__u64 before = counts->bad_records + counts->unknown_process;

			send_bytes(bytes, size);
			samples += counts->bad_records + counts->unknown_process - before;
		} else {
			send_bytes(bytes, size);
		}
		if (i % 1000 == 999)
			flush(SECOND / 4, 0);
	}
	flush(0, 1);
	assert_int_equal(counts->samples + counts->bad_records + counts->unknown_process, samples);
	assert_true(counts->samples > 50000 && counts->bad_records > 10000 &&
		    counts->unknown_process > 10000);
	assert_int_equal(profile_total(profile, PROFILE_SAMPLES), counts->samples);
	assert_int_equal(counts->codes,
			 counts->codes_by_kernel + counts->codes_by_memory + counts->codes_unknown);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_named_stack_is_counted_at_once),
		TEST(a_sample_waits_for_its_names),
		TEST(it_does_not_wait_for_ever),
		TEST(one_nameless_frame_keeps_the_others),
		TEST(an_address_is_no_identity),
		TEST(what_is_missing_is_marked),
		TEST(a_child_is_not_named_by_its_parent),
		TEST(the_dead_are_named_until_the_flush),
		TEST(memory_names_what_never_came),
		TEST(memory_names_what_the_kernel_could_not_read),
		TEST(memory_completes_a_record),
		TEST(memory_that_changed_names_nothing),
		TEST(another_process_with_the_pid_is_not_read),
		TEST(torn_samples_are_counted_as_such),
		TEST(the_largest_sample_fits),
		TEST(torn_code_names_nothing),
		TEST(names_become_valid),
		TEST(records_of_nobody_are_counted),
		TEST(waiting_is_bounded),
		TEST(no_record_breaks_the_balance),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
