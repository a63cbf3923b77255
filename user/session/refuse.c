// SPDX-License-Identifier: BSD-2-Clause
/*
 * What can be told before anything is attached. Each check is one line on standard error and an
 * exit status; the order is that of what a person has to mend first.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "python/find.h"
#include "session/launch.h"
#include "session/refuse.h"
#include "target/process.h"

#define BTF_PATH	"/sys/kernel/btf/vmlinux"
#define KERNEL_MAJOR	5 /* bpf_loop() came with Linux 5.17 */
#define KERNEL_MINOR	17
#define INITIAL_PID_NS	0xEFFFFFFC /* PROC_PID_INIT_INO, the same since Linux 3.8 */
#define YOUNG_MS	80	   /* a program older than this has loaded its libraries */
#define INITIAL_USER_NS 0xEFFFFFFD /* PROC_USER_INIT_INO */

/* Capabilities that are needed, and whether CAP_SYS_ADMIN stands for them. */
static const struct {
	const char *name;
	int number;
	bool admin;
} capabilities[] = {
	{"CAP_BPF", CAP_BPF, true},
	{"CAP_PERFMON", CAP_PERFMON, true},
	{"CAP_SYS_PTRACE", CAP_SYS_PTRACE, false}, /* memory and maps of processes of others */
	{"CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE, true}, /* /proc/PID/map_files */
};

/* The capabilities missing from a set, "CAP_BPF, CAP_PERFMON"; "" where none is. */
static char *missing_capabilities(__u64 effective)
{
	bool admin = effective & (1ULL << CAP_SYS_ADMIN);
	char *missing = text_format("%s", "");

	for (size_t i = 0; missing && i < ARRAY_SIZE(capabilities); i++) {
		_cleanup_free_ char *before = NULL;

		if (effective & (1ULL << capabilities[i].number))
			continue;
		if (admin && capabilities[i].admin)
			continue;
		before = missing;
		missing = text_format("%s%s%s", before, *before ? ", " : "", capabilities[i].name);
	}
	return missing;
}

static int read_capabilities(__u64 *ret)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	*ret = data[0].effective | (__u64)data[1].effective << 32;
	return 0;
}

static int refuse_capabilities(void)
{
	_cleanup_free_ char *missing = NULL;
	__u64 effective = 0;
	int err = read_capabilities(&effective);

	if (err)
		return fail(EXIT_NOT_ABLE, "cannot tell what is permitted: %s", strerror(-err));
	missing = missing_capabilities(effective);
	if (!missing)
		return fail(EXIT_FAILED, "out of memory");
	if (*missing)
		return fail(EXIT_NOT_ABLE, "needs %s: run with sudo", missing);
	return 0;
}

/* "6.1.0-18-amd64": false where it does not begin with two numbers. */
static bool parse_release(const char *release, unsigned int *ret_major, unsigned int *ret_minor)
{
	return sscanf(release, "%3u.%5u", ret_major, ret_minor) == 2;
}

static bool release_is_old(const char *release)
{
	unsigned int major, minor;

	if (!parse_release(release, &major, &minor))
		return false; /* a name of somebody's own: what the kernel can, it will show */
	return major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR);
}

static int refuse_release(void)
{
	struct utsname name;

	if (uname(&name) || !release_is_old(name.release))
		return 0;
	return fail(EXIT_NOT_ABLE, "kernel %s is too old: run on Linux %d.%d or newer",
		    name.release, KERNEL_MAJOR, KERNEL_MINOR);
}

static int refuse_btf(void)
{
	if (!access(BTF_PATH, R_OK))
		return 0;
	return fail(EXIT_NOT_ABLE,
		    "cannot read " BTF_PATH " (%s): run on a kernel built with "
		    "CONFIG_DEBUG_INFO_BTF, with /sys mounted",
		    strerror(errno));
}

static int refuse_namespace(const char *path, ino_t initial, const char *reason)
{
	struct stat stat_of;

	if (stat(path, &stat_of))
		return fail(EXIT_NOT_ABLE, "cannot look at %s (%s): mount /proc", path,
			    strerror(errno));
	return stat_of.st_ino == initial ? 0 : fail(EXIT_NOT_ABLE, "%s", reason);
}

static int refuse_namespaces(void)
{
	int status;

	status = refuse_namespace("/proc/self/ns/user", INITIAL_USER_NS,
				  "inside a user namespace, whose root may not use BPF: run on "
				  "the host with sudo");
	if (status)
		return status;
	return refuse_namespace("/proc/self/ns/pid", INITIAL_PID_NS,
				"inside a pid namespace, where the kernel's process ids are not "
				"those seen here: run on the host, or the container with "
				"--pid=host");
}

