// SPDX-License-Identifier: BSD-2-Clause
/*
 * The very walk that runs in the kernel, over memory made up here: whole stacks, the limit and
 * what lies beyond it, shims, generators, and frames that are hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>
#include "python/code.h"
#include "python/version.h"
#include "python/walk.h"

#define BASE	  0x7f0000000000ULL
#define MEMORY	  (64u << 20)
#define CHUNK	  16384
#define FRAME	  112 /* a frame of the size that a small function has */
#define CODE(n)	  (BASE + 0x1000000 + (__u64)(n)*256)
#define HEAP	  (BASE + 0x3000000)
#define C_STACK	  (BASE + 0x3800000)
#define TP	  (BASE + 0x10000)
#define TSTATE	  (BASE + 0x20000)
#define ABSENT_AT (BASE + 0x3f00000) /* this page and all behind it are not resident */

static __u8 *memory;
static unsigned int nr_reads, nr_faults;

static int read_memory(void *dst, __u32 size, __u64 address)
{
	nr_reads++;
	if (address < BASE || size > MEMORY || address - BASE > MEMORY - size ||
	    address + size > ABSENT_AT) {
		nr_faults++;
		return -EFAULT;
	}
	memcpy(dst, memory + (address - BASE), size);
	return 0;
}

static void put64(__u64 address, __u64 value)
{
	memcpy(memory + (address - BASE), &value, sizeof(value));
}

static struct py_layout layout;
static struct py_slot slot = {.kind = PY_SLOT_CONST, .offset = 0x318};
static struct py_walk walk;
static struct py_frame frames[PY_STACK_MAX];

/* Where frame n of a stack (0 is the root) lies in a data stack made of chunks. */
static __u64 frame_at(unsigned int n)
{
	unsigned int first = (CHUNK - 24 - 8) / FRAME, each = (CHUNK - 24) / FRAME;

	if (n < first)
		return BASE + 0x100000 + 24 + 8 + n * FRAME;
	n -= first;
	return BASE + 0x100000 + (1 + n / each) * CHUNK + 24 + (n % each) * FRAME;
}

static void put_frame(__u64 at, __u64 previous, __u64 code, __s64 position, __u8 owner)
{
	put64(at + layout.frame_previous, previous);
	put64(at + layout.frame_code, code);
	put64(at + layout.frame_position, code + layout.code_adaptive + position);
	memory[at + layout.frame_owner - BASE] = owner;
}

static void put_thread(__u64 top)
{
	put64(TP + slot.offset, TSTATE);
	put64(TSTATE + layout.tstate_thread_id, TP);
	put64(TSTATE + layout.tstate_frame, top);
}

static void put_chunks(unsigned int depth)
{
	__u64 last = BASE + 0x100000 + (frame_at(depth - 1) - BASE - 0x100000) / CHUNK * CHUNK, at;

	put64(BASE + 0x100000, 0);
	for (at = BASE + 0x100000 + CHUNK; at <= last; at += CHUNK)
		put64(at, at - CHUNK);
	put64(TSTATE + layout.tstate_datastack_chunk, last);
}

/* A stack of CPython 3.13: code n in frame n, below all of them the shim on the C stack. */
static void put_stack(unsigned int depth)
{
	unsigned int n;

	put_frame(C_STACK, 0, 0, 0, OWNER_SHIM);
	for (n = 0; n < depth; n++)
		put_frame(frame_at(n), n ? frame_at(n - 1) : C_STACK, CODE(n), 2 * n, 0);
	put_thread(frame_at(depth - 1));
	put_chunks(depth);
}

static void take(void)
{
	struct walk_context c = {&walk, &layout, frames};
	struct py_thread thread = {0};

	nr_reads = nr_faults = 0;
	memset(&walk, 0xa5, sizeof(walk)); /* nothing may depend on what is left in the scratch */
	assert_int_equal(thread_find(&slot, &layout, TP, &thread), 0);
	walk_thread(&c, &thread);
}

static int setup(void **state)
{
	struct python_runtime runtime;
	const char *reason;

	mem_reader = read_memory;
	memory = calloc(1, MEMORY);
	assert_non_null(memory);
	/* 3.12's offsets are 3.13's but for the cframe, and need no debug offsets. */
	assert_int_equal(
		version_offsets(version_find(0x030c0000), NULL, &layout, &runtime, &reason), 0);
	layout.tstate_frame = 72;
	layout.cframe_current_frame = PY_ABSENT;
	return 0;
}

static int teardown(void **state)
{
	free(memory);
	return 0;
}

