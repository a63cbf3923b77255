// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes a profile whose every number is known, for pprof.t. Two processes and three threads; the
 * source file is the one named on the command line, so that `-list` has something to show.
 *
 *	pprof_write FORMAT SOURCE > FILE
 */
#include <stdio.h>
#include <unistd.h>
#include "output/output.h"

#define TICK_NS 10101010

static __u32 location(struct profile *profile, const char *name, const char *file, int first,
		      int line)
{
	const struct profile_function function = {name, file, first};

	return profile_add_location(profile, profile_add_function(profile, &function), line);
}

static int add(struct profile *profile, __u32 process, __u32 tid, const char *thread, __s64 count,
	       size_t nr, const __u32 *locations)
{
	return profile_add_sample(
		profile,
		&(struct profile_sample){
			.process = process,
			.tid = tid,
			.thread_name = thread,
			.locations = locations,
			.nr_locations = nr,
			.values = {[PROFILE_SAMPLES] = count, [PROFILE_CPU] = count * TICK_NS}});
}

static int fill(struct profile *profile, const char *source)
{
	__u32 module = location(profile, "shop.<module>", source, 1, 7);
	__u32 view = location(profile, "shop.View.get", source, 1, 2);
	__u32 lambda = location(profile, "shop.<lambda>", source, 4, 4);
	__u32 truncated = location(profile, "[truncated]", "", 0, 0);
	__u32 unknown = location(profile, "[unknown code]", "", 0, 0);
	int web = profile_add_process(profile, &(struct profile_process){4242, "gunicorn",
									 "manage.py (4242)", "3.12",
									 "0123456789ab"});
	int job = profile_add_process(
		profile, &(struct profile_process){77, "python3", "job.py (77)", "3.11", ""});

	return add(profile, web, 4242, "MainThread", 60, 2, (__u32[]){view, module}) |
	       add(profile, web, 4243, "pool_0", 25, 3, (__u32[]){lambda, view, module}) |
	       add(profile, job, 77, "MainThread", 10, 2, (__u32[]){view, truncated}) |
	       add(profile, job, 0, "MainThread", 5, 1, (__u32[]){unknown});
}

int main(int argc, char **argv)
{
	const struct profile_header header = {
		.start_ns = 1700000000ULL * 1000000000,
		.duration_ns = 2000000000,
		.period_ns = TICK_NS,
		.title = "[python]",
		.comment = "pybpfprof record --all, host web1",
		.json = "{\"ok\":100}",
		.doc_url = "https://example.org/pybpfprof",
	};
	struct profile *profile = profile_new();
	const struct output_format *format = argc == 3 ? output_find(argv[1]) : NULL;
	int err = -1;

	if (format && profile && !profile_set_header(profile, &header) && !fill(profile, argv[2]))
		err = format->write(profile, STDOUT_FILENO);
	profile_free(profile);
	return err ? 1 : 0;
}
