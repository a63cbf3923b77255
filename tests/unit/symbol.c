// SPDX-License-Identifier: BSD-2-Clause
/*
 * Names of code objects: out of whole records, cut and hostile ones, and out of the memory of a
 * process that holds fake objects.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "python/symbol.h"

static char no_root[] = "";
static char app_root[] = "/srv/app";
static char work_root[] = "/srv/app/src/";
static char *const no_roots[2] = {no_root, no_root};
static char *const roots[2] = {app_root, work_root};

static void module_is(const char *file_name, char *const of[2], const char *expected)
{
	char *module = symbol_module(file_name, of);

	assert_string_equal(module, expected);
	free(module);
}

static void module_below_library_folders(void **state)
{
	module_is("/usr/lib/python3.11/json/decoder.py", no_roots, "json.decoder");
	module_is("/usr/lib/python3.11/json/__init__.py", no_roots, "json");
	module_is("/usr/lib/python3.13t/threading.py", no_roots, "threading");
	module_is("/usr/lib64/python3.9/threading.py", no_roots, "threading");
	module_is("/usr/lib/python3/dist-packages/django/core/handlers/base.py", no_roots,
		  "django.core.handlers.base");
	module_is("/opt/v/lib/python3.12/site-packages/numpy/__init__.py", no_roots, "numpy");
	module_is("/opt/v/lib/python3.12/site-packages/six.py", no_roots, "six");
	module_is("/a/site-packages/x/vendor/site-packages/y/z.py", no_roots, "y.z");
	module_is("site-packages/x/y.py", no_roots, "x.y");
}

static void module_below_roots(void **state)
{
	module_is("/srv/app/manage.py", roots, "manage");
	module_is("/srv/app/shop/views.py", roots, "shop.views");
	module_is("/srv/app/shop/__init__.py", roots, "shop");
	module_is("/srv/app/shop/__main__.py", roots, "shop.__main__");
	/* the longer root, with a slash behind it or not */
	module_is("/srv/app/src/shop/views.py", roots, "shop.views");
	module_is("/srv/app//shop/./views.py", roots, "shop.views");
	module_is("/srv/./app/shop/views.py", roots, "shop.views");
	/* no prefix of a name */
	module_is("/srv/apple/shop/views.py", roots, "views");
	module_is("/srv/app/run", roots, "run");
}

static void libraries_win_below_a_root(void **state)
{
	module_is("/srv/app/venv/lib/python3.11/site-packages/django/core/x.py", roots,
		  "django.core.x");
	module_is("/srv/app/lib/python3.11/json/decoder.py", roots, "json.decoder");
}

static void a_root_wins_below_libraries(void **state)
{
	static char site[] = "/v/lib/python3.12/site-packages/app";
	char *const of[2] = {site, no_root};

	module_is("/v/lib/python3.12/site-packages/app/views/a.py", of, "views.a");
	module_is("/v/lib/python3.12/site-packages/other/a.py", of, "other.a");
}

static void module_elsewhere_is_the_base_name(void **state)
{
	module_is("/tmp/x/script.py", no_roots, "script");
	module_is("script.py", no_roots, "script");
	module_is("dir/script.py", no_roots, "script");
	module_is("/usr/bin/gunicorn", no_roots, "gunicorn");
	module_is("/tmp/a.b.py", no_roots, "a.b");
	module_is("/tmp/pkg/__init__.py", no_roots, "pkg");
	module_is("pkg/__init__.py", no_roots, "pkg");
	module_is("/__init__.py", no_roots, "__init__");
	module_is("__init__.py", no_roots, "__init__");
	module_is("/srv/app/__init__.py", roots, "app");
	module_is("/srv/app/../other/x.py", roots, "x");
}

