// SPDX-License-Identifier: BSD-2-Clause
/*
 * What /proc says about a process. Its comm, arguments and paths are bytes that the process chose:
 * they are bounded here, and made printable by whoever prints them.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include "base/cleanup.h"
#include "target/process.h"

#define NSEC_PER_SEC  1000000000ULL
#define NSEC_PER_TICK 10000000ULL /* the kernel tells all programs 1/100 s, whatever its HZ */
#define CGROUP_MAX    65536
#define ID_LEN	      64 /* hex digits of a container's id */

/* At most size - 1 bytes, NUL after them; how many, or a negative errno. */
static ssize_t proc_read(pid_t pid, const char *name, char *ret, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	size_t len = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	while (len < size - 1) {
		ssize_t n = read(fd, ret + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += n;
	}
	ret[len] = 0;
	return len;
}

/* Fields of /proc/PID/stat after the name, by their numbers in proc(5). */
enum stat_field {
	STAT_STATE = 3,
	STAT_PARENT = 4,
	STAT_USER_TIME = 14,
	STAT_SYSTEM_TIME = 15,
	STAT_START_TIME = 22,
	STAT_EXIT_SIGNAL = 38,
	STAT_END,
};

/* The name may hold anything, brackets and blanks too: it ends at the last bracket. */
static int parse_stat(char *text, struct process_stat *ret)
{
	char *fields[STAT_END] = {}, *open = strchr(text, '('), *close = strrchr(text, ')');
	char *at, *field, *rest;
	int i = STAT_STATE;

	if (!open || !close || close < open)
		return -EBADMSG;
	*close = 0;
	at = close + 1;
	while (i < STAT_END && (field = strtok_r(at, " \n", &rest))) {
		fields[i++] = field;
		at = NULL;
	}
	if (i < STAT_END)
		return -EBADMSG;
	/* Only a thread that is not the first of its process sends no signal when it ends. */
	if (atoi(fields[STAT_EXIT_SIGNAL]) == -1)
		return -ESRCH;
	*ret = (struct process_stat){
		.pid = atoi(text),
		.parent = atoi(fields[STAT_PARENT]),
		.state = fields[STAT_STATE][0],
		.start_ticks = strtoull(fields[STAT_START_TIME], NULL, 10),
		.cpu_ticks = strtoull(fields[STAT_USER_TIME], NULL, 10) +
			     strtoull(fields[STAT_SYSTEM_TIME], NULL, 10),
	};
	snprintf(ret->comm, sizeof(ret->comm), "%s", open + 1);
	return 0;
}

int process_stat(pid_t pid, struct process_stat *ret)
{
	char text[1024];
	ssize_t len = proc_read(pid, "stat", text, sizeof(text));

	return len < 0 ? len : parse_stat(text, ret);
}

/*
 * The process's CPU clock: exact, and it counts threads that have ended. schedstat would lack
 * those. Tick counts are for processes whose clock is not to be had.
 */
int process_cpu_ns(pid_t pid, __u64 *ret)
{
	struct process_stat stat;
	struct timespec now;
	clockid_t clock;
	int err;

	if (pid > 0 && !clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &now)) {
		*ret = now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
		return 0;
	}
	err = process_stat(pid, &stat);
	if (!err)
		*ret = stat.cpu_ticks * NSEC_PER_TICK;
	return err;
}

int process_arguments(pid_t pid, char ret[4096], size_t *ret_size)
{
	ssize_t len = proc_read(pid, "cmdline", ret, 4096);
	int nr = 0;
	ssize_t i;

	if (len < 0)
		return len;
	/* A process that gave itself a title left the rest of the room empty. */
	while (len && !ret[len - 1])
		len--;
	if (len)
		len++;
	for (i = 0; i < len; i++)
		nr += !ret[i];
	*ret_size = len;
	return nr;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/*
 * Container engines name a control group by 64 hex digits, in a word of its own or between their
 * own prefix and suffix ("docker-<id>.scope"). The last one is the innermost container's.
 */
void process_container_id(pid_t pid, char ret[13])
{
	_cleanup_free_ char *text = malloc(CGROUP_MAX);
	const char *found = NULL, *at;
	size_t len = 0;

	ret[0] = 0;
	if (!text || proc_read(pid, "cgroup", text, CGROUP_MAX) < 0)
		return;
	for (at = text; *at; at++) {
		len = is_hex(*at) ? len + 1 : 0;
		if (len == ID_LEN && !isalnum((unsigned char)at[1]) &&
		    (at - text < ID_LEN || !isalnum((unsigned char)at[-ID_LEN])))
			found = at + 1 - ID_LEN;
	}
	if (found)
		snprintf(ret, 13, "%.12s", found);
}

/* Room for one more; a list that grows by doubling. */
static int list_add(pid_t **list, size_t *len, pid_t pid)
{
	if (!(*len & (*len - 1))) {
		pid_t *more = reallocarray(*list, *len ? *len * 2 : 1, sizeof(**list));

		if (!more)
			return -ENOMEM;
		*list = more;
	}
	(*list)[(*len)++] = pid;
	return 0;
}

int process_list(pid_t **ret, size_t *ret_len)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	_cleanup_free_ pid_t *list = NULL;
	struct dirent *entry;
	size_t len = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		int err;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		err = list_add(&list, &len, atoi(entry->d_name));
		if (err)
			return err;
	}
	*ret = take(list);
	*ret_len = len;
	return 0;
}

/* parents[i] of list[i]; 0 for one that has gone meanwhile. */
static pid_t *parents_of(const pid_t *list, size_t len)
{
	pid_t *parents = calloc(len + 1, sizeof(*parents));
	struct process_stat stat;
	size_t i;

	for (i = 0; parents && i < len; i++)
		parents[i] = process_stat(list[i], &stat) ? 0 : stat.parent;
	return parents;
}

int process_descendants(pid_t pid, pid_t **ret, size_t *ret_len)
{
	_cleanup_free_ pid_t *all = NULL, *parents = NULL, *list = NULL;
	size_t nr_all, len = 0, i, k;
	struct process_stat stat;
	int err = process_stat(pid, &stat);

	if (!err)
		err = process_list(&all, &nr_all);
	if (err)
		return err;
	parents = parents_of(all, nr_all);
	if (!parents)
		return -ENOMEM;
	err = list_add(&list, &len, pid);
	/* Each process is taken once, so that a snapshot with a cycle in it ends too. */
	for (i = 0; !err && i < len; i++)
		for (k = 0; !err && k < nr_all; k++) {
			if (parents[k] != list[i] || all[k] == pid)
				continue;
			parents[k] = 0;
			err = list_add(&list, &len, all[k]);
		}
	if (err)
		return err;
	*ret = take(list);
	*ret_len = len;
	return 0;
}