static void check_leaf(unsigned int depth, unsigned int nr)
{
	unsigned int i;

	assert_int_equal(walk.nr_leaf, nr);
	for (i = 0; i < nr; i++) {
		assert_int_equal(frames[i].code, CODE(depth - 1 - i));
		assert_int_equal(frames[i].position, 2 * (depth - 1 - i));
	}
}

static void test_whole(void **state)
{
	static const unsigned int depths[] = {1, 2, 9, 30, 146, 147, 500, 1023, 1024};
	size_t i;

	for (i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		put_stack(depths[i]);
		take();
		check_leaf(depths[i], depths[i]);
		assert_int_equal(walk.end, WALK_WHOLE);
		assert_int_equal(walk.nr_root, 0);
		assert_int_equal(walk.gap, 0);
		assert_int_equal(nr_faults, 0);
	}
}

/* Windows are the point: many frames a read. */
static void test_reads(void **state)
{
	put_stack(100);
	take();
	assert_in_range(nr_reads, 1, 25);
}

/* Root frame i of nr, oldest first as the ring has it. */
static const struct py_frame *root_frame(unsigned int i)
{
	unsigned int from = walk.nr_root > PY_ROOT_MAX ? walk.nr_root + i : i;

	return &walk.root[from % PY_ROOT_MAX];
}

static void check_root(unsigned int last)
{
	unsigned int nr = walk.nr_root < PY_ROOT_MAX ? walk.nr_root : PY_ROOT_MAX, i;

	assert_int_equal(nr, last);
	for (i = 0; i < nr; i++)
		assert_int_equal(root_frame(i)->code, CODE(nr - 1 - i));
}

static void test_deep(void **state)
{
	/* Just beyond: the root end begins where the leaf end stops, and nothing is missing. */
	put_stack(1030);
	take();
	check_leaf(1030, 1024);
	assert_int_equal(walk.end, WALK_DEEP);
	assert_int_equal(walk.gap, 0);
	check_root(6);

	put_stack(1024 + PY_ROOT_MAX + 40);
	take();
	assert_int_equal(walk.gap, 1);
	check_root(PY_ROOT_MAX);

	put_stack(20000);
	take();
	check_leaf(20000, 1024);
	assert_int_equal(walk.gap, 1);
	check_root(PY_ROOT_MAX);
	assert_int_equal(nr_faults, 0);
}

/* More chunks than are hopped over: no root end, and it is said. */
static void test_too_deep(void **state)
{
	put_stack(2000);
	put64(BASE + 0x100000, BASE + 0x100000); /* a chunk that follows itself */
	take();
	assert_int_equal(walk.end, WALK_DEEP);
	assert_int_equal(walk.gap, 1);
	assert_int_equal(walk.nr_root, 0);
}

static void test_generators_and_shims(void **state)
{
	unsigned int i;

	/* function -> generator on the heap -> function -> shim -> function ... */
	put_stack(40);
	for (i = 4; i < 40; i += 4) {
		put_frame(HEAP + i * 1024, frame_at(i - 1), CODE(1000 + i), 4, OWNER_GENERATOR);
		put64(frame_at(i) + layout.frame_previous, HEAP + i * 1024);
		put_frame(C_STACK + i * 512, frame_at(i - 3), 0, 0, OWNER_SHIM);
		put64(frame_at(i - 2) + layout.frame_previous, C_STACK + i * 512);
	}
	take();
	assert_int_equal(walk.end, WALK_WHOLE);
	assert_int_equal(walk.nr_leaf, 40 + 9);
	assert_int_equal(frames[0].code, CODE(39));
	assert_int_equal(frames[4].code, CODE(1036));
	assert_int_equal(walk.owners[4], OWNER_GENERATOR);
	assert_int_equal(frames[48].code, CODE(0));
}

/* 3.12 takes the link to the caller out of a generator's frame before it leaves it. */
static void test_yielding(void **state)
{
	put_stack(6);
	put_frame(HEAP, 0, CODE(1000), 4, OWNER_GENERATOR);
	put64(frame_at(5) + layout.frame_previous, HEAP);
	take();
	assert_int_equal(walk.end, WALK_FAULT);
	assert_int_equal(walk.nr_leaf, 2);
	put_frame(C_STACK, 0, 0, 0, OWNER_SHIM);
	put64(HEAP + layout.frame_previous, C_STACK);
	take();
	assert_int_equal(walk.end, WALK_WHOLE);
	assert_int_equal(walk.nr_leaf, 2);
}

static void test_no_python(void **state)
{
	struct py_thread thread;

	put_stack(3);
	put64(TP + slot.offset, 0);
	assert_int_equal(thread_find(&slot, &layout, TP, &thread), 1);
	put_thread(frame_at(2));
	put64(TSTATE + layout.tstate_thread_id, TP + 8); /* another thread's */
	assert_int_equal(thread_find(&slot, &layout, TP, &thread), 1);
	put64(TP + slot.offset, ABSENT_AT);
	assert_true(thread_find(&slot, &layout, TP, &thread) < 0);
	assert_true(thread_find(&slot, &layout, 0, &thread) < 0);
}