static void library_folders_are_whole_names(void **state)
{
	module_is("/my-site-packages/a/b.py", no_roots, "b");
	module_is("/lib/python/a/b.py", no_roots, "b");
	module_is("/lib/python3/a/b.py", no_roots, "b");
	module_is("/lib/python3./a/b.py", no_roots, "b");
	module_is("/lib/python3.11x/a/b.py", no_roots, "b");
	module_is("/lib/python.3/a/b.py", no_roots, "b");
	module_is("/opt/python3.11/a/b.py", no_roots, "b");
	module_is("/x/site-packages", no_roots, "site-packages");
}

static void module_of_what_is_no_file(void **state)
{
	module_is("<frozen importlib._bootstrap>", roots, "importlib._bootstrap");
	module_is("<frozen >", roots, "<frozen >");
	module_is("<string>", roots, "<string>");
	module_is("<>", roots, "<>");
	module_is("<", roots, "<");
	module_is("", roots, "");
	module_is("/", roots, "/");
	module_is("/tmp/x/", roots, "/tmp/x/");
	module_is(".py", roots, ".py");
	module_is("/srv/app/", roots, "/srv/app/");
	module_is("/srv/app/..", roots, "..");
}

/* A record as it stands in a ring, in fresh memory of its exact size. */
struct builder {
	__u8 data[32768];
	size_t size;
	struct code_record head; /* the last, since it has no end of its own */
};

static void builder_init(struct builder *b)
{
	memset(b, 0, sizeof(*b));
	b->head.type = RECORD_CODE;
	b->head.first_line = 10;
	b->head.name_width = 1;
	b->head.file_name_width = 1;
}

static void builder_add(struct builder *b, const void *data, size_t size)
{
	memcpy(b->data + b->size, data, size);
	b->size += size;
}

static void builder_name(struct builder *b, const char *name)
{
	builder_add(b, name, strlen(name));
	b->head.name_size = strlen(name);
}

static void builder_file(struct builder *b, const char *file_name)
{
	builder_add(b, file_name, strlen(file_name));
	b->head.file_name_size = strlen(file_name);
}

static void builder_lines(struct builder *b, const void *table, size_t size)
{
	builder_add(b, table, size);
	b->head.line_table_size = size;
}

static void builder_whole(struct builder *b)
{
	builder_init(b);
	builder_name(b, "View.get");
	builder_file(b, "/srv/app/shop/views.py");
	builder_lines(b, "\x80\x00\xd8\x01\x01", 5);
}

static __u64 nr_reads;

static int init_sized(struct symbol *symbol, const struct builder *b, size_t size, pid_t pid,
		      const struct py_layout *layout)
{
	struct code_record *record = malloc(size + !size);
	int err;

	memcpy(record, &b->head, size < sizeof(b->head) ? size : sizeof(b->head));
	if (size > sizeof(b->head))
		memcpy(record->data, b->data, size - sizeof(b->head));
	nr_reads = 0;
	memset(symbol, 0xa5, sizeof(*symbol));
	err = symbol_init(symbol, record, size, LINE_TABLE_LOCATIONS, roots, pid, layout,
			  &nr_reads);
	free(record);
	return err;
}

static int init(struct symbol *symbol, const struct builder *b)
{
	return init_sized(symbol, b, sizeof(b->head) + b->size, 0, NULL);
}

static void bad(const struct builder *b)
{
	struct symbol symbol;

	assert_int_equal(init(&symbol, b), -EBADMSG);
	assert_int_equal(nr_reads, 0);
}

static void names_a_whole_record(void **state)
{
	struct symbol symbol;
	struct builder b;

	builder_whole(&b);
	assert_int_equal(init(&symbol, &b), 0);
	assert_string_equal(symbol.name, "shop.views.View.get");
	assert_string_equal(symbol.file_name, "/srv/app/shop/views.py");
	assert_int_equal(symbol.first_line, 10);
	assert_int_equal(symbol.line_table_kind, LINE_TABLE_LOCATIONS);
	assert_int_equal(symbol.line_table_size, 5);
	assert_memory_equal(symbol.line_table, "\x80\x00\xd8\x01\x01", 5);
	assert_int_equal(nr_reads, 0);
	symbol_done(&symbol);
	assert_null(symbol.name);
	symbol_done(&symbol);
	/* a ring rounds sizes up */
	assert_int_equal(init_sized(&symbol, &b, sizeof(b.head) + b.size + 5, 0, NULL), 0);
	assert_string_equal(symbol.name, "shop.views.View.get");
	symbol_done(&symbol);
}

