// SPDX-License-Identifier: BSD-2-Clause
/*
 * The command behind `--`: held, let go, its status, its user, its streams; and that nobody
 * outlives a profiler that was killed. What needs root is skipped without.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#undef fail
#include "../../user/session/caller.c"
#include "../../user/session/launch.c"
#include "../../user/session/which.c"

#define WAIT_MS 10000

static char folder[] = "/tmp/launch.XXXXXX";

static int make_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char *argv[] = {"rm", "-rf", folder, NULL};
	pid_t pid = fork();

	if (!pid)
		_exit(execvp(argv[0], argv));
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static void make_file(char ret[64], const char *name, const char *text, mode_t mode)
{
	FILE *file;

	snprintf(ret, 64, "%s/%s", folder, name);
	file = fopen(ret, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fchmod(fileno(file), mode), 0);
	fclose(file);
}

/* A stream that goes to memory for a while. */
struct captured {
	int stream, fd, saved;
	char text[4096];
};

static void capture(struct captured *c, int stream)
{
	*c = (struct captured){.stream = stream, .fd = memfd_create("captured", MFD_CLOEXEC)};
	c->saved = fcntl(stream, F_DUPFD_CLOEXEC, 10);
	fflush(NULL);
	dup2(c->fd, stream);
}

static const char *release(struct captured *c)
{
	ssize_t n;

	fflush(NULL);
	dup2(c->saved, c->stream);
	close(c->saved);
	n = pread(c->fd, c->text, sizeof(c->text) - 1, 0);
	c->text[n > 0 ? n : 0] = 0;
	close(c->fd);
	return c->text;
}

static void contains(const char *text, const char *expected)
{
	if (strstr(text, expected))
		return;
	print_error("'%s' is not in '%s'\n", expected, text);
	_fail(__FILE__, __LINE__);
}

static bool gone(int pid_fd)
{
	struct pollfd fd = {.fd = pid_fd, .events = POLLIN};

	return poll(&fd, 1, WAIT_MS) == 1;
}

/*
 * Start, let go, wait, and return the exit status; launch_go()'s where that is not 0. It then says
 * why, in one line, with `expected` in it.
 */
static int run(char *const *command, const char *expected)
{
	struct captured messages;
	struct launch launch;
	int status, ended_status = -1;

	capture(&messages, STDERR_FILENO);
	assert_int_equal(launch_start(&launch, command), 0);
	assert_false(launch_ended(&launch, &ended_status));
	status = launch_go(&launch, command);
	release(&messages);
	if (!status) {
		assert_true(gone(launch.pid_fd));
		assert_true(launch_ended(&launch, &status));
		assert_true(launch_ended(&launch, &ended_status)); /* may be asked again */
		assert_int_equal(status, ended_status);
	} else {
		contains(messages.text, expected);
		assert_ptr_equal(strchr(messages.text, '\n') + 1,
				 messages.text + strlen(messages.text));
	}
	launch_done(&launch);
	return status;
}

static int run_shell(const char *script)
{
	char *command[] = {"/bin/sh", "-c", (char *)script, NULL};

	return run(command, "");
}

static void passes_statuses_on(void **state)
{
	assert_int_equal(run_shell("exit 0"), 0);
	assert_int_equal(run_shell("exit 3"), 3);
	assert_int_equal(run_shell("kill -9 $$"), 137);
	assert_int_equal(run_shell("kill -TERM $$"), 143);
}

static void says_what_cannot_run(void **state)
{
	char plain[64], script[64], *command[2] = {};
	struct captured messages;
	struct {
		char *name;
		int status;
		const char *text;
	} cases[] = {
		{"/nonexistent/program", 127, "'/nonexistent/program' does not exist"},
		{"no-such-program", 127, "'no-such-program' is not in PATH"},
		{"", 127, "'' is not in PATH"},
		{folder, 126, "Permission denied"},
		{plain, 126, "Permission denied"},
		{script, 126, "the interpreter that it names does not exist"},
	};

	make_file(plain, "plain", "text", 0644);
	make_file(script, "script", "#!/nonexistent/interpreter\n", 0755);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		command[0] = cases[i].name;
		assert_int_equal(run(command, cases[i].text), cases[i].status);
		if (command[0] == script)
			continue; /* this only exec can tell */
		capture(&messages, STDERR_FILENO);
		assert_int_equal(launch_check(command), cases[i].status);
		contains(release(&messages), cases[i].text);
	}
	command[0] = "sh";
	assert_int_equal(launch_check(command), 0);
}

