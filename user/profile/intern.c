// SPDX-License-Identifier: BSD-2-Clause
/*
 * Open addressing with linear probing over eight-byte slots: a lookup is one cache line as a rule.
 * A slot holds 32 bits of the hash, which is enough to place it anew in a bigger table.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>
#include "profile/intern.h"

#define FIRST_CAPACITY 256
#define CHUNK_SIZE     (64 * 1024)

__u64 intern_seed(void)
{
	__u64 seed = 0;

	/* Without randomness (early boot) everything works but for the guard against collisions. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uintptr_t)&seed;
	return seed;
}

__u64 intern_hash(__u64 seed, const void *data, size_t size)
{
	return XXH3_64bits_withSeed(data, size, seed);
}

int intern_find(const struct intern_table *table, __u64 hash, intern_equal *is_equal,
		const void *owner, const void *key)
{
	size_t mask = table->capacity - 1;

	if (!table->capacity)
		return -ENOENT;
	for (size_t i = (__u32)hash & mask; table->slots[i].number; i = (i + 1) & mask) {
		const struct intern_slot *slot = &table->slots[i];

		if (slot->hash == (__u32)hash && is_equal(owner, slot->number - 1, key))
			return (int)(slot->number - 1);
	}
	return -ENOENT;
}

static void place(struct intern_table *table, struct intern_slot slot)
{
	size_t mask = table->capacity - 1;
	size_t i = slot.hash & mask;

	while (table->slots[i].number)
		i = (i + 1) & mask;
	table->slots[i] = slot;
}

static int resize(struct intern_table *table)
{
	struct intern_table bigger = {
		.capacity = table->capacity ? table->capacity * 2 : FIRST_CAPACITY,
		.used = table->used,
	};

	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->slots[i].number)
			place(&bigger, table->slots[i]);
	free(table->slots);
	*table = bigger;
	return 0;
}

int intern_add(struct intern_table *table, __u64 hash, __u32 number)
{
	if (table->used + 1 > table->capacity / 4 * 3 && resize(table))
		return -ENOMEM;
	place(table, (struct intern_slot){(__u32)hash, number + 1});
	table->used++;
	return 0;
}

void intern_done(struct intern_table *table)
{
	free(table->slots);
	*table = (struct intern_table){};
}

int intern_grow(void *array_pointer, size_t *max, size_t used, size_t more, size_t element_size)
{
	size_t want = *max ? *max : 64;
	void *array;

	if (used + more <= *max)
		return 0;
	while (want < used + more)
		want *= 2;
	memcpy(&array, array_pointer, sizeof(array));
	array = reallocarray(array, want, element_size);
	if (!array)
		return -ENOMEM;
	memcpy(array_pointer, &array, sizeof(array));
	*max = want;
	return 0;
}

struct intern_chunk {
	struct intern_chunk *next;
	size_t used, size;
	char data[];
};

static char *chunk_take(struct intern_strings *strings, size_t size)
{
	struct intern_chunk *chunk = strings->chunks;
	char *data;

	if (!chunk || chunk->size - chunk->used < size) {
		size_t chunk_size = size > CHUNK_SIZE ? size : CHUNK_SIZE;

		chunk = malloc(sizeof(*chunk) + chunk_size);
		if (!chunk)
			return NULL;
		chunk->next = strings->chunks;
		chunk->used = 0;
		chunk->size = chunk_size;
		strings->chunks = chunk;
	}
	data = chunk->data + chunk->used;
	chunk->used += size;
	return data;
}

static bool is_equal_string(const void *owner, __u32 number, const void *key)
{
	const struct intern_strings *strings = owner;

	return strcmp(strings->strings[number], key) == 0;
}

const char *intern_string(struct intern_strings *strings, const char *s)
{
	size_t size = strlen(s) + 1;
	__u64 hash = intern_hash(strings->seed, s, size - 1);
	int number = intern_find(&strings->table, hash, is_equal_string, strings, s);
	char *copy;

	if (number >= 0)
		return strings->strings[number];
	if (intern_grow(&strings->strings, &strings->max_strings, strings->nr_strings, 1,
			sizeof(*strings->strings)))
		return NULL;
	copy = chunk_take(strings, size);
	if (!copy || intern_add(&strings->table, hash, strings->nr_strings))
		return NULL;
	memcpy(copy, s, size);
	strings->strings[strings->nr_strings++] = copy;
	strings->size += size;
	return copy;
}

void intern_strings_done(struct intern_strings *strings)
{
	while (strings->chunks) {
		struct intern_chunk *next = strings->chunks->next;

		free(strings->chunks);
		strings->chunks = next;
	}
	free(strings->strings);
	intern_done(&strings->table);
	*strings = (struct intern_strings){};
}