static void names_in_every_width(void **state)
{
	static const __u16 ucs2[] = {0x17e, 'x', 0xd800, 0};
	static const __u32 ucs4[] = {'/', 0x1f40d, '.', 'p', 'y'};
	struct symbol symbol;
	struct builder b;

	builder_init(&b);
	builder_add(&b, ucs2, sizeof(ucs2));
	builder_add(&b, ucs4, sizeof(ucs4));
	b.head.name_size = sizeof(ucs2);
	b.head.name_width = 2;
	b.head.file_name_size = sizeof(ucs4);
	b.head.file_name_width = 4;
	assert_int_equal(init(&symbol, &b), 0);
	assert_string_equal(symbol.name, "\xf0\x9f\x90\x8d.\xc5\xbex\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(symbol.file_name, "/\xf0\x9f\x90\x8d.py");
	assert_null(symbol.line_table);
	assert_int_equal(symbol.line_table_size, 0);
	symbol_done(&symbol);

	builder_init(&b);
	builder_name(&b, "caf\xe9"); /* latin-1 */
	builder_file(&b, "<string>");
	assert_int_equal(init(&symbol, &b), 0);
	assert_string_equal(symbol.name, "<string>.caf\xc3\xa9");
	symbol_done(&symbol);
}

static void names_without_a_module(void **state)
{
	struct symbol symbol;
	struct builder b;

	builder_init(&b);
	builder_name(&b, "f");
	assert_int_equal(init(&symbol, &b), 0);
	assert_string_equal(symbol.name, "f");
	assert_string_equal(symbol.file_name, "");
	symbol_done(&symbol);
}

static void first_lines_are_lines(void **state)
{
	struct symbol symbol;
	struct builder b;

	builder_whole(&b);
	b.head.first_line = INT_MAX;
	assert_int_equal(init(&symbol, &b), 0);
	assert_int_equal(symbol.first_line, INT_MAX);
	symbol_done(&symbol);
	b.head.first_line = (__u32)-1;
	assert_int_equal(init(&symbol, &b), 0);
	assert_int_equal(symbol.first_line, 0);
	symbol_done(&symbol);
}

/* Whatever is cut off: no valid record, and, under a sanitizer, no read behind it. */
static void refuses_every_cut_record(void **state)
{
	struct symbol symbol;
	struct builder b;

	builder_whole(&b);
	for (size_t size = 0; size < sizeof(b.head) + b.size; size++)
		assert_int_equal(init_sized(&symbol, &b, size, 0, NULL), -EBADMSG);
}

static void refuses_hostile_sizes(void **state)
{
	static const __u32 sizes[] = {0x7fffffff, 0x80000000, 0xffffffff, PY_LINES_MAX + 1, 6};
	static const __u8 widths[] = {0, 3, 5, 8, 255};
	struct builder b;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		builder_whole(&b);
		b.head.line_table_size = sizes[i];
		bad(&b);
	}
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		builder_whole(&b);
		b.head.name_width = widths[i];
		bad(&b);
		builder_whole(&b);
		b.head.file_name_width = widths[i];
		bad(&b);
	}
	builder_whole(&b);
	b.head.name_size = 0xffff;
	bad(&b);
	builder_whole(&b);
	b.head.file_name_size = 0xffff;
	bad(&b);
	builder_whole(&b);
	b.head.name_size = 7;
	b.head.name_width = 2; /* half a character */
	bad(&b);
	builder_whole(&b);
	b.head.type = RECORD_SAMPLE;
	bad(&b);
	/* All there, but more than the kernel ever sends. */
	builder_init(&b);
	b.head.name_size = PY_NAME_MAX + 1;
	b.size = PY_NAME_MAX + 1;
	bad(&b);
	builder_init(&b);
	b.head.line_table_size = PY_LINES_MAX + 1;
	b.size = PY_LINES_MAX + 1;
	bad(&b);
}

