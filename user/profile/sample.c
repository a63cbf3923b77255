// SPDX-License-Identifier: BSD-2-Clause
/*
 * How much: stacks and samples of a profile. A stack is a run of location numbers in one long
 * array; equal stacks are kept once, whoever ran them.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "profile/store.h"

#define MAX_SAMPLES (1u << 22)
#define MAX_FRAMES  (1u << 26) /* of all stacks: 256 MiB */

struct stack_key {
	const __u32 *locations;
	size_t nr_locations;
};

static bool is_equal_stack(const void *owner, __u32 number, const void *key)
{
	const struct profile *profile = owner;
	const struct stack *a = &profile->stacks[number];
	const struct stack_key *b = key;

	return a->nr_frames == b->nr_locations &&
	       memcmp(&profile->frames[a->first], b->locations,
		      b->nr_locations * sizeof(*b->locations)) == 0;
}

/* -ENOSPC: not kept. */
static int insert_stack(struct profile *profile, struct stack_key key, bool bounded)
{
	size_t size = key.nr_locations * sizeof(*key.locations);
	__u64 hash = intern_hash(profile->seed, key.locations, size);
	int number = intern_find(&profile->stack_table, hash, is_equal_stack, profile, &key);

	if (number >= 0)
		return number;
	if (bounded && (profile->nr_stacks >= PROFILE_MAX_STACKS ||
			profile->nr_frames + key.nr_locations > MAX_FRAMES))
		return -ENOSPC;
	if (intern_grow(&profile->stacks, &profile->max_stacks, profile->nr_stacks, 1,
			sizeof(*profile->stacks)) ||
	    intern_grow(&profile->frames, &profile->max_frames, profile->nr_frames,
			key.nr_locations, sizeof(*profile->frames)) ||
	    intern_add(&profile->stack_table, hash, profile->nr_stacks))
		return -ENOMEM;
	memcpy(&profile->frames[profile->nr_frames], key.locations, size);
	profile->stacks[profile->nr_stacks] = (struct stack){profile->nr_frames, key.nr_locations};
	profile->nr_frames += key.nr_locations;
	return (int)profile->nr_stacks++;
}

static int not_kept_stack(struct profile *profile)
{
	int location = store_not_kept(profile);
	__u32 only = location;

	return location < 0 ? location : insert_stack(profile, (struct stack_key){&only, 1}, false);
}

static bool is_equal_sample(const void *owner, __u32 number, const void *key)
{
	const struct sample *a = &((const struct profile *)owner)->samples[number];
	const struct sample *b = key;

	return a->process == b->process && a->tid == b->tid && a->stack == b->stack &&
	       a->thread_name == b->thread_name;
}

static __u64 sample_hash(const struct profile *profile, const struct sample *sample)
{
	const __u64 words[] = {(__u64)sample->process << 32 | sample->tid, sample->stack,
			       (__u64)sample->thread_name};

	return intern_hash(profile->seed, words, sizeof(words));
}

/* The number of the sample with this process, thread and stack. -ENOSPC: not kept. */
static int insert_sample(struct profile *profile, const struct sample *key, bool bounded)
{
	__u64 hash = sample_hash(profile, key);
	int number = intern_find(&profile->sample_table, hash, is_equal_sample, profile, key);

	if (number >= 0)
		return number;
	if (bounded && profile->nr_samples >= MAX_SAMPLES)
		return -ENOSPC;
	if (intern_grow(&profile->samples, &profile->max_samples, profile->nr_samples, 1,
			sizeof(*key)) ||
	    intern_add(&profile->sample_table, hash, profile->nr_samples))
		return -ENOMEM;
	profile->samples[profile->nr_samples] = *key;
	return (int)profile->nr_samples++;
}

static int check_locations(const struct profile *profile, const struct profile_sample *sample)
{
	if (sample->process >= profile->nr_processes || !sample->nr_locations)
		return -EINVAL;
	for (size_t i = 0; i < sample->nr_locations; i++) {
		if (sample->locations[i] >= profile->nr_locations)
			return -EINVAL;
		if ((int)sample->locations[i] == profile->not_kept_location)
			return -ENOSPC;
	}
	return 0;
}

