// SPDX-License-Identifier: BSD-2-Clause
/* Our own processes as /proc tells them, and names from arguments. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "base/cleanup.h"
#include "target/process.h"

/* Arguments as a literal: "a\0b" has an end of its own. */
#define assert_name(arguments, comm, expected)                                                 \
	do {                                                                                   \
		char *_name = process_name_from_arguments(arguments, sizeof(arguments), comm); \
		assert_string_equal(_name, expected);                                          \
		free(_name);                                                                   \
	} while (0)

static void names_of_scripts(void **state)
{
	assert_name("python3\0manage.py\0runserver", "python3", "manage.py");
	assert_name("/usr/bin/python3.11\0/srv/app/manage.py", "x", "manage.py");
	assert_name("python\0-u\0-X\0importtime\0script.py\0args", "python", "script.py");
	assert_name("python3\0/usr/bin/gunicorn\0app:app", "gunicorn", "gunicorn");
	assert_name("/usr/bin/python3\0-E\0-s\0-P\0/usr/bin/tool\0-m\0x", "x", "tool");
	assert_name("python3\0-W\0ignore\0-Wd\0-Xdev\0-OOB\0a.py", "x", "a.py");
	assert_name("python3\0--check-hash-based-pycs\0always\0b.py", "x", "b.py");
	assert_name("python3\0--check-hash-based-pycs=never\0b.py", "x", "b.py");
	assert_name("python3\0--\0-odd.py", "x", "-odd.py");
	assert_name("python3.13t\0a.py", "x", "a.py");
	assert_name("python3-dbg\0a.py", "x", "a.py");
	assert_name("pypy3.10\0a.py", "x", "a.py");
	assert_name("python\0app/", "x", "app");
	assert_name("python\0/srv/shop/__main__.py", "x", "shop");
	assert_name("python\0__main__.py", "x", "__main__.py");
	assert_name("python\0/__main__.py", "x", "__main__.py");
	assert_name("python\0../__main__.py", "x", "__main__.py");
	assert_name("python\0/", "x", "/");
}

static void names_of_modules(void **state)
{
	assert_name("python3\0-m\0pkg.mod\0-c", "x", "pkg.mod");
	assert_name("python3\0-mgunicorn\0app", "x", "gunicorn");
	assert_name("python3\0-Im\0http.server", "x", "http.server");
	assert_name("python3\0-m\0pkg.__main__", "x", "pkg");
	assert_name("python3\0-m", "x", "python3");
}

static void names_of_commands(void **state)
{
	assert_name("python3\0-c\0import time; time.sleep(9)", "x", "python -c");
	assert_name("python3\0-Ic\0pass", "x", "python -c");
	assert_name("python3\0-cpass", "x", "python -c");
	assert_name("python3\0-c", "x", "python -c");
	assert_name("python3\0-Xm\0a.py", "x", "a.py");
	assert_name("/usr/bin/python3\0-i", "x", "python3");
	assert_name("python3.12\0-", "x", "python3.12");
	assert_name("python3", "x", "python3");
	assert_name("python3\0-X", "x", "python3");
	assert_name("python3\0", "x", "python3");
}

static void names_of_programs(void **state)
{
	assert_name("gunicorn: worker [app]", "gunicorn", "gunicorn: worker [app]");
	assert_name("gunicorn: master [app]   ", "x", "gunicorn: master [app]");
	assert_name("[celeryd: a@b:MainProcess] -active-", "x",
		    "[celeryd: a@b:MainProcess] -active-");
	assert_name("uwsgi\0--http\0:80", "uwsgi", "uwsgi");
	assert_name("/usr/bin/uwsgi", "x", "uwsgi");
	assert_name("/opt/my app/bin/server", "x", "server");
	assert_name("pythonista\0a.py", "x", "pythonista");
	assert_name("python3x\0a.py", "x", "python3x");
	assert_name("-bash", "bash", "bash");
	assert_name("", "kworker/0:1", "kworker/0:1");
	assert_name("\0\0a.py", "comm", "comm");
}