static void test_not_resident(void **state)
{
	put_stack(20);
	put64(frame_at(10) + layout.frame_previous, ABSENT_AT + 64);
	take();
	assert_int_equal(walk.end, WALK_FAULT);
	check_leaf(20, 10);
	assert_in_range(nr_faults, 1, 2);
}

static void check_bounded(void)
{
	assert_in_range(walk.nr_leaf, 0, PY_STACK_MAX);
	assert_in_range(nr_reads, 0, 2 * STEPS_MAX + CHUNKS_MAX + 8);
	assert_in_range(nr_faults, 0, 2);
}

static void test_cycles(void **state)
{
	static const unsigned int lengths[] = {1, 2, 3, 1000};
	size_t i;

	for (i = 0; i < 4; i++) {
		put_stack(1200);
		put64(frame_at(1199 - lengths[i] + 1) + layout.frame_previous, frame_at(1199));
		take();
		check_bounded();
		assert_int_not_equal(walk.end, WALK_WHOLE);
	}
	/* shims without an end */
	put_stack(2);
	put_frame(C_STACK, C_STACK + 4096, 0, 0, OWNER_SHIM);
	put_frame(C_STACK + 4096, C_STACK, 0, 0, OWNER_SHIM);
	take();
	check_bounded();
	assert_int_equal(walk.end, WALK_FAULT);
}

static void test_hostile_pointers(void **state)
{
	static const __u64 bad[] = {
		1,
		7,
		8,
		0xfff,
		~0ULL,
		~7ULL,
		1ULL << 63,
		0xffff888000000000ULL,
		0xffffffffff600000ULL,
		BASE + 4,
		BASE - 8,
		ABSENT_AT - 8,
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_stack(12);
		put64(frame_at(6) + layout.frame_previous, bad[i]);
		take();
		check_bounded();
		assert_int_equal(walk.end, WALK_FAULT);
		check_leaf(12, 6);
	}
	put_stack(12); /* a frame that has ended is on no live chain */
	memory[frame_at(6) + layout.frame_owner - BASE] = OWNER_FRAME_OBJECT;
	take();
	assert_int_equal(walk.end, WALK_FAULT);
	check_leaf(12, 5);
}

/* Offsets that no validation has seen must still not read outside the scratch (run with SAN=1). */
static void test_random(void **state)
{
	struct py_layout good = layout;
	unsigned int round, i;

	srandom(1);
	for (round = 0; round < 3000; round++) {
		put_stack(50);
		for (i = 0; i < 64; i++)
			put64(frame_at(random() % 50) + (random() % 12) * 8,
			      random() % 3 ? frame_at(random() % 50) : (__u64)random() << 20);
		if (round % 3 == 0)
			((__u16 *)&layout)[random() % (sizeof(layout) / 2)] = random();
		layout.tstate_frame = good.tstate_frame;
		layout.tstate_thread_id = good.tstate_thread_id;
		layout.cframe_current_frame = good.cframe_current_frame;
		take();
		assert_in_range(walk.nr_leaf, 0, PY_STACK_MAX);
		layout = good;
	}
}

/* A code object at a place, with two strings and a line table. */
static void put_code(__u64 at, __u64 type, __u64 name, __u64 file, __u64 lines, int first_line)
{
	put64(at + layout.ob_type, type);
	put64(at + layout.code_name, name);
	put64(at + layout.code_file_name, file);
	put64(at + layout.code_line_table, lines);
	memcpy(memory + (at + layout.code_first_line - BASE), &first_line, 4);
	put64(at + layout.code_first_traceable, 2);
}

static void put_str(__u64 at, const char *text, __u64 length, __u32 state)
{
	put64(at + layout.str_length, length);
	memcpy(memory + (at + layout.str_state - BASE), &state, 4);
	memcpy(memory + (at + layout.str_ascii_data - BASE), text, strlen(text));
}

#define TYPE	 (BASE + 0x2000)
#define ASCII	 (STR_COMPACT | STR_ASCII | 1 << STR_KIND_SHIFT)
#define NAME_AT	 (BASE + 0x4000)
#define FILE_AT	 (BASE + 0x6000)
#define LINES_AT (BASE + 0x8000)

static struct {
	struct code_record record;
	__u8 data[CODE_DATA_SIZE];
} captured;

