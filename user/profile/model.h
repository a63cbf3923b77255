/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile in memory: processes, functions, locations, stacks, and what was counted on them.
 * Knows neither kernel nor Python nor any file format. Everything handed in is copied; numbers
 * handed out stay valid as long as the profile. Adding the same thing twice gives the same number.
 *
 * Memory is bounded: past PROFILE_MAX_STACKS distinct stacks or PROFILE_MAX_LOCATIONS, samples go
 * to the one location "[not kept]" and nr_not_kept says how many.
 */
#ifndef PROFILE_MODEL_H
#define PROFILE_MODEL_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define PROFILE_MAX_STACKS    (1u << 20)
#define PROFILE_MAX_LOCATIONS (1u << 21)

/* What is counted. A sample has one value of each; a line here is a sample type of the file. */
#define PROFILE_VALUES(X)              \
	X(SAMPLES, "samples", "count") \
	X(CPU, "cpu", "nanoseconds")

enum profile_value {
#define X(NAME, name, unit) PROFILE_##NAME,
	PROFILE_VALUES(X)
#undef X
		NR_PROFILE_VALUES
};

struct profile_process {
	__u32 pid;
	const char *comm;	    /* of its leader */
	const char *name;	    /* "manage.py (4242)" */
	const char *python_version; /* "3.12" */
	const char *container_id;   /* "" where there is none */
};

struct profile_function {
	const char *name;
	const char *file_name; /* "" for the bracketed names that are ours */
	int first_line;	       /* of the def; 0 for ours */
};

struct profile_location {
	__u32 function;
	int line; /* 0 for ours */
};

struct profile_sample {
	__u32 process;
	__u32 tid;
	const char *thread_name;
	const __u32 *locations; /* leaf first */
	size_t nr_locations;
	__s64 values[NR_PROFILE_VALUES];
};

/* What is said of the whole. Strings are copied by profile_set_header(). */
struct profile_header {
	__u64 start_ns; /* UTC, since 1970 */
	__u64 duration_ns;
	__u64 period_ns;
	const char *title;   /* file name of the virtual mapping: "[python]" or the script's path */
	const char *comment; /* one line for people */
	const char *json;    /* one line of JSON: ledger and own cost; NULL: none */
	const char *doc_url; /* NULL: none */
};

struct profile;

struct profile *profile_new(void);
void profile_free(struct profile *profile);

int profile_set_header(struct profile *profile, const struct profile_header *header);
const struct profile_header *profile_get_header(const struct profile *profile);

/* Numbers of things, from 0; negative errno (-ENOMEM). Strings must be valid UTF-8. */
int profile_add_process(struct profile *profile, const struct profile_process *process);
int profile_add_function(struct profile *profile, const struct profile_function *function);
int profile_add_location(struct profile *profile, __u32 function, int line);

/* Add values to the sample of this process, thread and stack. */
int profile_add_sample(struct profile *profile, const struct profile_sample *sample);

/* Reading: counts, and the i-th of each. Samples come in the order they were first seen. */
size_t profile_nr_processes(const struct profile *profile);
size_t profile_nr_functions(const struct profile *profile);
size_t profile_nr_locations(const struct profile *profile);
size_t profile_nr_samples(const struct profile *profile);
__u64 profile_nr_not_kept(const struct profile *profile);
const struct profile_process *profile_process(const struct profile *profile, __u32 i);
const struct profile_function *profile_function(const struct profile *profile, __u32 i);
struct profile_location profile_location(const struct profile *profile, __u32 i);
struct profile_sample profile_sample(const struct profile *profile, size_t i);
__s64 profile_total(const struct profile *profile, enum profile_value value);

/*
 * The lines of code with most of a value at the leaf, most first: at most `max` locations into
 * ret[], with their values in ret_values[]. Returns how many.
 */
size_t profile_hottest(const struct profile *profile, enum profile_value value, size_t max,
		       __u32 *ret, __s64 *ret_values);

#endif