static void random_heads_do_no_harm(void **state)
{
	unsigned int seed = 7;
	int nr_named = 0;

	for (int i = 0; i < 50000; i++) {
		struct symbol symbol;
		struct builder b;
		__u8 *head = (__u8 *)&b.head;

		builder_whole(&b);
		for (int n = 1 + rand_r(&seed) % 3; n; n--)
			head[4 + rand_r(&seed) % (sizeof(b.head) - 4)] = rand_r(&seed) >> 8;
		if (init(&symbol, &b))
			continue;
		nr_named++;
		symbol_done(&symbol);
	}
	assert_in_range(nr_named, 100, 49900);
}

/* What could not be had stays missing, and what is cut says so. */
static void without_memory_it_says_what_is_cut(void **state)
{
	struct symbol symbol;
	struct builder b;

	builder_whole(&b);
	b.head.missing = CODE_MISSING_NAME | CODE_MISSING_FILE_NAME | CODE_MISSING_LINE_TABLE;
	assert_int_equal(init(&symbol, &b), 0);
	assert_string_equal(symbol.name, "shop.views.py\xe2\x80\xa6.View.get\xe2\x80\xa6");
	assert_string_equal(symbol.file_name, "/srv/app/shop/views.py\xe2\x80\xa6");
	assert_int_equal(symbol.line_table_size, 5);
	symbol_done(&symbol);

	builder_init(&b);
	builder_file(&b, "/srv/app/shop/views.py");
	b.head.missing = CODE_MISSING_NAME;
	assert_int_equal(init(&symbol, &b), -ENODATA);

	builder_init(&b);
	builder_name(&b, "f");
	b.head.missing = CODE_MISSING_FILE_NAME | CODE_MISSING_LINE_TABLE;
	assert_int_equal(init(&symbol, &b), 0);
	assert_string_equal(symbol.name, "f");
	assert_string_equal(symbol.file_name, "");
	assert_null(symbol.line_table);
	symbol_done(&symbol);
}

/*
 * Fake objects, at the odd offsets of a CPython that there never was. They are in pages shared with
 * the child that is read, so that each test can lay them out anew.
 */
static const struct py_layout layout = {
	.code_size = 80,
	.code_first_line = 4,
	.code_file_name = 16,
	.code_name = 40,
	.code_line_table = 64,
	.ob_type = 8,
	.bytes_length = 24,
	.bytes_data = 33,
	.str_length = 16,
	.str_state = 28,
	.str_ascii_data = 44,
	.str_compact_data = 60,
};

#define ARENA_SIZE  (4U << 20)
#define CODE_AT	    64
#define NAME_AT	    1024
#define FILE_AT	    (1U << 20)
#define LINES_AT    (2U << 20)
#define STATE_ASCII (0x40 | 0x20 | 1 << 2)
#define STATE_UCS1  (0x20 | 1 << 2)
#define STATE_UCS2  (0x20 | 2 << 2)
#define STATE_UCS4  (0x20 | 4 << 2)

static __u8 *arena;
static pid_t child;

static __u64 address_of(size_t at)
{
	return (uintptr_t)arena + at;
}

static void put(size_t at, const void *data, size_t size)
{
	memcpy(arena + at, data, size);
}

static void put_u32(size_t at, __u32 value)
{
	put(at, &value, sizeof(value));
}

static void put_u64(size_t at, __u64 value)
{
	put(at, &value, sizeof(value));
}

static void put_str(size_t at, __u32 state, __u64 length, const void *data, size_t size)
{
	put_u64(at + layout.str_length, length);
	put_u32(at + layout.str_state, state);
	put(at + (state & 0x40 ? layout.str_ascii_data : layout.str_compact_data), data, size);
}

static void put_bytes(size_t at, __u64 length, const void *data, size_t size)
{
	put_u64(at + layout.bytes_length, length);
	put(at + layout.bytes_data, data, size);
}

