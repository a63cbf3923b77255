// SPDX-License-Identifier: BSD-2-Clause
/*
 * A report for somebody who has no other tool at hand: what was profiled, the lines that burn the
 * CPU, the functions above them, and the same for each process. "own" is time in the line itself,
 * "total" is own and all that it called; recursion is not counted twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/cleanup.h"
#include "base/text.h"
#include "output/output.h"
#include "output/stream.h"

#define MAX_LINES	  25 /* rows of the tables */
#define MAX_PROCESSES	  50
#define MAX_PROCESS_LINES 10
#define NS_PER_MS	  1000000.0
#define NS_PER_S	  1000000000.0

/* One row of a table: a location or a function, and its time. */
struct row {
	__u32 item;
	__s64 own, total;
	size_t seen; /* the last sample that was added to total, plus one */
};

struct report {
	const struct profile *profile;
	FILE *file;
	struct row *lines, *functions, *processes;
	__s64 total;
};

static void print_clean(FILE *file, const char *s)
{
	_cleanup_free_ char *text = strdup(s);

	if (!text)
		return;
	text_clean(text);
	fputs(text, file);
}

static int by_own(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->own != b->own)
		return a->own < b->own ? 1 : -1;
	if (a->total != b->total)
		return a->total < b->total ? 1 : -1;
	return a->item < b->item ? -1 : 1;
}

static int by_total(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->total != b->total)
		return a->total < b->total ? 1 : -1;
	return by_own(left, right);
}

static void clear(struct row *rows, size_t nr)
{
	memset(rows, 0, nr * sizeof(*rows));
	for (size_t i = 0; i < nr; i++)
		rows[i].item = i;
}

static void add_total(struct row *row, size_t sample, __s64 value)
{
	if (row->seen == sample + 1)
		return;
	row->seen = sample + 1;
	row->total += value;
}

static void add_sample(struct report *report, size_t i, const struct profile_sample *sample)
{
	__s64 value = sample->values[PROFILE_CPU];
	struct profile_location leaf = profile_location(report->profile, sample->locations[0]);

	report->lines[sample->locations[0]].own += value;
	report->functions[leaf.function].own += value;
	for (size_t j = 0; j < sample->nr_locations; j++) {
		__u32 number = sample->locations[j];
		struct profile_location location = profile_location(report->profile, number);

		add_total(&report->lines[number], i, value);
		add_total(&report->functions[location.function], i, value);
	}
}

/* Add up the samples of one process, or of all where process is NULL. */
static void add_samples(struct report *report, const __u32 *process)
{
	clear(report->lines, profile_nr_locations(report->profile));
	clear(report->functions, profile_nr_functions(report->profile));
	for (size_t i = 0; i < profile_nr_samples(report->profile); i++) {
		struct profile_sample sample = profile_sample(report->profile, i);

		if (!process || sample.process == *process)
			add_sample(report, i, &sample);
	}
}

static void print_time(FILE *file, __s64 ns)
{
	if (ns >= NS_PER_S)
		fprintf(file, "%8.2f s", ns / NS_PER_S);
	else
		fprintf(file, "%7.1f ms", ns / NS_PER_MS);
}

static void print_share(struct report *report, __s64 ns)
{
	fprintf(report->file, "%6.1f%%", report->total ? 100.0 * ns / report->total : 0.0);
	print_time(report->file, ns);
}

static void print_row(struct report *report, const struct row *row)
{
	fputs(" ", report->file);
	print_share(report, row->own);
	fputs("  ", report->file);
	print_share(report, row->total);
	fputs("  ", report->file);
}

static void print_function(struct report *report, __u32 i, int line)
{
	const struct profile_function *function = profile_function(report->profile, i);

	print_clean(report->file, function->name);
	if (*function->file_name) {
		fputs("  ", report->file);
		print_clean(report->file, function->file_name);
		fprintf(report->file, ":%d", line);
	}
	fputc('\n', report->file);
}

static void print_heading(struct report *report, const char *what)
{
	fprintf(report->file, "\n%s\n %17s  %17s\n", what, "own", "total");
}

/* Sorts report->lines, which are then in order of time and no longer of number. */
static void print_lines(struct report *report, size_t max)
{
	size_t nr = profile_nr_locations(report->profile);

	qsort(report->lines, nr, sizeof(*report->lines), by_own);
	for (size_t i = 0; i < nr && i < max && report->lines[i].own > 0; i++) {
		struct profile_location location =
			profile_location(report->profile, report->lines[i].item);

		print_row(report, &report->lines[i]);
		print_function(report, location.function, location.line);
	}
}

