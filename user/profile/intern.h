/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Equal things get the same number: a hash table from content to number, and strings kept once.
 * The things themselves stay with the caller, who compares them; the table knows hashes only.
 * Hashes are seeded, so that a target cannot choose names that collide.
 */
#ifndef PROFILE_INTERN_H
#define PROFILE_INTERN_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct intern_slot {
	__u32 hash;
	__u32 number; /* plus one; 0: the slot is free */
};

/* All zeros is an empty table. */
struct intern_table {
	struct intern_slot *slots;
	size_t capacity; /* a power of two, or 0 */
	size_t used;
};

/* Is what `owner` keeps as `number` equal to key? */
typedef bool intern_equal(const void *owner, __u32 number, const void *key);

__u64 intern_seed(void);
__u64 intern_hash(__u64 seed, const void *data, size_t size);

/* The number that was added for what equals key, or -ENOENT. */
int intern_find(const struct intern_table *table, __u64 hash, intern_equal *is_equal,
		const void *owner, const void *key);
/* Add what was not found. -ENOMEM. Numbers are below 2^31. */
int intern_add(struct intern_table *table, __u64 hash, __u32 number);
void intern_done(struct intern_table *table);

/*
 * Strings, each kept once: equal strings have equal pointers, which stay valid until the end.
 * All zeros but for the seed is an empty set.
 */
struct intern_strings {
	__u64 seed;
	size_t size; /* bytes of all strings */
	struct intern_table table;
	const char **strings;
	size_t nr_strings, max_strings;
	struct intern_chunk *chunks;
};

/* NULL only where memory ran out. */
const char *intern_string(struct intern_strings *strings, const char *s);
void intern_strings_done(struct intern_strings *strings);

/* Make room for `more` elements behind the first `used` in an array that grows by doubling. */
int intern_grow(void *array_pointer, size_t *max, size_t used, size_t more, size_t element_size);

#endif