static void finds_what_execvp_finds(void **state)
{
	char plain[64], program[64], path[256], *found = NULL;

	make_file(plain, "only-text", "text", 0644);
	make_file(program, "a-program", "#!/bin/sh\n", 0755);
	snprintf(path, sizeof(path), "/nonexistent:%s:/bin", folder);
	assert_int_equal(which_find("a-program", path, &found), 0);
	assert_string_equal(found, program);
	free(found);
	assert_int_equal(which_find("only-text", path, &found), -EACCES);
	assert_int_equal(which_find("a-program", "/bin:/nonexistent", &found), -ENOENT);
	assert_int_equal(which_find("x", "/dev/null", &found), -ENOENT);
	assert_int_equal(which_find("sh", NULL, &found), 0);
	assert_string_equal(found, "/bin/sh");
	free(found);
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(which_find("a-program", "/bin::/usr/bin", &found), 0);
	assert_string_equal(found, "./a-program");
	free(found);
	assert_int_equal(chdir("/"), 0);
}

static void holds_until_let_go(void **state)
{
	char *command[] = {"/bin/sleep", "1000", NULL};
	char path[64], program[256] = "", ours[256] = "";
	struct launch launch;
	int status;

	assert_int_equal(launch_start(&launch, command), 0);
	snprintf(path, sizeof(path), "/proc/%d/exe", launch.pid);
	assert_true(readlink(path, program, sizeof(program) - 1) > 0);
	assert_true(readlink("/proc/self/exe", ours, sizeof(ours) - 1) > 0);
	assert_string_equal(program, ours);
	assert_int_equal(getpgid(launch.pid), getpgrp()); /* Ctrl-C reaches it */
	assert_int_equal(launch_go(&launch, command), 0);
	memset(program, 0, sizeof(program));
	assert_true(readlink(path, program, sizeof(program) - 1) > 0);
	contains(program, "sleep");
	launch_signal(&launch, SIGINT);
	assert_true(gone(launch.pid_fd));
	assert_true(launch_ended(&launch, &status));
	assert_int_equal(status, 130);
	launch_done(&launch);
}

static void ends_what_was_never_let_go(void **state)
{
	char *command[] = {"/bin/sleep", "1000", NULL};
	struct launch launch;
	pid_t pid;

	assert_int_equal(launch_start(&launch, command), 0);
	pid = launch.pid;
	kill(pid, SIGSTOP); /* not even so does it stay */
	launch_done(&launch);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	launch_done(&launch);
}

/* The session reads signals from a descriptor and ignores SIGPIPE: not so the command. */
static void gives_signals_back(void **state)
{
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &before);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* as under nohup */
	assert_int_equal(run_shell("kill -INT $$; exit 9"), 130);
	assert_int_equal(run_shell("kill -TERM $$; exit 9"), 143);
	assert_int_equal(run_shell("kill -PIPE $$; exit 9"), 141);
	assert_int_equal(run_shell("kill -HUP $$; exit 9"), 9);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Ctrl-C while it is still held kills it; letting it go then must not kill us. */
static void survives_a_child_killed_early(void **state)
{
	char *command[] = {"/bin/sleep", "1000", NULL};
	struct launch launch;
	int status;

	assert_int_equal(launch_start(&launch, command), 0);
	launch_signal(&launch, SIGINT);
	assert_true(gone(launch.pid_fd));
	assert_int_equal(launch_go(&launch, command), 0);
	assert_true(launch_ended(&launch, &status));
	assert_int_equal(status, 130);
	launch_done(&launch);
}