/* Bytes that nobody meant well: bounded, and never read past. */
static void names_hostile(void **state)
{
	char arguments[4096], *name;
	size_t i;

	memset(arguments, 'a', sizeof(arguments));
	name = process_name_from_arguments(arguments, sizeof(arguments), "no end");
	assert_string_equal(name, "no end");
	free(name);
	arguments[4095] = 0;
	name = process_name_from_arguments(arguments, sizeof(arguments), "");
	assert_int_equal(strlen(name), 128);
	free(name);
	/* "é" over the limit is left out, not cut in two */
	memcpy(arguments + 127, "\xc3\xa9", 2);
	name = process_name_from_arguments(arguments, sizeof(arguments), "");
	assert_int_equal(strlen(name), 127);
	free(name);
	/* 4 KiB of bytes that only continue: cut all the same */
	memset(arguments, 0x80, 4095);
	name = process_name_from_arguments(arguments, sizeof(arguments), "");
	assert_in_range(strlen(name), 120, 128);
	free(name);
	memcpy(arguments, "python", 7);
	memset(arguments + 7, '-', 4088);
	name = process_name_from_arguments(arguments, sizeof(arguments), "");
	assert_string_equal(name, "python");
	free(name);
	for (i = 0; i < sizeof(arguments); i++) {
		name = process_name_from_arguments("python3\0-m\0x", i % 12, "c");
		assert_non_null(name);
		free(name);
	}
}

static void stat_own(void **state)
{
	struct process_stat stat, again;
	char comm[16] = "a) R (b\tc\nd";

	prctl(PR_SET_NAME, comm);
	assert_int_equal(process_stat(getpid(), &stat), 0);
	assert_int_equal(stat.pid, getpid());
	assert_int_equal(stat.parent, getppid());
	assert_int_equal(stat.state, 'R');
	assert_string_equal(stat.comm, comm);
	assert_true(stat.start_ticks > 0);
	assert_int_equal(process_stat(getpid(), &again), 0);
	assert_int_equal(again.start_ticks, stat.start_ticks);
	prctl(PR_SET_NAME, "process");
	assert_int_equal(process_stat(0, &stat), -ESRCH);
	assert_int_equal(process_stat(-1, &stat), -ESRCH);
	assert_int_equal(process_stat(0x7fffffff, &stat), -ESRCH);
}

static __u64 now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void burn(__u64 ns)
{
	__u64 until = now_ns(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (now_ns(CLOCK_THREAD_CPUTIME_ID) < until)
		;
}

static void *short_thread(void *tid)
{
	struct process_stat stat;

	*(pid_t *)tid = syscall(SYS_gettid);
	if (process_stat(*(pid_t *)tid, &stat) != -ESRCH)
		*(pid_t *)tid = -1;
	burn(50000000);
	return NULL;
}

/* A thread is no process; its time is the process's, after its end too. */
static void threads_count(void **state)
{
	__u64 before, after, own;
	pthread_t thread;
	pid_t tid = 0;

	own = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	assert_int_equal(process_cpu_ns(getpid(), &before), 0);
	assert_true(before >= own);
	assert_int_equal(pthread_create(&thread, NULL, short_thread, &tid), 0);
	pthread_join(thread, NULL);
	assert_true(tid > 0);
	assert_int_equal(process_cpu_ns(getpid(), &after), 0);
	assert_true(after - before >= 50000000);
	assert_true(after <= now_ns(CLOCK_PROCESS_CPUTIME_ID));
}

static void cpu_of_another(void **state)
{
	int to[2], status;
	__u64 cpu = 0;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(to), 0);
	pid = fork();
	if (!pid) {
		burn(30000000);
		if (write(to[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(to[0], &byte, 1), 1);
	assert_int_equal(process_cpu_ns(pid, &cpu), 0);
	assert_in_range(cpu, 30000000, 1000000000);
	/* Dead, but not buried: its time still stands. */
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, pid, &(siginfo_t){}, WEXITED | WNOWAIT), 0);
	assert_int_equal(process_cpu_ns(pid, &cpu), 0);
	assert_in_range(cpu, 30000000, 1000000000);
	waitpid(pid, &status, 0);
	assert_int_equal(process_cpu_ns(pid, &cpu), -ESRCH);
	assert_int_equal(process_cpu_ns(0, &cpu), -ESRCH);
	close(to[0]);
	close(to[1]);
}

/* Start sh -c 'echo ready; read x' under other names, and read its first line. */
static pid_t start(char *const argv[], int *ret_in, const char *directory)
{
	int in[2], out[2];
	char ready;
	pid_t pid;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		if (chdir(directory) == 0)
			execv("/bin/sh", argv);
		_exit(99);
	}
	close(in[0]);
	close(out[1]);
	assert_int_equal(read(out[0], &ready, 1), 1);
	close(out[0]);
	*ret_in = in[1];
	return pid;
}

