// SPDX-License-Identifier: BSD-2-Clause
/*
 * The folded stacks that Brendan Gregg's flamegraph.pl, speedscope and inferno read:
 *
 *	process;frame;frame 42
 *
 * root first, then a space and the number of samples. Frames are "name (file:line)", the form in
 * which py-spy writes Python frames, so that what reads those reads these. Threads of a process
 * are added up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/text.h"
#include "output/output.h"
#include "output/stream.h"

static int compare(const void *left, const void *right, void *context)
{
	const struct profile *profile = context;
	struct profile_sample a = profile_sample(profile, *(const __u32 *)left);
	struct profile_sample b = profile_sample(profile, *(const __u32 *)right);

	if (a.process != b.process)
		return a.process < b.process ? -1 : 1;
	if (a.nr_locations != b.nr_locations)
		return a.nr_locations < b.nr_locations ? -1 : 1;
	return memcmp(a.locations, b.locations, a.nr_locations * sizeof(*a.locations));
}

/* What separates frames, lines or counts must not stand in a name. */
static int print_name(FILE *file, const char *name)
{
	_cleanup_free_ char *text = text_utf8(name, strlen(name));

	if (!text)
		return -ENOMEM;
	text_clean(text);
	for (char *c = text; *c; c++)
		if (*c == ';')
			*c = ',';
	fputs(text, file);
	return 0;
}

static int print_frame(FILE *file, const struct profile *profile, __u32 i)
{
	struct profile_location location = profile_location(profile, i);
	const struct profile_function *function = profile_function(profile, location.function);
	int err;

	fputc(';', file);
	err = print_name(file, function->name);
	if (err || !*function->file_name)
		return err;
	fputs(" (", file);
	err = print_name(file, function->file_name);
	fprintf(file, ":%d)", location.line);
	return err;
}

static int print_line(FILE *file, const struct profile *profile,
		      const struct profile_sample *sample, __s64 count)
{
	int err = print_name(file, profile_process(profile, sample->process)->name);

	for (size_t i = sample->nr_locations; i-- > 0 && !err;)
		err = print_frame(file, profile, sample->locations[i]);
	fprintf(file, " %lld\n", (long long)count);
	return err;
}

static int print_all(FILE *file, const struct profile *profile, const __u32 *order, size_t nr)
{
	__s64 count = 0;
	int err = 0;

	for (size_t i = 0; i < nr && !err && !ferror(file); i++) {
		struct profile_sample sample = profile_sample(profile, order[i]);

		count += sample.values[PROFILE_SAMPLES];
		if (i + 1 < nr && !compare(&order[i], &order[i + 1], (void *)profile))
			continue;
		if (count)
			err = print_line(file, profile, &sample, count);
		count = 0;
	}
	return err;
}

int output_write_collapsed(const struct profile *profile, int fd)
{
	size_t nr = profile_nr_samples(profile);
	_cleanup_free_ __u32 *order = calloc(nr + 1, sizeof(*order));
	struct stream stream;
	int err, close_err;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		order[i] = i;
	qsort_r(order, nr, sizeof(*order), compare, (void *)profile);
	if (!stream_open(&stream, fd))
		return -ENOMEM;
	err = print_all(stream.file, profile, order, nr);
	close_err = stream_close(&stream);
	return err ? err : close_err;
}
