// SPDX-License-Identifier: BSD-2-Clause
/* The formats: what stands in each, and that a failed write is told. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include "output/output.h"
#include "profile.pb-c.h"

static __u32 location(struct profile *profile, const char *name, const char *file, int first,
		      int line)
{
	int function = profile_add_function(profile, &(struct profile_function){name, file, first});
	int ret = profile_add_location(profile, function, line);

	assert_true(function >= 0 && ret >= 0);
	return ret;
}

static void sample(struct profile *profile, __u32 process, __u32 tid, const char *thread,
		   const __u32 *locations, size_t nr, __s64 count)
{
	struct profile_sample sample = {
		.process = process,
		.tid = tid,
		.thread_name = thread,
		.locations = locations,
		.nr_locations = nr,
		.values = {[PROFILE_SAMPLES] = count, [PROFILE_CPU] = count * 10000000},
	};

	assert_int_equal(profile_add_sample(profile, &sample), 0);
}

/* Two processes, two threads with equal stacks, recursion, a frame of ours, hostile names. */
static struct profile *make_profile(void)
{
	struct profile *profile = profile_new();
	struct profile_header header = {
		.start_ns = 1700000000ULL * 1000000000,
		.duration_ns = 2000000000,
		.period_ns = 10000000,
		.comment = "pybpfprof record -F 100\nhost web1",
		.json = "{\"ok\":200}",
		.doc_url = "https://example.org/doc",
	};
	__u32 main_line = location(profile, "app.<module>", "/srv/app.py", 1, 9);
	__u32 work = location(profile, "app.work", "/srv/app.py", 3, 4);
	__u32 again = location(profile, "app.work", "/srv/app.py", 3, 5);
	__u32 ours = location(profile, "[truncated]", "", 0, 0);
	__u32 evil = location(profile, "e;v\x1b[2Ji\nl", "/x;y\xc2\x9b.py", 1, 2);
	int a = profile_add_process(profile, &(struct profile_process){.pid = 42,
								       .comm = "python3",
								       .name = "app.py (42)",
								       .python_version = "3.12",
								       .container_id = ""});
	int b = profile_add_process(profile,
				    &(struct profile_process){.pid = 7,
							      .comm = "gunicorn",
							      .name = "gunicorn: worker;x (7)",
							      .python_version = "3.11",
							      .container_id = "0123456789ab"});

	assert_int_equal(profile_set_header(profile, &header), 0);
	sample(profile, a, 42, "MainThread", (__u32[]){work, main_line}, 2, 100);
	sample(profile, a, 43, "pool-1", (__u32[]){work, main_line}, 2, 20);
	sample(profile, a, 42, "MainThread", (__u32[]){work, again, again, main_line}, 4, 30);
	sample(profile, b, 7, "", (__u32[]){evil, ours}, 2, 50);
	return profile;
}

/* What a format writes, as a string that the caller frees. */
static char *written(const struct output_format *format, const struct profile *profile,
		     size_t *ret_size)
{
	int fd = memfd_create("output", MFD_CLOEXEC);
	off_t size;
	char *data;

	assert_int_equal(format->write(profile, fd), 0);
	size = lseek(fd, 0, SEEK_END);
	data = calloc(1, size + 1);
	assert_int_equal(pread(fd, data, size, 0), size);
	close(fd);
	*ret_size = size;
	return data;
}

static char *written_as(const char *format, const struct profile *profile)
{
	size_t size;

	return written(output_find(format), profile, &size);
}

static void table_is_found_by_name_and_suffix(void **state)
{
	assert_string_equal(output_formats[0].name, "pprof");
	assert_string_equal(output_find("collapsed")->suffix, ".folded");
	assert_null(output_find("nonsense"));
	assert_null(output_find(""));
	assert_string_equal(output_find_by_suffix("/tmp/x.pb.gz")->name, "pprof");
	assert_string_equal(output_find_by_suffix("a.txt")->name, "text");
	assert_string_equal(output_find_by_suffix("a.folded")->name, "collapsed");
	assert_null(output_find_by_suffix("a.pb"));
	assert_null(output_find_by_suffix("gz"));
	assert_null(output_find_by_suffix(""));
}

