// SPDX-License-Identifier: BSD-2-Clause
/*
 * Refusals: what is said of capabilities, of kernels, and of processes that are no Python. The
 * processes are real ones, started here; what needs root is in tests/live/cli.t.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#undef fail
#include "../../user/session/caller.c"
#include "../../user/session/launch.c"
#include "../../user/session/refuse.c"
#include "../../user/session/which.c"

#define CAP(name) (1ULL << CAP_##name)

static void missing_is(__u64 effective, const char *expected)
{
	_cleanup_free_ char *missing = missing_capabilities(effective);

	assert_string_equal(missing, expected);
}

static void names_missing_capabilities(void **state)
{
	missing_is(0, "CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_CHECKPOINT_RESTORE");
	missing_is(~0ULL, "");
	missing_is(CAP(BPF) | CAP(PERFMON) | CAP(SYS_PTRACE) | CAP(CHECKPOINT_RESTORE), "");
	missing_is(CAP(SYS_ADMIN) | CAP(SYS_PTRACE), "");
	missing_is(CAP(SYS_ADMIN), "CAP_SYS_PTRACE");
	missing_is(CAP(BPF) | CAP(SYS_PTRACE) | CAP(CHECKPOINT_RESTORE), "CAP_PERFMON");
	missing_is(CAP(NET_ADMIN) | CAP(BPF) | CAP(PERFMON) | CAP(SYS_PTRACE),
		   "CAP_CHECKPOINT_RESTORE");
}

static void tells_old_kernels(void **state)
{
	static const char *const old[] = {"5.16.20", "5.4.0-204-generic", "4.19.0-27-amd64",
					  "3.10.0-1160.el7.x86_64", "2.6.78"};
	static const char *const able[] = {"5.17.0",   "5.17",	 "5.100.1",	  "6.1.0-18-amd64",
					   "6.18.44+", "10.0.0", "my-own-kernel", ""};

	for (size_t i = 0; i < ARRAY_SIZE(old); i++)
		assert_true(release_is_old(old[i]));
	for (size_t i = 0; i < ARRAY_SIZE(able); i++)
		assert_false(release_is_old(able[i]));
}

/* What refuse_target() prints and returns. */
static int target_captured(pid_t pid, char *ret_text, size_t size)
{
	int fd = memfd_create("captured", MFD_CLOEXEC), saved = dup(STDERR_FILENO), status;
	ssize_t n;

	dup2(fd, STDERR_FILENO);
	status = refuse_target(pid);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = pread(fd, ret_text, size - 1, 0);
	ret_text[n > 0 ? n : 0] = 0;
	close(fd);
	return status;
}

static void target_is(pid_t pid, int expected_status, const char *format, ...)
{
	char text[1024], expected[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(expected, sizeof(expected), format, args);
	va_end(args);
	assert_int_equal(target_captured(pid, text, sizeof(text)), expected_status);
	if (strncmp(text, expected, strlen(expected))) {
		print_error("'%s' does not begin with '%s'\n", text, expected);
		_fail(__FILE__, __LINE__);
	}
	if (*text) /* one line */
		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

/* A program that says when it is ready, by a line on its standard output, and ends with stdin. */
struct child {
	pid_t pid;
	int in, out;
	char line[64];
};

static void child_start(struct child *child, char *const *argv)
{
	int in[2], out[2];
	ssize_t n;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	child->pid = fork();
	if (!child->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	child->in = in[1];
	child->out = out[0];
	n = read(child->out, child->line, sizeof(child->line) - 1);
	assert_true(n > 0);
	child->line[n] = 0;
}

static void child_end(struct child *child)
{
	close(child->in);
	waitpid(child->pid, NULL, 0);
	close(child->out);
}

#define PYTHON_WAITS "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"

static void accepts_a_python(void **state)
{
	char *argv[] = {"/usr/bin/python3", "-c", PYTHON_WAITS, NULL};
	struct child child;

	if (access(argv[0], X_OK))
		skip();
	child_start(&child, argv);
	target_is(child.pid, 0, "");
	child_end(&child);
}

static void names_the_child_of_a_wrapper(void **state)
{
	char *argv[] = {"/bin/sh", "-c", "/usr/bin/python3 -c '" PYTHON_WAITS "'; :", NULL};
	char *deep[] = {"/bin/sh", "-c",
			"sh -c \"/usr/bin/python3 -c '" PYTHON_WAITS "'; :\"; :", NULL};
	struct child child;

	if (access("/usr/bin/python3", X_OK))
		skip();
	child_start(&child, argv);
	target_is(child.pid, EXIT_NO_TARGET,
		  "pybpfprof: %d is sh; its child %d is a Python: use -p %d\n", child.pid,
		  atoi(child.line), atoi(child.line));
	child_end(&child);
	child_start(&child, deep);
	target_is(child.pid, EXIT_NO_TARGET,
		  "pybpfprof: %d is sh; its descendant %d is a Python: use -p %d\n", child.pid,
		  atoi(child.line), atoi(child.line));
	child_end(&child);
}

static void refuses_other_programs(void **state)
{
	char *argv[] = {"/bin/sh", "-c", "echo; read x", NULL};
	struct child child;

	child_start(&child, argv);
	target_is(child.pid, EXIT_NO_TARGET, "pybpfprof: %d is sh, not a Python, nor is any child",
		  child.pid);
	child_end(&child);
}

static void refuses_the_dead(void **state)
{
	pid_t pid = fork();
	siginfo_t info;

	if (!pid)
		_exit(0);
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	target_is(pid, EXIT_NO_TARGET, "pybpfprof: process %d (", pid);
	waitpid(pid, NULL, 0);
	target_is(pid, EXIT_NO_TARGET, "pybpfprof: there is no process %d: ", pid);
	target_is(0x7fffffff, EXIT_NO_TARGET, "pybpfprof: there is no process 2147483647: ");
}

static pthread_barrier_t barrier;

static void *wait_twice(void *tid)
{
	*(pid_t *)tid = gettid();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void refuses_threads(void **state)
{
	pthread_t thread;
	pid_t tid;

	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, wait_twice, &tid), 0);
	pthread_barrier_wait(&barrier);
	target_is(tid, EXIT_NO_TARGET, "pybpfprof: %d is a thread of process %d: use -p %d\n", tid,
		  getpid(), getpid());
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_missing_capabilities),
		cmocka_unit_test(tells_old_kernels),
		cmocka_unit_test(accepts_a_python),
		cmocka_unit_test(names_the_child_of_a_wrapper),
		cmocka_unit_test(refuses_other_programs),
		cmocka_unit_test(refuses_the_dead),
		cmocka_unit_test(refuses_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