static void arena_reset(void)
{
	memset(arena, 0, ARENA_SIZE);
	put_u32(CODE_AT + layout.code_first_line, 10);
	put_u64(CODE_AT + layout.code_name, address_of(NAME_AT));
	put_u64(CODE_AT + layout.code_file_name, address_of(FILE_AT));
	put_u64(CODE_AT + layout.code_line_table, address_of(LINES_AT));
	put_str(NAME_AT, STATE_ASCII, 8, "View.put", 8);
	put_str(FILE_AT, STATE_ASCII, 21, "/srv/app/shop/pays.py", 21);
	put_bytes(LINES_AT, 4, "\xd8\x02\x02\xf8", 4);
}

/* A record that lacks these, of which the kernel has sent the start or nothing. */
static void builder_lacking(struct builder *b, unsigned int missing)
{
	builder_init(b);
	builder_name(b, missing & CODE_MISSING_NAME ? "Vi" : "View.get");
	builder_file(b, missing & CODE_MISSING_FILE_NAME ? "/srv" : "/srv/app/shop/views.py");
	if (!(missing & CODE_MISSING_LINE_TABLE))
		builder_lines(b, "\x80\x00\xd8\x01\x01", 5);
	b->head.missing = missing;
	b->head.code = address_of(CODE_AT);
	b->head.name = address_of(NAME_AT);
	b->head.file_name = address_of(FILE_AT);
	b->head.line_table = address_of(LINES_AT);
}

static int init_reading(struct symbol *symbol, const struct builder *b, pid_t pid)
{
	return init_sized(symbol, b, sizeof(b->head) + b->size, pid, &layout);
}

#define ALL_MISSING (CODE_MISSING_NAME | CODE_MISSING_FILE_NAME | CODE_MISSING_LINE_TABLE)
#define ALL_CUT	    "srv\xe2\x80\xa6.Vi\xe2\x80\xa6"

static void name_is(const struct builder *b, const char *expected)
{
	struct symbol symbol;

	assert_int_equal(init_reading(&symbol, b, child), 0);
	assert_int_equal(nr_reads, 1);
	assert_string_equal(symbol.name, expected);
	symbol_done(&symbol);
}

static void reads_what_is_missing(void **state)
{
	struct symbol symbol;
	struct builder b;

	arena_reset();
	builder_lacking(&b, ALL_MISSING);
	assert_int_equal(init_reading(&symbol, &b, child), 0);
	assert_int_equal(nr_reads, 1);
	assert_string_equal(symbol.name, "shop.pays.View.put");
	assert_string_equal(symbol.file_name, "/srv/app/shop/pays.py");
	assert_int_equal(symbol.line_table_size, 4);
	assert_memory_equal(symbol.line_table, "\xd8\x02\x02\xf8", 4);
	symbol_done(&symbol);
}

static void reads_nothing_else(void **state)
{
	struct symbol symbol;
	struct builder b;

	arena_reset();
	builder_lacking(&b, 0);
	assert_int_equal(init_reading(&symbol, &b, child), 0);
	assert_int_equal(nr_reads, 0);
	symbol_done(&symbol);
	builder_lacking(&b, CODE_MISSING_NAME);
	name_is(&b, "shop.views.View.put");
	builder_lacking(&b, CODE_MISSING_FILE_NAME);
	name_is(&b, "shop.pays.View.get");
	builder_lacking(&b, CODE_MISSING_LINE_TABLE);
	name_is(&b, "shop.views.View.get");
	builder_lacking(&b, ALL_MISSING);
	assert_int_equal(init(&symbol, &b), 0); /* without a layout, never */
	assert_int_equal(nr_reads, 0);
	assert_string_equal(symbol.name, ALL_CUT);
	symbol_done(&symbol);
}