static void collapsed_is_one_line_a_stack(void **state)
{
	struct profile *profile = make_profile();
	char *text = written_as("collapsed", profile);

	assert_string_equal(
		text, "app.py (42);app.<module> (/srv/app.py:9);app.work (/srv/app.py:4) 120\n"
		      "app.py (42);app.<module> (/srv/app.py:9);app.work (/srv/app.py:5);"
		      "app.work (/srv/app.py:5);app.work (/srv/app.py:4) 30\n"
		      "gunicorn: worker,x (7);[truncated];e,v?[2Ji?l (/x,y?.py:2) 50\n");
	free(text);
	profile_free(profile);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

static void text_reads_well(void **state)
{
	struct profile *profile = make_profile();
	char *text = written_as("text", profile);

	has(text, "pybpfprof record -F 100?host web1\n");
	has(text, "from 2023-11-14 22:13:20 UTC for 2.00 s, one sample per 10.000 ms");
	has(text, "200 samples, 2.00 s of CPU time, 2 processes\n");
	/* the recursive stack counts once in the total of its line, and of its function */
	has(text, "   75.0%    1.50 s    75.0%    1.50 s  app.work  /srv/app.py:4\n");
	has(text, "    0.0%    0.0 ms    75.0%    1.50 s  app.<module>  /srv/app.py:1\n");
	has(text, "   25.0%  500.0 ms    25.0%  500.0 ms  e;v?[2Ji?l  /x;y?.py:2\n");
	has(text, "\n  75.0%    1.50 s  app.py (42), Python 3.12\n");
	has(text, "gunicorn: worker;x (7), Python 3.11, container 0123456789ab\n");
	has(text, "{\"ok\":200}");
	for (const char *c = text; *c; c++)
		assert_true(*c == '\n' || (unsigned char)*c >= ' ');
	free(text);
	profile_free(profile);
}

static void text_of_nothing_says_so(void **state)
{
	struct profile *profile = profile_new();
	char *text = written_as("text", profile);

	has(text, "No CPU time was sampled.\n");
	free(text);
	text = written_as("collapsed", profile);
	assert_string_equal(text, "");
	free(text);
	profile_free(profile);
}

static Perftools__Profiles__Profile *unpack(const char *data, size_t size)
{
	static unsigned char raw[1 << 20];
	z_stream z = {.next_in = (void *)data,
		      .avail_in = size,
		      .next_out = raw,
		      .avail_out = sizeof(raw)};
	Perftools__Profiles__Profile *ret;

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0); /* one member, nothing behind it */
	ret = perftools__profiles__profile__unpack(NULL, z.total_out, raw);
	inflateEnd(&z);
	assert_non_null(ret);
	return ret;
}

static Perftools__Profiles__Profile *packed_and_unpacked(const struct profile *profile)
{
	size_t size;
	char *data = written(output_find("pprof"), profile, &size);
	Perftools__Profiles__Profile *ret = unpack(data, size);

	free(data);
	return ret;
}

static void pprof_header(void **state)
{
	struct profile *profile = make_profile();
	Perftools__Profiles__Profile *p = packed_and_unpacked(profile);
	char **s = p->string_table;

	assert_string_equal(s[0], "");
	assert_int_equal(p->n_sample_type, 2);
	assert_string_equal(s[p->sample_type[0]->type], "samples");
	assert_string_equal(s[p->sample_type[0]->unit], "count");
	assert_string_equal(s[p->sample_type[1]->type], "cpu");
	assert_string_equal(s[p->sample_type[1]->unit], "nanoseconds");
	assert_string_equal(s[p->default_sample_type], "cpu");
	assert_string_equal(s[p->period_type->type], "cpu");
	assert_int_equal(p->period, 10000000);
	assert_int_equal(p->time_nanos, 1700000000LL * 1000000000);
	assert_int_equal(p->duration_nanos, 2000000000);
	assert_int_equal(p->n_comment, 2);
	assert_string_equal(s[p->comment[0]], "pybpfprof record -F 100?host web1");
	assert_string_equal(s[p->comment[1]], "# {\"ok\":200}");
	assert_string_equal(s[p->doc_url], "https://example.org/doc");
	assert_int_equal(p->n_mapping, 1);
	assert_int_equal(p->mapping[0]->id, 1);
	assert_string_equal(s[p->mapping[0]->filename], "[python]");
	assert_true(p->mapping[0]->has_functions && p->mapping[0]->has_filenames &&
		    p->mapping[0]->has_line_numbers);
	perftools__profiles__profile__free_unpacked(p, NULL);
	profile_free(profile);
}

static void pprof_places(void **state)
{
	struct profile *profile = make_profile();
	Perftools__Profiles__Profile *p = packed_and_unpacked(profile);
	char **s = p->string_table;

	assert_int_equal(p->n_function, 4);
	assert_int_equal(p->n_location, 5);
	for (size_t i = 0; i < p->n_function; i++) {
		assert_int_equal(p->function[i]->id, i + 1);
		assert_int_equal(p->function[i]->system_name, 0);
	}
	for (size_t i = 0; i < p->n_location; i++) {
		assert_int_equal(p->location[i]->id, i + 1);
		assert_int_equal(p->location[i]->mapping_id, 1);
		assert_int_equal(p->location[i]->address, 0);
		assert_int_equal(p->location[i]->n_line, 1);
	}
	assert_string_equal(s[p->function[1]->name], "app.work");
	assert_string_equal(s[p->function[1]->filename], "/srv/app.py");
	assert_int_equal(p->function[1]->start_line, 3);
	assert_int_equal(p->location[2]->line[0]->function_id, 2);
	assert_int_equal(p->location[2]->line[0]->line, 5);
	assert_string_equal(s[p->function[2]->name], "[truncated]");
	assert_int_equal(p->function[2]->filename, 0);
	assert_string_equal(s[p->function[3]->name], "e;v?[2Ji?l");
	for (size_t i = 0; i < p->n_string_table; i++)
		for (size_t j = i + 1; j < p->n_string_table; j++)
			assert_string_not_equal(s[i], s[j]);
	perftools__profiles__profile__free_unpacked(p, NULL);
	profile_free(profile);
}