static int find_sample(struct profile *profile, const struct profile_sample *sample)
{
	struct sample key = {.process = sample->process, .tid = sample->tid};
	int err = check_locations(profile, sample);
	int stack;

	if (err)
		return err;
	if (profile->strings.size >= STORE_STRING_SIZE)
		return -ENOSPC;
	if (store_string(profile, sample->thread_name ? sample->thread_name : "", &key.thread_name))
		return -ENOMEM;
	stack = insert_stack(profile, (struct stack_key){sample->locations, sample->nr_locations},
			     true);
	if (stack < 0)
		return stack;
	key.stack = stack;
	return insert_sample(profile, &key, true);
}

/* One sample a process for all that is not kept, so that these are bounded too. */
static int find_not_kept(struct profile *profile, __u32 process)
{
	struct sample key = {.process = process};
	int stack = not_kept_stack(profile);

	if (stack < 0 || store_string(profile, "", &key.thread_name))
		return stack < 0 ? stack : -ENOMEM;
	key.stack = stack;
	return insert_sample(profile, &key, false);
}

/* Values are a target's doing, in the end: no sum of them may be undefined. */
static void add(__s64 *sum, __s64 value)
{
	if (__builtin_add_overflow(*sum, value, sum))
		*sum = INT64_MAX;
}

int profile_add_sample(struct profile *profile, const struct profile_sample *sample)
{
	int number = find_sample(profile, sample);
	bool kept = number != -ENOSPC;

	if (!kept)
		number = find_not_kept(profile, sample->process);
	if (number < 0)
		return number;
	profile->nr_not_kept += !kept;
	for (int i = 0; i < NR_PROFILE_VALUES; i++) {
		add(&profile->samples[number].values[i], sample->values[i]);
		add(&profile->totals[i], sample->values[i]);
	}
	return 0;
}

size_t profile_nr_samples(const struct profile *profile)
{
	return profile->nr_samples;
}

__u64 profile_nr_not_kept(const struct profile *profile)
{
	return profile->nr_not_kept;
}

struct profile_sample profile_sample(const struct profile *profile, size_t i)
{
	const struct sample *sample = &profile->samples[i];
	const struct stack *stack = &profile->stacks[sample->stack];
	struct profile_sample ret = {
		.process = sample->process,
		.tid = sample->tid,
		.thread_name = sample->thread_name,
		.locations = &profile->frames[stack->first],
		.nr_locations = stack->nr_frames,
	};

	memcpy(ret.values, sample->values, sizeof(ret.values));
	return ret;
}

__s64 profile_total(const struct profile *profile, enum profile_value value)
{
	return profile->totals[value];
}

struct hot {
	__s64 value;
	__u32 location;
};

static int hot_compare(const void *left, const void *right)
{
	const struct hot *a = left, *b = right;

	if (a->value != b->value)
		return a->value < b->value ? 1 : -1;
	return a->location < b->location ? -1 : 1;
}

size_t profile_hottest(const struct profile *profile, enum profile_value value, size_t max,
		       __u32 *ret, __s64 *ret_values)
{
	_cleanup_free_ struct hot *hot = calloc(profile->nr_locations + 1, sizeof(*hot));
	size_t n = 0;

	if (!hot)
		return 0;
	for (__u32 i = 0; i < profile->nr_locations; i++)
		hot[i].location = i;
	for (size_t i = 0; i < profile->nr_samples; i++) {
		const struct sample *sample = &profile->samples[i];

		hot[profile->frames[profile->stacks[sample->stack].first]].value +=
			sample->values[value];
	}
	qsort(hot, profile->nr_locations, sizeof(*hot), hot_compare);
	for (; n < max && n < profile->nr_locations && hot[n].value > 0; n++) {
		ret[n] = hot[n].location;
		ret_values[n] = hot[n].value;
	}
	return n;
}
