// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "python/slot.h"
#include "target/memory.h"

#if defined(__aarch64__)
#define MACHINE SLOT_AARCH64
#else
#define MACHINE SLOT_X86_64
#endif

#define SCAN_SIZE    0x910 /* bytes of struct pthread that are searched */
#define SCAN_THREADS 64	   /* threads that are searched */

/*
 * glibc (nptl/descr.h) keeps 32 values of 16 bytes inside struct pthread, each a sequence number
 * and the value, and after them pointers to further blocks of 32. Where they begin, measured with
 * 2.36, 2.41 and 2.43; libc itself tells it to debuggers as _thread_db_pthread_specific.
 */
static void glibc_slot(__u32 key, __s32 values, __u32 self_delta, struct py_slot *ret)
{
	ret->self_delta = self_delta;
	if (key < 32) {
		ret->kind = PY_SLOT_CONST;
		ret->offset = values + 16 * key + 8;
	} else {
		ret->kind = PY_SLOT_POINTER;
		ret->offset = values + 32 * 16 + 8 * (key / 32);
		ret->second = 16 * (key % 32) + 8;
	}
}

/* musl keeps a pointer to an array in struct pthread (src/internal/pthread_impl.h). */
static void musl_slot(__u32 key, __s32 pointer, __u32 self_delta, struct py_slot *ret)
{
	*ret = (struct py_slot){PY_SLOT_POINTER, pointer, 8 * key, self_delta};
}

size_t slot_candidates(enum slot_machine machine, __u32 key, __u32 pthread_size,
		       struct py_slot ret[SLOT_CANDIDATES_MAX])
{
	static const __s32 musl_x86_64[] = {128, 136, 152};  /* 1.2.2-, 1.1.24-, 1.1.20 */
	static const __u32 musl_aarch64[] = {200, 224, 240}; /* sizes; the pointer is at -88 */
	size_t nr = 0, i;

	memset(ret, 0, SLOT_CANDIDATES_MAX * sizeof(*ret));
	if (machine == SLOT_X86_64) {
		glibc_slot(key, 0x310, 0, &ret[nr++]);
		for (i = 0; i < ARRAY_SIZE(musl_x86_64); i++)
			musl_slot(key, musl_x86_64[i], 0, &ret[nr++]);
		return nr;
	}
	/*
	 * Here struct pthread ends at the thread pointer. Its size moves with glibc's version, and
	 * memory cannot tell a wrong one: libc has to say it.
	 */
	if (pthread_size && pthread_size < 65536)
		glibc_slot(key, 0x110 - (__s32)pthread_size, pthread_size, &ret[nr++]);
	for (i = 0; i < ARRAY_SIZE(musl_aarch64); i++)
		musl_slot(key, -88, musl_aarch64[i], &ret[nr++]);
	return nr;
}

int slot_read(pid_t pid, const struct py_slot *slot, __u64 self, __u64 *ret)
{
	__u64 word;
	int err;

	err = memory_read_u64(pid, self + slot->self_delta + (__s64)slot->offset, &word);
	if (!err && slot->kind == PY_SLOT_POINTER)
		err = memory_read_u64(pid, word + slot->second, &word);
	if (!err)
		*ret = word;
	return err;
}

static int compare_threads(const void *a, const void *b)
{
	const struct slot_thread *x = a, *y = b;

	return (x->self > y->self) - (x->self < y->self);
}

/* How many of the threads from here on are the same one. */
static size_t same_thread(const struct slot_thread *threads, size_t nr)
{
	size_t same = 1;

	while (same < nr && threads[same].self == threads[0].self)
		same++;
	return same;
}

static bool is_theirs(const struct slot_thread *threads, size_t nr, __u64 word)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (threads[i].tstate == word)
			return true;
	return false;
}

static bool slot_fits(pid_t pid, const struct py_slot *slot, const struct slot_thread *threads,
		      size_t nr)
{
	size_t agree = 0, differ = 0, same, i;

	for (i = 0; i < nr; i += same) {
		__u64 word;

		same = same_thread(threads + i, nr - i);
		if (slot_read(pid, slot, threads[i].self, &word) || !word)
			continue;
		if (is_theirs(threads + i, same, word))
			agree++;
		else
			differ++;
	}
	return agree && agree >= differ;
}

/*
 * For a C library that is not known: the one word of struct pthread that is the value in every
 * thread that has it there at all. Only where pthread_self() is the thread pointer, and only
 * upwards from it: below are thread-local variables, and some of CPython's hold the same value
 * while a thread has the GIL.
 */
static int slot_scan(pid_t pid, const struct slot_thread *threads, size_t nr, struct py_slot *ret)
{
	bool fits[SCAN_SIZE / 8];
	size_t i, same, o, found = 0, looked = 0;

	memset(fits, 1, sizeof(fits));
	for (i = 0; i < nr && looked < SCAN_THREADS; i += same) {
		__u64 words[SCAN_SIZE / 8];
		bool here[SCAN_SIZE / 8], any = false;

		same = same_thread(threads + i, nr - i);
		if (memory_read(pid, threads[i].self, words, sizeof(words)))
			continue;
		for (o = 0; o < SCAN_SIZE / 8; o++)
			any |= here[o] = is_theirs(threads + i, same, words[o]);
		for (o = 0; any && o < SCAN_SIZE / 8; o++)
			fits[o] &= here[o];
		looked += any;
	}
	for (o = 0; looked && o < SCAN_SIZE / 8; o++)
		if (fits[o]) {
			*ret = (struct py_slot){.kind = PY_SLOT_CONST, .offset = 8 * o};
			found++;
		}
	return found == 1 ? 0 : -ENOTSUP;
}

int slot_find(pid_t pid, __u32 key, __u32 pthread_size, struct slot_thread *threads,
	      size_t nr_threads, struct py_slot *ret)
{
	struct py_slot slots[SLOT_CANDIDATES_MAX], scanned;
	size_t nr, i;

	if (!nr_threads)
		return -EAGAIN;
	if (key >= SLOT_KEYS_MAX)
		return -ENOTSUP;
	qsort(threads, nr_threads, sizeof(*threads), compare_threads);
	nr = slot_candidates(MACHINE, key, pthread_size, slots);
	for (i = 0; i < nr; i++)
		if (slot_fits(pid, &slots[i], threads, nr_threads)) {
			*ret = slots[i];
			return 0;
		}
	if (MACHINE != SLOT_X86_64 || slot_scan(pid, threads, nr_threads, &scanned) ||
	    !slot_fits(pid, &scanned, threads, nr_threads))
		return -ENOTSUP;
	*ret = scanned;
	return 0;
}