static void stop(pid_t pid, int in)
{
	close(in);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void arguments_and_name(void **state)
{
	char long_argument[6000];
	char *argv[] = {"python3", "-c", "echo; read x", long_argument, NULL};
	char arguments[4096];
	size_t size;
	char *name;
	pid_t pid;
	int in, nr;

	memset(long_argument, 'x', sizeof(long_argument) - 1);
	long_argument[sizeof(long_argument) - 1] = 0;
	pid = start(argv, &in, "/tmp");
	nr = process_arguments(pid, arguments, &size);
	assert_int_equal(nr, 4);
	assert_int_equal(size, 4096);
	assert_int_equal(arguments[4095], 0);
	assert_string_equal(arguments, "python3");
	assert_string_equal(arguments + 8, "-c");
	name = process_name(pid);
	assert_string_equal(name, "python -c");
	free(name);
	stop(pid, in);
	assert_int_equal(process_arguments(pid, arguments, &size), -ESRCH);
	name = process_name(pid);
	assert_string_equal(name, "?");
	free(name);
}

/* A zombie has no arguments any more; its comm is left. */
static void name_of_a_zombie(void **state)
{
	char arguments[4096];
	size_t size = 1;
	char *name;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, pid, &(siginfo_t){}, WEXITED | WNOWAIT), 0);
	assert_int_equal(process_arguments(pid, arguments, &size), 0);
	assert_int_equal(size, 0);
	name = process_name(pid);
	assert_string_equal(name, "process");
	free(name);
	waitpid(pid, NULL, 0);
}

static void check_roots(char *const argv[], const char *directory, const char *script,
			const char *cwd)
{
	char *roots[2];
	int in;
	pid_t pid = start(argv, &in, directory);

	process_source_roots(pid, roots);
	assert_string_equal(roots[0], script);
	assert_string_equal(roots[1], cwd);
	free(roots[0]);
	free(roots[1]);
	stop(pid, in);
}

static void source_roots(void **state)
{
	char dir[64], script[128], archive[128];
	FILE *file;

	snprintf(dir, sizeof(dir), "/tmp/roots-%d", getpid());
	snprintf(script, sizeof(script), "%s/run.py", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	file = fopen(script, "w");
	fputs("echo; read x\n", file);
	fclose(file);
	check_roots((char *[]){"python3", script, NULL}, "/", dir, "");
	check_roots((char *[]){"python3", "run.py", NULL}, dir, dir, dir);
	check_roots((char *[]){"python3", "./run.py", NULL}, dir, dir, dir);
	check_roots((char *[]){"python3", strchr(script + 1, '/') + 1, NULL}, "/tmp", dir, "/tmp");
	check_roots((char *[]){"python3", "-c", "echo; read x", NULL}, "/usr", "", "/usr");
	check_roots((char *[]){"sh", "run.py", NULL}, dir, "", dir);
	snprintf(archive, sizeof(archive), "%s/run.pyz", dir);
	assert_int_equal(rename(script, archive), 0);
	check_roots((char *[]){"python3", archive, NULL}, "/", archive, "");
	check_roots((char *[]){"python3", "./run.pyz", NULL}, dir, archive, dir);
	unlink(archive);
	rmdir(dir);
}

static bool among(const pid_t *list, size_t len, pid_t pid)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (list[i] == pid)
			return true;
	return false;
}

