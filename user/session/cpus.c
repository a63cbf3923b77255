// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "session/cpus.h"

int cpus_possible(void)
{
	return libbpf_num_possible_cpus();
}

int cpus_parse(const char *list, bool *ret, int nr_cpus)
{
	const char *at = list;

	memset(ret, 0, nr_cpus * sizeof(*ret));
	while (*at && *at != '\n') {
		char *end;
		long from = strtol(at, &end, 10), to = from;

		if (end == at || from < 0)
			return -EINVAL;
		if (*end == '-') {
			at = end + 1;
			to = strtol(at, &end, 10);
			if (end == at || to < from)
				return -EINVAL;
		}
		for (; from <= to && from < nr_cpus; from++)
			ret[from] = true;
		at = end + (*end == ',');
		if (*end != ',' && *end && *end != '\n')
			return -EINVAL;
	}
	return 0;
}

int cpus_online(bool *ret, int nr_cpus)
{
	_cleanup_fclose_ FILE *file = fopen("/sys/devices/system/cpu/online", "re");
	char line[4096];

	if (!file)
		return -errno;
	if (!fgets(line, sizeof(line), file))
		return -EIO;
	return cpus_parse(line, ret, nr_cpus);
}

struct cpu_times cpu_times(int cpu)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/stat", "re");
	unsigned long long idle, wait, stolen;
	char line[512];
	int n;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "cpu%d %*u %*u %*u %llu %llu %*u %*u %llu", &n, &idle, &wait,
			   &stolen) == 4 &&
		    n == cpu)
			return (struct cpu_times){(idle + wait) * 10000000, stolen * 10000000};
	return (struct cpu_times){};
}