static void reads_every_kind_of_str(void **state)
{
	static const __u16 ucs2[] = {0x17e, 0x17f};
	static const __u32 ucs4[] = {0x1f40d};
	struct builder b;

	arena_reset();
	builder_lacking(&b, CODE_MISSING_NAME);
	put_str(NAME_AT, STATE_UCS1, 4, "caf\xe9", 4);
	name_is(&b, "shop.views.caf\xc3\xa9");
	put_str(NAME_AT, STATE_UCS2, 2, ucs2, sizeof(ucs2));
	name_is(&b, "shop.views.\xc5\xbe\xc5\xbf");
	put_str(NAME_AT, STATE_UCS4, 1, ucs4, sizeof(ucs4));
	name_is(&b, "shop.views.\xf0\x9f\x90\x8d");
	put_str(NAME_AT, STATE_ASCII, 0, "", 0);
	name_is(&b, "shop.views.");
	/* other bits of the state mean nothing here */
	put_str(NAME_AT, STATE_ASCII | 0xffffff83, 1, "g", 1);
	name_is(&b, "shop.views.g");
}

static void refuses_a_str_that_is_none(void **state)
{
	static const __u32 states[] = {
		0, 1 << 2, 0x20, 0x20 | 3 << 2, 0x20 | 7 << 2, 0x60 | 2 << 2};
	static const __u64 lengths[] = {65537, 1ULL << 32, 1ULL << 63, ~0ULL};
	struct builder b;

	builder_lacking(&b, CODE_MISSING_NAME);
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		arena_reset();
		put_str(NAME_AT, states[i], 4, "abcd", 4);
		name_is(&b, "shop.views.Vi\xe2\x80\xa6");
	}
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		arena_reset();
		put_str(NAME_AT, STATE_ASCII, lengths[i], "", 0);
		name_is(&b, "shop.views.Vi\xe2\x80\xa6");
	}
	arena_reset();
	put_str(NAME_AT, STATE_UCS4, 16385, "", 0);
	name_is(&b, "shop.views.Vi\xe2\x80\xa6");
	put_str(NAME_AT, STATE_UCS4, 1ULL << 62, "", 0); /* its size wraps to 0 */
	name_is(&b, "shop.views.Vi\xe2\x80\xa6");
}

static void reads_up_to_its_limits(void **state)
{
	struct symbol symbol;
	struct builder b;
	size_t size = strlen("shop.views.");

	arena_reset();
	put_u64(NAME_AT + layout.str_length, 65536);
	memset(arena + NAME_AT + layout.str_ascii_data, 'x', 65537);
	builder_lacking(&b, CODE_MISSING_NAME);
	assert_int_equal(init_reading(&symbol, &b, child), 0);
	assert_int_equal(strlen(symbol.name), size + 65536);
	symbol_done(&symbol);

	arena_reset();
	builder_lacking(&b, CODE_MISSING_LINE_TABLE);
	put_bytes(LINES_AT, 1U << 20, "\xd8", 1);
	arena[LINES_AT + layout.bytes_data + (1U << 20) - 1] = 0xf8;
	assert_int_equal(init_reading(&symbol, &b, child), 0);
	assert_int_equal(symbol.line_table_size, 1U << 20);
	assert_int_equal(symbol.line_table[0], 0xd8);
	assert_int_equal(symbol.line_table[(1U << 20) - 1], 0xf8);
	symbol_done(&symbol);

	put_bytes(LINES_AT, (1U << 20) + 1, "\xd8", 1);
	assert_int_equal(init_reading(&symbol, &b, child), 0);
	assert_int_equal(symbol.line_table_size, 0);
	symbol_done(&symbol);
	put_bytes(LINES_AT, ~0ULL, "\xd8", 1);
	assert_int_equal(init_reading(&symbol, &b, child), 0);
	assert_null(symbol.line_table);
	symbol_done(&symbol);
}