static void descendants(void **state)
{
	/* sh, its child sh, and that one's child: the innermost says that it is there. */
	char *argv[] = {"sh", "-c", "sh -c 'sh -c \"echo; read x\"; true'; true", NULL};
	_cleanup_free_ pid_t *list = NULL, *tree = NULL;
	size_t len, tree_len, i;
	pid_t pid;
	int in;

	pid = start(argv, &in, "/");
	assert_int_equal(process_list(&list, &len), 0);
	assert_true(among(list, len, pid) && among(list, len, getpid()));
	assert_int_equal(process_descendants(pid, &tree, &tree_len), 0);
	assert_int_equal(tree_len, 3);
	assert_int_equal(tree[0], pid);
	for (i = 0; i < tree_len; i++)
		assert_true(among(list, len, tree[i]));
	close(in);
	waitpid(pid, NULL, 0);
	free(take(tree));
	assert_int_equal(process_descendants(pid, &tree, &tree_len), -ESRCH);
}

static void container_id_own(void **state)
{
	char id[13] = "x";

	process_container_id(0x7fffffff, id);
	assert_string_equal(id, "");
	process_container_id(getpid(), id);
	assert_true(strlen(id) == 0 || strspn(id, "0123456789abcdef") == 12);
}

/* A child in a control group of this name, which is removed again. */
static int container_of_group(const char *group, char id[13])
{
	static const char *const mounts[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
	char path[256], procs[300];
	size_t i;
	FILE *file;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		snprintf(path, sizeof(path), "%s/%s", mounts[i], group);
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
		if (mkdir(path, 0755))
			continue;
		file = fopen(procs, "w");
		if (file)
			break;
		rmdir(path);
	}
	if (i == ARRAY_SIZE(mounts))
		return -ENOENT;
	pid = fork();
	if (!pid) {
		pause();
		_exit(1);
	}
	fprintf(file, "%d\n", pid);
	fclose(file);
	process_container_id(pid, id);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return rmdir(path) ? -errno : 0;
}

static void container_id_of_groups(void **state)
{
	char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char group[80], id[13];

	snprintf(group, sizeof(group), "docker-%s.scope", hex);
	if (container_of_group(group, id))
		skip(); /* no control groups here that we may make */
	assert_string_equal(id, "0123456789ab");
	assert_int_equal(container_of_group(hex, id), 0);
	assert_string_equal(id, "0123456789ab");
	snprintf(group, sizeof(group), "%s0", hex);
	assert_int_equal(container_of_group(group, id), 0);
	assert_string_equal(id, "");
	snprintf(group, sizeof(group), "%.63s", hex);
	assert_int_equal(container_of_group(group, id), 0);
	assert_string_equal(id, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_scripts),   cmocka_unit_test(names_of_modules),
		cmocka_unit_test(names_of_commands),  cmocka_unit_test(names_of_programs),
		cmocka_unit_test(names_hostile),      cmocka_unit_test(stat_own),
		cmocka_unit_test(threads_count),      cmocka_unit_test(cpu_of_another),
		cmocka_unit_test(arguments_and_name), cmocka_unit_test(name_of_a_zombie),
		cmocka_unit_test(source_roots),	      cmocka_unit_test(descendants),
		cmocka_unit_test(container_id_own),   cmocka_unit_test(container_id_of_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
