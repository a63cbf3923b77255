// SPDX-License-Identifier: BSD-2-Clause
/*
 * Who and where: the header, processes, functions and locations of a profile. What would go past
 * an upper bound becomes "[not kept]", so that totals stay true when detail is lost.
 */
#include <errno.h>
#include <stdlib.h>
#include "profile/store.h"

#define MAX_PROCESSES (1u << 17)
#define NOT_KEPT      "[not kept]"

struct profile *profile_new(void)
{
	struct profile *profile = calloc(1, sizeof(*profile));

	if (!profile)
		return NULL;
	profile->seed = profile->strings.seed = intern_seed();
	profile->not_kept_process = profile->not_kept_location = -1;
	profile->header.title = "[python]";
	profile->header.comment = "";
	return profile;
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	intern_done(&profile->process_table);
	intern_done(&profile->function_table);
	intern_done(&profile->location_table);
	intern_done(&profile->stack_table);
	intern_done(&profile->sample_table);
	intern_strings_done(&profile->strings);
	free(profile->processes);
	free(profile->functions);
	free(profile->locations);
	free(profile->stacks);
	free(profile->frames);
	free(profile->samples);
	free(profile);
}

/* Few strings change (headers of snapshots), so that none is given back before the end. */
int store_string(struct profile *profile, const char *s, const char **ret)
{
	const char *copy = s ? intern_string(&profile->strings, s) : NULL;

	if (s && !copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

int profile_set_header(struct profile *profile, const struct profile_header *header)
{
	struct profile_header copy = *header;

	if (store_string(profile, header->title ? header->title : "[python]", &copy.title) ||
	    store_string(profile, header->comment ? header->comment : "", &copy.comment) ||
	    store_string(profile, header->json, &copy.json) ||
	    store_string(profile, header->doc_url, &copy.doc_url))
		return -ENOMEM;
	profile->header = copy;
	return 0;
}

const struct profile_header *profile_get_header(const struct profile *profile)
{
	return &profile->header;
}

/* Kept strings are compared by their pointers. */
static bool is_equal_process(const void *owner, __u32 number, const void *key)
{
	const struct profile_process *a = &((const struct profile *)owner)->processes[number];
	const struct profile_process *b = key;

	return a->pid == b->pid && a->comm == b->comm && a->name == b->name &&
	       a->python_version == b->python_version && a->container_id == b->container_id;
}

static int insert_process(struct profile *profile, const struct profile_process *process)
{
	struct profile_process key = {.pid = process->pid}; /* padding is hashed too: zeroed */
	__u64 hash;
	int number;

	if (store_string(profile, process->comm ? process->comm : "", &key.comm) ||
	    store_string(profile, process->name ? process->name : "", &key.name) ||
	    store_string(profile, process->python_version ? process->python_version : "",
			 &key.python_version) ||
	    store_string(profile, process->container_id ? process->container_id : "",
			 &key.container_id))
		return -ENOMEM;
	hash = intern_hash(profile->seed, &key.comm, sizeof(key) - offsetof(typeof(key), comm)) +
	       key.pid * 0x9e3779b97f4a7c15ULL;
	number = intern_find(&profile->process_table, hash, is_equal_process, profile, &key);
	if (number >= 0)
		return number;
	if (intern_grow(&profile->processes, &profile->max_processes, profile->nr_processes, 1,
			sizeof(key)) ||
	    intern_add(&profile->process_table, hash, profile->nr_processes))
		return -ENOMEM;
	profile->processes[profile->nr_processes] = key;
	return (int)profile->nr_processes++;
}

static int not_kept_process(struct profile *profile)
{
	if (profile->not_kept_process < 0)
		profile->not_kept_process =
			insert_process(profile, &(struct profile_process){.name = NOT_KEPT});
	return profile->not_kept_process;
}

int profile_add_process(struct profile *profile, const struct profile_process *process)
{
	if (profile->nr_processes >= MAX_PROCESSES || profile->strings.size >= STORE_STRING_SIZE)
		return not_kept_process(profile);
	return insert_process(profile, process);
}

static bool is_equal_function(const void *owner, __u32 number, const void *key)
{
	const struct profile_function *a = &((const struct profile *)owner)->functions[number];
	const struct profile_function *b = key;

	return a->name == b->name && a->file_name == b->file_name && a->first_line == b->first_line;
}

static int insert_function(struct profile *profile, const struct profile_function *function)
{
	struct profile_function key = {.first_line = function->first_line};
	__u64 hash;
	int number;

	if (store_string(profile, function->name, &key.name) ||
	    store_string(profile, function->file_name, &key.file_name))
		return -ENOMEM;
	hash = intern_hash(profile->seed, &key,
			   offsetof(typeof(key), first_line) + sizeof(key.first_line));
	number = intern_find(&profile->function_table, hash, is_equal_function, profile, &key);
	if (number >= 0)
		return number;
	if (intern_grow(&profile->functions, &profile->max_functions, profile->nr_functions, 1,
			sizeof(key)) ||
	    intern_add(&profile->function_table, hash, profile->nr_functions))
		return -ENOMEM;
	profile->functions[profile->nr_functions] = key;
	return (int)profile->nr_functions++;
}

static bool is_equal_location(const void *owner, __u32 number, const void *key)
{
	const struct profile_location *a = &((const struct profile *)owner)->locations[number];
	const struct profile_location *b = key;

	return a->function == b->function && a->line == b->line;
}

static int insert_location(struct profile *profile, __u32 function, int line)
{
	struct profile_location key = {.function = function, .line = line};
	__u64 hash = intern_hash(profile->seed, &key, sizeof(key));
	int number = intern_find(&profile->location_table, hash, is_equal_location, profile, &key);

	if (number >= 0)
		return number;
	if (intern_grow(&profile->locations, &profile->max_locations, profile->nr_locations, 1,
			sizeof(key)) ||
	    intern_add(&profile->location_table, hash, profile->nr_locations))
		return -ENOMEM;
	profile->locations[profile->nr_locations] = key;
	return (int)profile->nr_locations++;
}

/* Made only when it is needed, so that a profile that kept everything does not show it. */
int store_not_kept(struct profile *profile)
{
	static const struct profile_function ours = {.name = NOT_KEPT, .file_name = ""};
	int function;

	if (profile->not_kept_location < 0) {
		function = insert_function(profile, &ours);
		if (function < 0)
			return function;
		profile->not_kept_location = insert_location(profile, function, 0);
	}
	return profile->not_kept_location;
}

int profile_add_function(struct profile *profile, const struct profile_function *function)
{
	int location;

	if (profile->nr_functions < PROFILE_MAX_LOCATIONS &&
	    profile->strings.size < STORE_STRING_SIZE)
		return insert_function(profile, function);
	location = store_not_kept(profile);
	return location < 0 ? location : (int)profile->locations[location].function;
}

int profile_add_location(struct profile *profile, __u32 function, int line)
{
	int not_kept = profile->not_kept_location;

	if (function >= profile->nr_functions)
		return -EINVAL;
	if (not_kept >= 0 && profile->locations[not_kept].function == function)
		return not_kept;
	if (profile->nr_locations >= PROFILE_MAX_LOCATIONS)
		return store_not_kept(profile);
	return insert_location(profile, function, line);
}

size_t profile_nr_processes(const struct profile *profile)
{
	return profile->nr_processes;
}

size_t profile_nr_functions(const struct profile *profile)
{
	return profile->nr_functions;
}

size_t profile_nr_locations(const struct profile *profile)
{
	return profile->nr_locations;
}

const struct profile_process *profile_process(const struct profile *profile, __u32 i)
{
	return &profile->processes[i];
}

const struct profile_function *profile_function(const struct profile *profile, __u32 i)
{
	return &profile->functions[i];
}

struct profile_location profile_location(const struct profile *profile, __u32 i)
{
	return profile->locations[i];
}