static void print_functions(struct report *report, size_t max)
{
	size_t nr = profile_nr_functions(report->profile);

	qsort(report->functions, nr, sizeof(*report->functions), by_total);
	for (size_t i = 0; i < nr && i < max && report->functions[i].total > 0; i++) {
		const struct row *row = &report->functions[i];

		print_row(report, row);
		print_function(report, row->item,
			       profile_function(report->profile, row->item)->first_line);
	}
}

static void print_process(struct report *report, const struct row *row)
{
	const struct profile_process *process = profile_process(report->profile, row->item);

	fputc('\n', report->file);
	print_share(report, row->own);
	fputs("  ", report->file);
	print_clean(report->file, process->name);
	if (*process->python_version) {
		fputs(", Python ", report->file);
		print_clean(report->file, process->python_version);
	}
	if (*process->container_id) {
		fputs(", container ", report->file);
		print_clean(report->file, process->container_id);
	}
	fputc('\n', report->file);
}

/* Sorts report->processes by time. Returns how many have any. */
static size_t add_processes(struct report *report)
{
	size_t nr = profile_nr_processes(report->profile), used = 0;

	clear(report->processes, nr);
	for (size_t i = 0; i < profile_nr_samples(report->profile); i++) {
		struct profile_sample sample = profile_sample(report->profile, i);

		report->processes[sample.process].own += sample.values[PROFILE_CPU];
	}
	qsort(report->processes, nr, sizeof(*report->processes), by_own);
	while (used < nr && report->processes[used].own > 0)
		used++;
	return used;
}

static void print_processes(struct report *report, size_t nr)
{
	fprintf(report->file, "\nProcesses\n");
	for (size_t i = 0; i < nr && i < MAX_PROCESSES; i++) {
		print_process(report, &report->processes[i]);
		if (nr == 1) /* its lines are those above */
			return;
		add_samples(report, &report->processes[i].item);
		print_lines(report, MAX_PROCESS_LINES);
	}
	if (nr > MAX_PROCESSES)
		fprintf(report->file, "\n and %zu more\n", nr - MAX_PROCESSES);
}

static void print_header(struct report *report, size_t nr_processes)
{
	const struct profile_header *header = profile_get_header(report->profile);
	time_t start = (time_t)(header->start_ns / 1000000000);
	char when[64] = "";
	struct tm tm;

	if (gmtime_r(&start, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	print_clean(report->file, *header->comment ? header->comment : header->title);
	fprintf(report->file, "\nfrom %s for %.2f s, one sample per %.3f ms of CPU time\n", when,
		header->duration_ns / NS_PER_S, header->period_ns / NS_PER_MS);
	fprintf(report->file, "%lld samples, %.2f s of CPU time, %zu %s\n",
		(long long)profile_total(report->profile, PROFILE_SAMPLES),
		report->total / NS_PER_S, nr_processes,
		nr_processes == 1 ? "process" : "processes");
	if (profile_nr_not_kept(report->profile))
		fprintf(report->file, "%llu samples did not fit: counted, but without their code\n",
			(unsigned long long)profile_nr_not_kept(report->profile));
}

static void print_ledger(struct report *report)
{
	const struct profile_header *header = profile_get_header(report->profile);

	if (!header->json)
		return;
	fputs("\nLedger\n ", report->file);
	print_clean(report->file, header->json);
	fputc('\n', report->file);
}

static void print_report(struct report *report)
{
	size_t nr_processes = add_processes(report);

	print_header(report, nr_processes);
	if (report->total > 0) {
		add_samples(report, NULL);
		print_heading(report, "Hottest lines");
		print_lines(report, MAX_LINES);
		print_heading(report, "Functions, with all that they call");
		print_functions(report, MAX_LINES);
		print_processes(report, nr_processes);
	} else {
		fputs("\nNo CPU time was sampled.\n", report->file);
	}
	print_ledger(report);
}

int output_write_text(const struct profile *profile, int fd)
{
	_cleanup_free_ struct row *lines =
		calloc(profile_nr_locations(profile) + 1, sizeof(*lines));
	_cleanup_free_ struct row *functions =
		calloc(profile_nr_functions(profile) + 1, sizeof(*functions));
	_cleanup_free_ struct row *processes =
		calloc(profile_nr_processes(profile) + 1, sizeof(*processes));
	struct report report = {
		.profile = profile,
		.lines = lines,
		.functions = functions,
		.processes = processes,
		.total = profile_total(profile, PROFILE_CPU),
	};
	struct stream stream;

	if (!lines || !functions || !processes)
		return -ENOMEM;
	report.file = stream_open(&stream, fd);
	if (!report.file)
		return -ENOMEM;
	print_report(&report);
	return stream_close(&stream);
}