static void test_code(void **state)
{
	static __u8 scratch[CODE_SCRATCH];
	struct py_code a = {0}, b = {0};
	__u32 size;

	put_code(CODE(1), TYPE, NAME_AT, FILE_AT, LINES_AT, 7);
	put_str(NAME_AT, "Class.method", 12, ASCII);
	put_str(FILE_AT, "/srv/app.py", 11, ASCII);
	put64(LINES_AT + layout.bytes_length, 5);
	memcpy(memory + (LINES_AT + layout.bytes_data - BASE), "\x80\1\2\3\4", 5);
	assert_int_equal(code_read(&layout, TYPE, CODE(1), scratch, &a), 0);
	assert_int_equal(a.first_line, 7);
	assert_int_equal(a.first_traceable, 4);
	assert_int_not_equal(a.identity, 0);
	size = code_capture(&layout, CODE(1), &a, &captured.record, captured.data);
	assert_int_equal(size, sizeof(struct code_record) + 12 + 11 + 5);
	assert_int_equal(captured.record.missing, 0);
	assert_memory_equal(captured.data, "Class.method/srv/app.py\x80\1\2\3\4", 28);

	/* Any one of the four makes it another code object. */
	put_code(CODE(1), TYPE, NAME_AT, FILE_AT, LINES_AT, 8);
	assert_int_equal(code_read(&layout, TYPE, CODE(1), scratch, &b), 0);
	assert_int_not_equal(a.identity, b.identity);
	put_code(CODE(1), TYPE, NAME_AT + 64, FILE_AT, LINES_AT, 7);
	assert_int_equal(code_read(&layout, TYPE, CODE(1), scratch, &b), 0);
	assert_int_not_equal(a.identity, b.identity);

	/* Another name at the old one's place, another line table at the old one's. */
	put_code(CODE(1), TYPE, NAME_AT, FILE_AT, LINES_AT, 7);
	put64(NAME_AT + layout.str_length + 8, 0x1234);
	assert_int_equal(code_read(&layout, TYPE, CODE(1), scratch, &b), 0);
	assert_int_not_equal(a.identity, b.identity);
	put64(NAME_AT + layout.str_length + 8, 0);
	assert_int_equal(code_read(&layout, TYPE, CODE(1), scratch, &b), 0);
	assert_int_equal(a.identity, b.identity);
	put64(LINES_AT + layout.bytes_length, 6);
	assert_int_equal(code_read(&layout, TYPE, CODE(1), scratch, &b), 0);
	assert_int_not_equal(a.identity, b.identity);

	/* no code object */
	assert_int_equal(code_read(&layout, TYPE + 8, CODE(1), scratch, &b), 1);
	assert_int_equal(code_read(&layout, TYPE, 0, scratch, &b), 1);
	assert_true(code_read(&layout, TYPE, ABSENT_AT, scratch, &b) < 0);
}

static void test_code_hostile(void **state)
{
	static __u8 scratch[CODE_SCRATCH];
	struct py_code code = {0};
	__u32 size;

	put_code(CODE(2), TYPE, NAME_AT, FILE_AT, LINES_AT, 7);
	assert_int_equal(code_read(&layout, TYPE, CODE(2), scratch, &code), 0);
	put_str(NAME_AT, "x", 1ULL << 40, ASCII);		       /* longer than memory */
	put_str(FILE_AT, "x", 300, STR_COMPACT | 4 << STR_KIND_SHIFT); /* 1200 bytes */
	put64(LINES_AT + layout.bytes_length, 1ULL << 62);
	size = code_capture(&layout, CODE(2), &code, &captured.record, captured.data);
	assert_int_equal(captured.record.name_size, PY_NAME_MAX);
	assert_int_equal(captured.record.file_name_size, PY_NAME_MAX);
	assert_int_equal(captured.record.line_table_size, 0);
	assert_int_equal(captured.record.missing,
			 CODE_MISSING_NAME | CODE_MISSING_FILE_NAME | CODE_MISSING_LINE_TABLE);
	assert_int_equal(size, sizeof(struct code_record) + 2 * PY_NAME_MAX);

	put_str(NAME_AT, "x", 5, STR_COMPACT | 3 << STR_KIND_SHIFT); /* no such kind */
	code_capture(&layout, CODE(2), &code, &captured.record, captured.data);
	assert_int_equal(captured.record.name_size, 0);
	assert_true(captured.record.missing & CODE_MISSING_NAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_whole),
		TEST(test_reads),
		TEST(test_deep),
		TEST(test_too_deep),
		TEST(test_no_python),
		TEST(test_generators_and_shims),
		TEST(test_yielding),
		TEST(test_cycles),
		TEST(test_not_resident),
		TEST(test_random),
		TEST(test_hostile_pointers),
		TEST(test_code),
		TEST(test_code_hostile),
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