static const char *perf_reason(int error)
{
	switch (error) {
	case ENOSYS:
		return "run on a kernel built with CONFIG_PERF_EVENTS";
	case EACCES:
	case EPERM:
		return "a security module, kernel.perf_event_paranoid or a container's seccomp "
		       "filter forbids it: allow it, or run on the host";
	default:
		return "see the kernel's log";
	}
}

/* The timer that takes samples, opened once on the CPU that runs this, and closed. */
static int refuse_perf(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000000,
		.disabled = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, sched_getcpu(), -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return fail(EXIT_NOT_ABLE, "cannot open the perf event cpu-clock (%s): %s",
			    strerror(errno), perf_reason(errno));
	close(fd);
	return 0;
}

int refuse_kernel(void)
{
	static int (*const checks[])(void) = {
		refuse_namespaces, refuse_capabilities, refuse_release, refuse_btf, refuse_perf,
	};
	int status = 0;

	for (size_t i = 0; i < ARRAY_SIZE(checks) && !status; i++)
		status = checks[i]();
	return status;
}

/* The process that a thread belongs to, if pid is a thread's number; 0 where there is none. */
static pid_t thread_leader(pid_t pid)
{
	_cleanup_free_ char *path = text_format("/proc/%d/status", pid);
	_cleanup_fclose_ FILE *file = path ? fopen(path, "re") : NULL;
	char line[256];
	int leader;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Tgid: %d", &leader) == 1)
			return leader;
	return 0;
}

static int refuse_missing(pid_t pid)
{
	pid_t leader = thread_leader(pid);

	if (leader && leader != pid)
		return fail(EXIT_NO_TARGET, "%d is a thread of process %d: use -p %d", pid, leader,
			    leader);
	return fail(EXIT_NO_TARGET, "there is no process %d: see the Pythons with: pgrep -a python",
		    pid);
}

static bool is_python(int err)
{
	return !err || err == -EAGAIN; /* not initialised yet: it is tried again while we run */
}

/* Nearest descendant that is a Python, breadth first; 0 where there is none. */
static pid_t find_python_child(pid_t pid)
{
	_cleanup_free_ pid_t *pids = NULL;
	struct python python;
	size_t nr, i;

	if (process_descendants(pid, &pids, &nr))
		return 0;
	for (i = 0; i < nr; i++)
		if (pids[i] != pid && is_python(python_find(pids[i], &python)))
			return pids[i];
	return 0;
}

static int refuse_not_python(const struct process_stat *stat)
{
	pid_t child = find_python_child(stat->pid);
	struct process_stat child_stat;

	if (stat->state == 'Z')
		return fail(EXIT_NO_TARGET, "process %d (%s) has ended: nothing to profile",
			    stat->pid, stat->comm);
	if (!child || process_stat(child, &child_stat))
		return fail(EXIT_NO_TARGET,
			    "%d is %s, not a Python, nor is any child of it: see the Pythons "
			    "with: pgrep -a python",
			    stat->pid, stat->comm);
	return fail(EXIT_NO_TARGET, "%d is %s; its %s %d is a Python: use -p %d", stat->pid,
		    stat->comm, child_stat.parent == stat->pid ? "child" : "descendant", child,
		    child);
}

static __u64 age_ms(const struct process_stat *stat)
{
	struct timespec now;
	__u64 ms;

	clock_gettime(CLOCK_BOOTTIME, &now);
	ms = now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
	return ms > stat->start_ticks * 10 ? ms - stat->start_ticks * 10 : 0;
}

/* "app.py & pybpfprof -p $!" finds a program that has not loaded its libraries yet. */
static int find_python(const struct process_stat *stat, struct python *ret)
{
	const struct timespec wait = {.tv_nsec = 5000000};
	int err = python_find(stat->pid, ret);

	while (err == -ENOENT && age_ms(stat) < YOUNG_MS) {
		nanosleep(&wait, NULL);
		err = python_find(stat->pid, ret);
	}
	return err;
}

static int refuse_target(pid_t pid)
{
	struct process_stat stat;
	struct python python = {};
	int err;

	if (process_stat(pid, &stat))
		return refuse_missing(pid);
	err = find_python(&stat, &python);
	if (is_python(err))
		return 0;
	switch (err) {
	case -ENOENT:
		return refuse_not_python(&stat);
	case -ENOTSUP:
		return fail(EXIT_NO_TARGET, "%d (%s): %s", pid, stat.comm, python.refusal);
	case -ESRCH:
		return stat.state == 'Z' ? refuse_not_python(&stat) : refuse_missing(pid);
	default:
		return fail(EXIT_NOT_ABLE,
			    "cannot look into process %d (%s): %s: run as root of the host, with "
			    "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
			    pid, stat.comm, strerror(-err));
	}
}

int refuse_targets(const struct options *options)
{
	int status = options->command ? launch_check(options->command) : 0;

	for (size_t i = 0; i < options->nr_pids && !status; i++)
		status = refuse_target(options->pids[i]);
	return status;
}