/* Freed and used again: what was read is another code object's, or nobody's. */
static void believes_only_the_same_code_object(void **state)
{
	const __u16 fields[] = {layout.code_name, layout.code_file_name, layout.code_line_table};
	struct symbol symbol;
	struct builder b;

	builder_lacking(&b, ALL_MISSING);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		arena_reset();
		put_u64(CODE_AT + fields[i], address_of(NAME_AT) + 8);
		assert_int_equal(init_reading(&symbol, &b, child), 0);
		assert_int_equal(nr_reads, 1);
		assert_string_equal(symbol.name, ALL_CUT);
		assert_null(symbol.line_table);
		symbol_done(&symbol);
	}
	arena_reset();
	put_u32(CODE_AT + layout.code_first_line, 11);
	name_is(&b, ALL_CUT);
	arena_reset();
	b.head.name_size = 0; /* nothing at all of it */
	b.head.file_name_size = 0;
	put_u64(CODE_AT + layout.code_name, 0);
	assert_int_equal(init_reading(&symbol, &b, child), -ENODATA);
}

static void bad_addresses_are_just_missing(void **state)
{
	static const __u64 addresses[] = {0, 1, 8, 1ULL << 63, ~0ULL, ~0ULL - 7};
	struct builder b;

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		arena_reset();
		builder_lacking(&b, ALL_MISSING);
		b.head.name = addresses[i];
		put_u64(CODE_AT + layout.code_name, addresses[i]);
		name_is(&b, "shop.pays.Vi\xe2\x80\xa6");
		builder_lacking(&b, ALL_MISSING);
		b.head.code = addresses[i];
		name_is(&b, ALL_CUT);
	}
}

static void a_hostile_layout_reads_nothing_behind_its_buffer(void **state)
{
	struct py_layout hostile[3] = {layout, layout, layout};
	struct symbol symbol;
	struct builder b;

	hostile[0].code_size = 0xfff0;
	hostile[1].code_line_table = PY_CODE_MAX - 4;
	hostile[2].code_first_line = PY_ABSENT;
	arena_reset();
	builder_lacking(&b, ALL_MISSING);
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		assert_int_equal(
			init_sized(&symbol, &b, sizeof(b.head) + b.size, child, &hostile[i]), 0);
		assert_string_equal(symbol.name, ALL_CUT);
		symbol_done(&symbol);
	}
}

static void child_end(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* The last test, as it ends the child. */
static void a_process_that_is_gone_leaves_what_the_kernel_sent(void **state)
{
	struct builder b;

	arena_reset();
	builder_lacking(&b, ALL_MISSING);
	child_end();
	name_is(&b, ALL_CUT);
	child = 0;
}

static int setup(void **state)
{
	arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED)
		return -1;
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return child < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	if (child > 0)
		child_end();
	return munmap(arena, ARENA_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(module_below_library_folders),
		cmocka_unit_test(module_below_roots),
		cmocka_unit_test(libraries_win_below_a_root),
		cmocka_unit_test(a_root_wins_below_libraries),
		cmocka_unit_test(module_elsewhere_is_the_base_name),
		cmocka_unit_test(library_folders_are_whole_names),
		cmocka_unit_test(module_of_what_is_no_file),
		cmocka_unit_test(names_a_whole_record),
		cmocka_unit_test(names_in_every_width),
		cmocka_unit_test(names_without_a_module),
		cmocka_unit_test(first_lines_are_lines),
		cmocka_unit_test(refuses_every_cut_record),
		cmocka_unit_test(refuses_hostile_sizes),
		cmocka_unit_test(random_heads_do_no_harm),
		cmocka_unit_test(without_memory_it_says_what_is_cut),
		cmocka_unit_test(reads_what_is_missing),
		cmocka_unit_test(reads_nothing_else),
		cmocka_unit_test(reads_every_kind_of_str),
		cmocka_unit_test(refuses_a_str_that_is_none),
		cmocka_unit_test(reads_up_to_its_limits),
		cmocka_unit_test(believes_only_the_same_code_object),
		cmocka_unit_test(bad_addresses_are_just_missing),
		cmocka_unit_test(a_hostile_layout_reads_nothing_behind_its_buffer),
		cmocka_unit_test(a_process_that_is_gone_leaves_what_the_kernel_sent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
