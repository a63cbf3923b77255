// SPDX-License-Identifier: BSD-2-Clause
/*
 * Code objects are kept with their line tables; places are but a cache in front of them, so that
 * a line is looked up once and not with every sample.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "base/cleanup.h"
#include "profile/names.h"

#define PLACES_MAX (256u << 10) /* of one process; a hostile one invents new ones without end */

void names_done(struct names *names)
{
	struct code *code, *next;

	HASH_ITER(hh, names->codes, code, next) {
		HASH_DEL(names->codes, code);
		symbol_done(&code->symbol);
		free(code);
	}
	free(take(names->places));
	names->nr_places = names->size = names->codes_size = 0;
}

struct code *names_find(const struct names *names, __u64 address, __u32 identity)
{
	struct code_key key = {address, identity};
	struct code *code;

	HASH_FIND(hh, names->codes, &key, sizeof(key), code);
	return code;
}

int names_add(struct names *names, __u64 address, __u32 identity, struct symbol *symbol,
	      struct code **ret)
{
	struct code *code;

	if (names_find(names, address, identity))
		return -EEXIST;
	code = calloc(1, sizeof(*code));
	if (!code)
		return -ENOMEM;
	code->key.code = address;
	code->key.identity = identity;
	code->symbol = *symbol;
	code->function = -1;
	memset(symbol, 0, sizeof(*symbol));
	HASH_ADD(hh, names->codes, key, sizeof(code->key), code);
	*ret = code;
	return 0;
}

static struct place *place_slot(const struct names *names, const struct py_frame *frame)
{
	size_t i = XXH3_64bits(frame, sizeof(*frame)) & (names->size - 1);

	for (;; i = (i + 1) & (names->size - 1)) {
		struct place *place = &names->places[i];

		if (!place->used ||
		    (place->code == frame->code && place->identity == frame->identity &&
		     place->position == frame->position))
			return place;
	}
}

const __u32 *names_find_place(const struct names *names, const struct py_frame *frame)
{
	struct place *place = names->size ? place_slot(names, frame) : NULL;

	return place && place->used ? &place->location : NULL;
}

static int places_grow(struct names *names)
{
	struct names grown = {.size = names->size ? 2 * names->size : 64};
	size_t i;

	grown.places = calloc(grown.size, sizeof(*grown.places));
	if (!grown.places)
		return -ENOMEM;
	for (i = 0; i < names->size; i++) {
		const struct place *place = &names->places[i];
		struct py_frame frame = {place->code, place->position, place->identity};

		if (place->used)
			*place_slot(&grown, &frame) = *place;
	}
	free(names->places);
	names->places = grown.places;
	names->size = grown.size;
	return 0;
}

int names_add_place(struct names *names, const struct py_frame *frame, __u32 location)
{
	struct place *place;
	int err;

	if (names->nr_places >= PLACES_MAX) { /* it is but a cache: begin anew */
		free(take(names->places));
		names->nr_places = names->size = 0;
	}
	if (2 * (names->nr_places + 1) > names->size) {
		err = places_grow(names);
		if (err)
			return err;
	}
	place = place_slot(names, frame);
	names->nr_places += !place->used;
	*place = (struct place){frame->code, frame->identity, frame->position, location, 1};
	return 0;
}