static void leaves_the_streams_alone(void **state)
{
	char *command[] = {"/bin/sh", "-c", "cat; echo complaint >&2", NULL};
	struct captured out, messages;
	struct launch launch;
	int in[2], saved = fcntl(0, F_DUPFD_CLOEXEC, 10);

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "given\n", 6), 6);
	close(in[1]);
	dup2(in[0], 0);
	capture(&out, STDOUT_FILENO);
	capture(&messages, STDERR_FILENO);
	assert_int_equal(launch_start(&launch, command), 0);
	assert_int_equal(launch_go(&launch, command), 0);
	assert_true(gone(launch.pid_fd));
	release(&messages);
	release(&out);
	dup2(saved, 0);
	close(saved);
	close(in[0]);
	launch_done(&launch);
	assert_string_equal(out.text, "given\n");
	assert_string_equal(messages.text, "complaint\n");
}

static int count_descriptors(pid_t pid, bool inherited_only)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;
	int nr = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (*entry->d_name != '.' &&
		    !(inherited_only && fcntl(atoi(entry->d_name), F_GETFD) & FD_CLOEXEC))
			nr++;
	closedir(dir);
	return nr;
}

static void leaves_no_descriptor(void **state)
{
	char *command[] = {"/bin/sleep", "1000", NULL};
	struct launch launch;
	int before = count_descriptors(getpid(), false);

	assert_int_equal(launch_start(&launch, command), 0);
	assert_int_equal(launch_go(&launch, command), 0);
	assert_int_equal(count_descriptors(launch.pid, false), count_descriptors(getpid(), true));
	launch_signal(&launch, SIGKILL);
	assert_true(gone(launch.pid_fd));
	launch_done(&launch);
	assert_int_equal(count_descriptors(getpid(), false), before);
}

