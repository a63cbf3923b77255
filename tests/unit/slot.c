// SPDX-License-Identifier: BSD-2-Clause
/* Slots of pthread keys, with this program's own threads and with the C library that it has. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "python/slot.h"

#define NR_THREADS 5
#define NR_KEYS	   70

static pthread_key_t keys[NR_KEYS];
static pthread_barrier_t ready, end;

/* What a thread has under a key: unlike every other thread's, and every other key's. */
static uintptr_t value_of(size_t thread, size_t key)
{
	return 0x7000000000 + thread * 65536 + key * 8;
}

static void *hold_values(void *arg)
{
	size_t i;

	for (i = 0; i < NR_KEYS; i++)
		pthread_setspecific(keys[i], (void *)value_of((uintptr_t)arg, i));
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&end);
	return NULL;
}

static pthread_t threads[NR_THREADS];

static int setup(void **state)
{
	size_t i;

	for (i = 0; i < NR_KEYS; i++)
		if (pthread_key_create(&keys[i], NULL))
			return -1;
	pthread_barrier_init(&ready, NULL, NR_THREADS + 1);
	pthread_barrier_init(&end, NULL, NR_THREADS + 1);
	for (i = 0; i < NR_THREADS; i++)
		if (pthread_create(&threads[i], NULL, hold_values, (void *)i))
			return -1;
	pthread_barrier_wait(&ready);
	return 0;
}

static int teardown(void **state)
{
	size_t i;

	pthread_barrier_wait(&end);
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static void list(size_t key, struct slot_thread ret[NR_THREADS])
{
	size_t i;

	for (i = 0; i < NR_THREADS; i++)
		ret[i] = (struct slot_thread){threads[i], value_of(i, key)};
}

static __u32 pthread_size(void)
{
#ifdef __aarch64__
	/* The end of struct pthread is the thread pointer. */
	return (uintptr_t)__builtin_thread_pointer() - (uintptr_t)pthread_self();
#else
	return 0;
#endif
}

static void own_keys(void **state)
{
	struct slot_thread found[NR_THREADS];
	struct py_slot slot;
	size_t i, k;

	for (k = 0; k < NR_KEYS; k++) {
		list(k, found);
		assert_int_equal(
			slot_find(getpid(), keys[k], pthread_size(), found, NR_THREADS, &slot), 0);
		assert_int_equal(slot.kind, keys[k] < 32 ? PY_SLOT_CONST : PY_SLOT_POINTER);
		for (i = 0; i < NR_THREADS; i++) {
			__u64 word;

			assert_int_equal(slot_read(getpid(), &slot, threads[i], &word), 0);
			assert_int_equal(word, value_of(i, k));
		}
	}
}

/* Threads that start, end, or share their thread with another state. */
static void some_differ(void **state)
{
	struct slot_thread found[NR_THREADS + 3];
	struct py_slot slot;

	list(3, found);
	found[0].self = 4096;				/* gone */
	found[1].tstate = 1;				/* not its own */
	found[2].self = (uintptr_t) & (char[8192]){0};	/* no value there yet */
	found[5] = (struct slot_thread){threads[3], 2}; /* an outer state of the same thread */
	found[6] = (struct slot_thread){threads[3], 3};
	assert_int_equal(slot_find(getpid(), keys[3], pthread_size(), found, 7, &slot), 0);
	assert_int_equal(slot.kind, PY_SLOT_CONST);
	/* More that have something else than that have it. */
	list(3, found);
	found[0].tstate = found[1].tstate = found[2].tstate = 1;
	assert_int_equal(slot_find(getpid(), keys[3], pthread_size(), found, 5, &slot), -ENOTSUP);
}

static void none_fits(void **state)
{
	struct slot_thread found[NR_THREADS];
	struct py_slot slot;

	list(100, found); /* values that no key has */
	assert_int_equal(slot_find(getpid(), keys[0], pthread_size(), found, NR_THREADS, &slot),
			 -ENOTSUP);
	list(0, found);
	assert_int_equal(slot_find(getpid(), SLOT_KEYS_MAX, 0, found, NR_THREADS, &slot), -ENOTSUP);
	assert_int_equal(slot_find(getpid(), ~0U, 0, found, NR_THREADS, &slot), -ENOTSUP);
	assert_int_equal(slot_find(getpid(), keys[0], 0, found, 0, &slot), -EAGAIN);
}

#ifdef __x86_64__
/* A C library that keeps values elsewhere: the word that all have in common is found. */
static void scanned(void **state)
{
	struct slot_thread found[3];
	__u64 fake[3][600] = {};
	struct py_slot slot;
	size_t i;

	for (i = 0; i < 3; i++) {
		found[i] = (struct slot_thread){(uintptr_t)fake[i], 0x5000 + i};
		fake[i][77] = 0x5000 + i;
		fake[i][78] = 0x5000; /* right in one thread only */
	}
	assert_int_equal(slot_find(getpid(), 2, 0, found, 3, &slot), 0);
	assert_int_equal(slot.kind, PY_SLOT_CONST);
	assert_int_equal(slot.offset, 77 * 8);
	/* Two words would do: which one it is, nobody knows. */
	for (i = 0; i < 3; i++)
		fake[i][200] = 0x5000 + i;
	assert_int_equal(slot_find(getpid(), 2, 0, found, 3, &slot), -ENOTSUP);
}

/* musl's layout, made up. */
static void musl(void **state)
{
	struct slot_thread found[2];
	__u64 fake[2][600] = {}, values[2][128] = {};
	struct py_slot slot;
	size_t i;

	for (i = 0; i < 2; i++) {
		found[i] = (struct slot_thread){(uintptr_t)fake[i], 0x6000 + i};
		fake[i][136 / 8] = (uintptr_t)values[i];
		values[i][9] = 0x6000 + i;
	}
	assert_int_equal(slot_find(getpid(), 9, 0, found, 2, &slot), 0);
	assert_int_equal(slot.kind, PY_SLOT_POINTER);
	assert_int_equal(slot.offset, 136);
	assert_int_equal(slot.second, 72);
	assert_int_equal(slot.self_delta, 0);
}
#endif

static void layouts(void **state)
{
	struct py_slot slots[SLOT_CANDIDATES_MAX];
	size_t nr, i;

	assert_int_equal(slot_candidates(SLOT_X86_64, 0, 0, slots), 4);
	assert_int_equal(slots[0].offset, 792);
	slot_candidates(SLOT_X86_64, 33, 0, slots);
	assert_int_equal(slots[0].kind, PY_SLOT_POINTER);
	assert_int_equal(slots[0].offset, 0x510 + 8);
	assert_int_equal(slots[0].second, 16 + 8);
	/* glibc on arm64 only where it told its size */
	assert_int_equal(slot_candidates(SLOT_AARCH64, 1, 0, slots), 3);
	nr = slot_candidates(SLOT_AARCH64, 1, 1856, slots);
	assert_int_equal(nr, 4);
	assert_int_equal(slots[0].offset, -1856 + 0x110 + 16 + 8);
	assert_int_equal(slots[0].self_delta, 1856);
	slot_candidates(SLOT_AARCH64, 40, 1824, slots);
	assert_int_equal(slots[0].offset, -1824 + 784 + 8);
	assert_int_equal(slots[0].second, 16 * 8 + 8);
	for (i = 1; i < nr; i++)
		assert_int_equal(slots[i].offset, -88);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_keys),  cmocka_unit_test(some_differ),
		cmocka_unit_test(none_fits),
#ifdef __x86_64__
		cmocka_unit_test(scanned),   cmocka_unit_test(musl),
#endif
		cmocka_unit_test(layouts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
