// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "pybpfprof.skel.h"
#include "session/ledger.h"

_Static_assert(NR_OUTCOMES <= ARRAY_SIZE(((struct cpu_counters *)0)->outcomes),
	       "cpu_counters has room for every outcome");

enum outcome_kind { SAMPLED, MISSED, OUTSIDE };

static const struct {
	enum outcome_kind kind;
	const char *key, *text;
} outcomes[NR_OUTCOMES] = {
#define X(name, kind, key, text) {kind, key, text},
	PYBPFPROF_OUTCOMES(X)
#undef X
};

static void counters_add(struct cpu_counters *to, const struct cpu_counters *from)
{
	const __u64 *f = (const __u64 *)from;
	__u64 *t = (__u64 *)to;
	size_t i;

	for (i = 0; i < sizeof(*to) / sizeof(*t); i++)
		t[i] += f[i];
}

static __u64 min(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

/*
 * Idle ticks that BPF may not have seen. /proc/stat's idle time is short by up to 5 % (measured,
 * Linux 6.18) and told in steps, and idle is never to be called lost: a CPU that was idle for some
 * time is given a sixteenth of it and a step more. One that was always busy gets nothing.
 */
static __u64 idle_unseen(const struct source_count *count, __u64 seen)
{
	__u64 idle = count->idle + count->idle / 16;

	if (count->idle || seen)
		idle += count->step;
	return idle > seen ? idle - seen : 0;
}

void ledger_add_cpu(struct ledger *ledger, const struct cpu_counters *counters,
		    const struct source_count *count)
{
	__u64 seen = 0, missing, idle, stolen, i;

	for (i = 0; i < NR_OUTCOMES; i++) {
		seen += counters->outcomes[i];
		ledger->outcomes[i] += counters->outcomes[i];
	}
	missing = count->expected > seen ? count->expected - seen : 0;
	/* Ticks while the hypervisor ran others come as one, or not at all. */
	stolen = min(count->stolen, missing);
	/* BPF runs on some ticks of an idle CPU and not on others. */
	idle = min(missing - stolen, idle_unseen(count, counters->outcomes[OUTCOME_IDLE]));
	ledger->outcomes[OUTCOME_STOLEN] += stolen;
	ledger->outcomes[OUTCOME_IDLE] += idle;
	ledger->outcomes[OUTCOME_DROPPED] += missing - stolen - idle;
	ledger->outcomes[OUTCOME_THROTTLED] += count->throttled;
	ledger->expected += seen + missing + count->throttled;
	counters_add(&ledger->kernel, counters);
}

/* Not getrusage()'s: that one begins with the peak of the program which started us. */
static __u64 peak_bytes(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/status", "re");
	unsigned long long kb = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %llu kB", &kb) == 1)
			break;
	return kb * 1024;
}

static void own_cost(struct ledger *ledger)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	ledger->cpu_ns = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ULL +
			 (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ULL;
	ledger->peak_bytes = peak_bytes();
}

int ledger_read(struct ledger *ledger, struct pybpfprof_bpf *bpf, const struct source *source,
		int nr_cpus)
{
	_cleanup_free_ struct cpu_counters *counters = calloc(nr_cpus, sizeof(*counters));
	__u32 zero = 0;
	int n;

	if (!counters)
		return -ENOMEM;
	memset(ledger, 0, sizeof(*ledger));
	if (bpf_map_lookup_elem(bpf_map__fd(bpf->maps.counters), &zero, counters))
		return -errno;
	for (n = 0; n < nr_cpus; n++) {
		struct source_count count = {};

		source->count(n, &count);
		ledger_add_cpu(ledger, &counters[n], &count);
	}
	ledger->process_events_lost = bpf->bss->process_events_lost;
	own_cost(ledger);
	return 0;
}

static __u64 sum_of(const struct ledger *ledger, enum outcome_kind kind)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < NR_OUTCOMES; i++)
		if (outcomes[i].kind == kind)
			sum += ledger->outcomes[i];
	return sum;
}

__u64 ledger_sampled(const struct ledger *ledger)
{
	return sum_of(ledger, SAMPLED);
}

__u64 ledger_missed(const struct ledger *ledger)
{
	return sum_of(ledger, MISSED);
}

static double per_run(const struct ledger *ledger)
{
	return ledger->kernel.runs ? (double)ledger->kernel.run_ns / ledger->kernel.runs : 0;
}

/* The BPF time that a share of the runs did not take longer than, to 1,024 ns. */
static __u64 run_quantile(const struct ledger *ledger, double share)
{
	__u64 seen = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ledger->kernel.run_lengths); i++) {
		seen += ledger->kernel.run_lengths[i];
		if (seen >= share * ledger->kernel.runs)
			break;
	}
	return (i + 1) * 1024;
}

char *ledger_json(const struct ledger *ledger, const struct fold_counts *fold)
{
	_cleanup_fclose_ FILE *out = NULL;
	char *text = NULL;
	size_t size;
	int i;

	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	fprintf(out, "{\"expected\": %llu, \"outcomes\": {", ledger->expected);
	for (i = 0; i < NR_OUTCOMES; i++)
		fprintf(out, "%s\"%s\": %llu", i ? ", " : "", outcomes[i].key, ledger->outcomes[i]);
	fprintf(out, "}, \"lost_cpu_ns\": %llu", ledger->kernel.lost_weight);
	fprintf(out, ", \"samples\": %llu, \"unknown_process\": %llu, \"bad_records\": %llu",
		fold->samples, fold->unknown_process, fold->bad_records);
	fprintf(out,
		", \"codes\": %llu, \"codes_by_kernel\": %llu, \"codes_by_memory\": %llu, "
		"\"codes_unknown\": %llu",
		fold->codes, fold->codes_by_kernel, fold->codes_by_memory, fold->codes_unknown);
	fprintf(out,
		", \"captured\": %llu, \"capture_lost\": %llu, \"capture_over\": %llu, "
		"\"code_faults\": %llu, \"process_events_lost\": %llu",
		ledger->kernel.captured, ledger->kernel.capture_lost, ledger->kernel.capture_over,
		ledger->kernel.code_faults, ledger->process_events_lost);
	fprintf(out,
		", \"bpf_ns_per_sample\": %.0f, \"bpf_ns_p50\": %llu, \"bpf_ns_p99\": %llu, "
		"\"cpu_seconds\": %.3f, \"peak_rss_kb\": %llu}",
		per_run(ledger), run_quantile(ledger, 0.5), run_quantile(ledger, 0.99),
		ledger->cpu_ns / 1e9, ledger->peak_bytes / 1024);
	if (fclose(take(out)))
		free(take(text));
	return text;
}

void ledger_print(const struct ledger *ledger, const struct fold_counts *fold)
{
	int i;

	for (i = 0; i < NR_OUTCOMES; i++)
		if (i != OUTCOME_OK && outcomes[i].kind != OUTSIDE && ledger->outcomes[i])
			log_info("  %8llu %s", ledger->outcomes[i], outcomes[i].text);
	if (fold->unknown_process)
		log_info("  %8llu samples of processes nobody told of", fold->unknown_process);
	if (fold->codes_unknown)
		log_info("  %8llu of %llu code objects could not be named", fold->codes_unknown,
			 fold->codes);
	if (ledger->process_events_lost)
		log_info("  %8llu starts, forks and ends of processes were not told",
			 ledger->process_events_lost);
	log_info("own cost: %.1f us of BPF a sample, %.2f s of CPU, %llu MB of memory at most",
		 per_run(ledger) / 1000, ledger->cpu_ns / 1e9, ledger->peak_bytes >> 20);
}
