/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One process's frames -> the profile's locations: its code objects by address and identity, and
 * the places in them that samples have shown. Inner header of the fold.
 */
#ifndef PROFILE_NAMES_H
#define PROFILE_NAMES_H

#include <linux/types.h>
#include <uthash.h>
#include "profile/fold.h"
#include "python/symbol.h"

struct code_key {
	__u64 code;
	__u64 identity;
};

struct code {
	struct code_key key;
	struct symbol symbol;
	bool from_memory, counted;
	int function; /* number in the profile; -1: not asked for yet */
	UT_hash_handle hh;
};

struct place {
	__u64 code;
	__u32 identity;
	__s32 position;
	__u32 location;
	__u32 used;
};

struct names {
	struct code *codes;
	struct place *places; /* open addressing; size is a power of two, or 0 */
	size_t nr_places, size;
	size_t codes_size; /* bytes of the code objects */
};

void names_done(struct names *names);

struct code *names_find(const struct names *names, __u64 code, __u32 identity); /* NULL: none */

/* The symbol is handed over. -EEXIST: there is one already (the symbol stays the caller's). */
int names_add(struct names *names, __u64 code, __u32 identity, struct symbol *symbol,
	      struct code **ret);

/* The location of a place, or NULL. Valid until the next is added. */
const __u32 *names_find_place(const struct names *names, const struct py_frame *frame);
int names_add_place(struct names *names, const struct py_frame *frame, __u32 location);

#endif
