// SPDX-License-Identifier: BSD-2-Clause
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "session/report.h"
#include "target/process.h"

#define NR_HOTTEST 5

static bool progress_shown;

void report_progress(const struct options *options, __u64 elapsed_ns, const struct ledger *ledger,
		     size_t nr_processes)
{
	char total[32] = "";

	if (options->quiet || !isatty(STDERR_FILENO))
		return;
	if (options->duration_ns)
		snprintf(total, sizeof(total), " of %.10g", options->duration_ns / 1e9);
	fprintf(stderr, "\r%.0f%s s, %llu samples, %zu process%s, %llu lost\033[K",
		elapsed_ns / 1e9, total, ledger_sampled(ledger), nr_processes,
		nr_processes == 1 ? "" : "es",
		ledger->outcomes[OUTCOME_RING_FULL] + ledger->outcomes[OUTCOME_DROPPED]);
	fflush(stderr);
	progress_shown = true;
}

void report_progress_end(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

static void print_hottest(const struct profile *profile)
{
	__s64 values[NR_HOTTEST], total = profile_total(profile, PROFILE_CPU);
	__u32 locations[NR_HOTTEST];
	size_t nr, i;

	nr = profile_hottest(profile, PROFILE_CPU, NR_HOTTEST, locations, values);
	if (nr)
		log_info("hottest lines:");
	for (i = 0; i < nr; i++) {
		struct profile_location location = profile_location(profile, locations[i]);
		const struct profile_function *function =
			profile_function(profile, location.function);

		if (*function->file_name)
			log_info("  %5.1f %%  %s  %s:%d", 100.0 * values[i] / (total ? total : 1),
				 function->name, function->file_name, location.line);
		else
			log_info("  %5.1f %%  %s", 100.0 * values[i] / (total ? total : 1),
				 function->name);
	}
}

static bool program_exists(const char *name)
{
	_cleanup_free_ char *path =
		text_format("%s:/usr/local/go/bin", getenv("PATH") ? getenv("PATH") : "/usr/bin");
	char *rest = path, *folder;

	while (rest && (folder = strsep(&rest, ":"))) {
		_cleanup_free_ char *file = text_format("%s/%s", folder, name);

		if (file && !access(file, X_OK))
			return true;
	}
	return false;
}

/* A process whose files are not where ours are: pprof finds its sources through /proc. */
static void print_source_path(const struct profile *profile)
{
	struct stat own, its;
	size_t i;

	if (stat("/proc/self/ns/mnt", &own))
		return;
	for (i = 0; i < profile_nr_processes(profile); i++) {
		const struct profile_process *process = profile_process(profile, i);
		_cleanup_free_ char *path = text_format("/proc/%u/ns/mnt", process->pid);

		if (!path || stat(path, &its) || its.st_ino == own.st_ino)
			continue;
		log_info("sources of %s, while it runs: add -trim_path=/ "
			 "-source_path=/proc/%u/root",
			 process->name, process->pid);
		return;
	}
}

static void print_how_to_open(const struct options *options, const char *path,
			      const struct profile *profile)
{
	const char *tagroot = profile_nr_processes(profile) > 1 ? " -tagroot=process" : "";

	if (!strcmp(path, "-") || options->format != &output_formats[0])
		return;
	if (program_exists("go"))
		log_info("open it: go tool pprof -http=:%s %s", tagroot, path);
	else
		log_info("open it: copy %s to a machine with Go and run go tool pprof -http=:%s, "
			 "or record with -f text",
			 path, tagroot);
	print_source_path(profile);
}

void report_end(const struct options *options, const char *path, const struct profile *profile,
		const struct ledger *ledger, const struct fold_counts *fold)
{
	size_t nr = profile_nr_processes(profile);

	log_info("wrote %s: %lld samples (%.2f s of CPU) of %zu process%s",
		 strcmp(path, "-") ? path : "to standard output",
		 profile_total(profile, PROFILE_SAMPLES), profile_total(profile, PROFILE_CPU) / 1e9,
		 nr, nr == 1 ? "" : "es");
	ledger_print(ledger, fold);
	print_hottest(profile);
	print_how_to_open(options, path, profile);
}

static char *target_text(const struct options *options)
{
	if (options->all)
		return strdup("--all");
	if (options->command)
		return text_format("-- %s", options->command[0]);
	return text_format("-p %d%s", options->pids[0], options->nr_pids > 1 ? ",..." : "");
}

char *report_comment(const struct options *options, size_t nr_processes)
{
	_cleanup_free_ char *target = target_text(options);
	struct utsname name;

	if (!target || uname(&name))
		return NULL;
	return text_format("pybpfprof " PYBPFPROF_VERSION
			   " %s -F %u, host %s, kernel %s, %zu process%s",
			   target, options->frequency, name.nodename, name.release, nr_processes,
			   nr_processes == 1 ? "" : "es");
}

/* What stands between "pybpfprof-" and the time. */
static char *default_stem(const struct options *options, pid_t launched)
{
	_cleanup_free_ char *name = NULL;
	struct utsname host;
	char *at;

	if (options->command) {
		at = strrchr(options->command[0], '/');
		return text_format("%s.%d", at ? at + 1 : options->command[0], launched);
	}
	if (options->nr_pids == 1) {
		name = process_name(options->pids[0]);
		return name ? text_format("%s.%d", name, options->pids[0]) : NULL;
	}
	return uname(&host) ? NULL : strdup(host.nodename);
}

char *report_default_name(const struct options *options, pid_t launched)
{
	_cleanup_free_ char *stem = default_stem(options, launched);
	time_t now = time(NULL);
	char when[32];
	char *at;

	if (!stem)
		return NULL;
	for (at = stem; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '.' && *at != '_')
			*at = '-';
	if (strlen(stem) > 100)
		stem[100] = 0;
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", gmtime(&now));
	return text_format("pybpfprof-%s-%s%s", stem, when, options->format->suffix);
}