static void label_is(const Perftools__Profiles__Profile *p, size_t i, size_t j, const char *key,
		     const char *value)
{
	const Perftools__Profiles__Label *label = p->sample[i]->label[j];

	assert_string_equal(p->string_table[label->key], key);
	assert_string_equal(p->string_table[label->str], value);
	assert_int_equal(label->num, 0);
}

static void number_is(const Perftools__Profiles__Profile *p, size_t i, size_t j, const char *key,
		      int64_t value)
{
	const Perftools__Profiles__Label *label = p->sample[i]->label[j];

	assert_string_equal(p->string_table[label->key], key);
	assert_int_equal(label->str, 0);
	assert_int_equal(label->num, value);
	assert_string_equal(p->string_table[label->num_unit], "id");
}

static void pprof_samples(void **state)
{
	struct profile *profile = make_profile();
	Perftools__Profiles__Profile *p = packed_and_unpacked(profile);
	const uint64_t recursive[] = {2, 3, 3, 1};

	assert_int_equal(p->n_sample, 4);
	assert_int_equal(p->sample[2]->n_location_id, 4);
	assert_memory_equal(p->sample[2]->location_id, recursive, sizeof(recursive));
	assert_int_equal(p->sample[2]->n_value, 2);
	assert_int_equal(p->sample[2]->value[0], 30);
	assert_int_equal(p->sample[2]->value[1], 300000000);
	assert_int_equal(p->sample[0]->n_label, 6);
	number_is(p, 0, 0, "pid", 42);
	number_is(p, 1, 1, "tid", 43);
	label_is(p, 0, 2, "comm", "python3");
	label_is(p, 1, 3, "thread_name", "pool-1");
	label_is(p, 0, 4, "process", "app.py (42)");
	label_is(p, 0, 5, "python_version", "3.12");
	assert_int_equal(p->sample[3]->n_label, 6); /* no thread name, but a container */
	label_is(p, 3, 5, "container_id", "0123456789ab");
	perftools__profiles__profile__free_unpacked(p, NULL);
	profile_free(profile);
}

static void pprof_of_nothing_is_valid(void **state)
{
	struct profile *profile = profile_new();
	Perftools__Profiles__Profile *p = packed_and_unpacked(profile);

	assert_int_equal(p->n_sample, 0);
	assert_int_equal(p->n_mapping, 1);
	assert_int_equal(p->n_comment, 0);
	perftools__profiles__profile__free_unpacked(p, NULL);
	profile_free(profile);
}

/* A stack and names larger than any buffer on the way, and the same bytes every time. */
static void pprof_of_much(void **state)
{
	struct profile *profile = make_profile();
	char *name = malloc(100001), *first, *second;
	__u32 *deep = calloc(5000, sizeof(*deep));
	Perftools__Profiles__Profile *p;
	size_t first_size, second_size;

	memset(name, 'n', 100000);
	name[100000] = '\0';
	deep[4999] = location(profile, name, "/n.py", 1, 1);
	sample(profile, 0, 42, "deep", deep, 5000, 1);
	first = written(output_find("pprof"), profile, &first_size);
	second = written(output_find("pprof"), profile, &second_size);
	assert_int_equal(first_size, second_size);
	assert_memory_equal(first, second, first_size);
	p = unpack(first, first_size);
	assert_int_equal(p->sample[4]->n_location_id, 5000);
	assert_int_equal(p->sample[4]->location_id[4999], 6);
	assert_string_equal(p->string_table[p->function[4]->name], name);
	perftools__profiles__profile__free_unpacked(p, NULL);
	free(first);
	free(second);
	free(name);
	free(deep);
	profile_free(profile);
}

static void a_full_disk_is_an_error(void **state)
{
	struct profile *profile = make_profile();
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && null >= 0);
	for (const struct output_format *format = output_formats; format->name; format++) {
		assert_int_equal(format->write(profile, fd), -ENOSPC);
		assert_int_equal(format->write(profile, null), -EBADF);
	}
	close(fd);
	close(null);
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_found_by_name_and_suffix),
		cmocka_unit_test(collapsed_is_one_line_a_stack),
		cmocka_unit_test(text_reads_well),
		cmocka_unit_test(text_of_nothing_says_so),
		cmocka_unit_test(pprof_header),
		cmocka_unit_test(pprof_places),
		cmocka_unit_test(pprof_samples),
		cmocka_unit_test(pprof_of_nothing_is_valid),
		cmocka_unit_test(pprof_of_much),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