/* A profiler that launches, tells the command's pid, and waits to be killed. */
static pid_t start_profiler(char *const *command, bool go, pid_t *ret_command)
{
	struct launch launch;
	int told[2];
	pid_t pid;

	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		if (launch_start(&launch, command) || (go && launch_go(&launch, command)))
			_exit(1);
		if (write(told[1], &launch.pid, sizeof(launch.pid)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	close(told[1]);
	assert_int_equal(read(told[0], ret_command, sizeof(*ret_command)), sizeof(*ret_command));
	close(told[0]);
	return pid;
}

static void held_command_ends_with_a_killed_profiler(void **state)
{
	char *command[] = {"/bin/sleep", "1000", NULL};
	pid_t child, profiler = start_profiler(command, false, &child);
	int pid_fd = syscall(SYS_pidfd_open, child, 0);

	assert_true(pid_fd >= 0);
	kill(profiler, SIGKILL);
	waitpid(profiler, NULL, 0);
	assert_true(gone(pid_fd));
	close(pid_fd);
}

static void running_command_outlives_a_killed_profiler(void **state)
{
	char *command[] = {"/bin/cat", NULL}, answer[8] = "";
	int in[2], out[2],
		saved[2] = {fcntl(0, F_DUPFD_CLOEXEC, 10), fcntl(1, F_DUPFD_CLOEXEC, 10)};
	pid_t child, profiler;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	fflush(NULL);
	dup2(in[0], 0);
	dup2(out[1], 1);
	profiler = start_profiler(command, true, &child);
	dup2(saved[0], 0);
	dup2(saved[1], 1);
	close(in[0]);
	close(out[1]);
	kill(profiler, SIGKILL);
	waitpid(profiler, NULL, 0);
	assert_int_equal(write(in[1], "alive\n", 6), 6);
	assert_int_equal(read(out[0], answer, sizeof(answer)), 6);
	assert_string_equal(answer, "alive\n");
	close(in[1]);
	assert_int_equal(read(out[0], answer, sizeof(answer)), 0);
	close(out[0]);
	close(saved[0]);
	close(saved[1]);
}

static void set_sudo(const char *uid, const char *gid, const char *user)
{
	uid ? setenv("SUDO_UID", uid, 1) : unsetenv("SUDO_UID");
	gid ? setenv("SUDO_GID", gid, 1) : unsetenv("SUDO_GID");
	user ? setenv("SUDO_USER", user, 1) : unsetenv("SUDO_USER");
}

#define SHOW_USER                                                                          \
	"grep -E '^(Uid|Gid|Groups|CapEff|CapPrm)' /proc/self/status | tr -s '\\t ' ' '; " \
	"echo $HOME $USER $LOGNAME"

static void user_is(const char *uid, const char *gid, const char *user, const char *expected)
{
	struct captured out;
	int status;

	set_sudo(uid, gid, user);
	capture(&out, STDOUT_FILENO);
	status = run_shell(SHOW_USER);
	release(&out);
	set_sudo(NULL, NULL, NULL);
	assert_int_equal(status, 0);
	contains(out.text, expected);
}

static void runs_as_the_caller_of_sudo(void **state)
{
	if (geteuid())
		skip();
	user_is("65534", "65534", "nobody",
		"Uid: 65534 65534 65534 65534\nGid: 65534 65534 65534 65534\nGroups: 65534 \n"
		"CapPrm: 0000000000000000\nCapEff: 0000000000000000\n"
		"/nonexistent nobody nobody\n");
	/* a user that passwd does not know */
	user_is("54321", "54322", "ghost",
		"Uid: 54321 54321 54321 54321\nGid: 54322 54322 54322 54322\nGroups: 54322 \n");
	user_is("54321", "54322", NULL, "\n/ 54321 54321\n");
	/* a name that belongs to another uid is not believed */
	user_is("65534", "65534", "root", "/nonexistent nobody nobody\n");
	user_is("65534", NULL, NULL, "Gid: 65534 65534");
}

static void stays_root_without_sudo(void **state)
{
	if (geteuid())
		skip();
	user_is(NULL, NULL, NULL, "Uid: 0 0 0 0\n");
	user_is("0", "0", "root", "Uid: 0 0 0 0\n");
	user_is(NULL, "65534", "nobody", "Uid: 0 0 0 0\n");
}

/* It must not run as root by mistake. */
static void refuses_a_caller_that_is_nonsense(void **state)
{
	static const char *const bad[] = {"", "x", "-1", "4294967295", "4294967296", " 5"};
	char *command[] = {"/bin/true", NULL};
	struct captured messages;
	struct launch launch;

	if (geteuid())
		skip();
	for (size_t i = 0; i < 2 * ARRAY_SIZE(bad); i++) {
		const char *id = bad[i / 2];

		set_sudo(i % 2 ? "65534" : id, i % 2 ? id : "65534", "nobody");
		capture(&messages, STDERR_FILENO);
		assert_int_equal(launch_start(&launch, command), -EINVAL);
		contains(release(&messages), "cannot tell who called sudo");
	}
	set_sudo("54321", NULL, NULL); /* nobody knows its group */
	capture(&messages, STDERR_FILENO);
	assert_int_equal(launch_start(&launch, command), -EINVAL);
	release(&messages);
	set_sudo(NULL, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_statuses_on),
		cmocka_unit_test(says_what_cannot_run),
		cmocka_unit_test(finds_what_execvp_finds),
		cmocka_unit_test(holds_until_let_go),
		cmocka_unit_test(ends_what_was_never_let_go),
		cmocka_unit_test(gives_signals_back),
		cmocka_unit_test(survives_a_child_killed_early),
		cmocka_unit_test(leaves_the_streams_alone),
		cmocka_unit_test(leaves_no_descriptor),
		cmocka_unit_test(held_command_ends_with_a_killed_profiler),
		cmocka_unit_test(running_command_outlives_a_killed_profiler),
		cmocka_unit_test(runs_as_the_caller_of_sudo),
		cmocka_unit_test(stays_root_without_sudo),
		cmocka_unit_test(refuses_a_caller_that_is_nonsense),
	};

	set_sudo(NULL, NULL, NULL);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
