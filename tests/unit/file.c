// SPDX-License-Identifier: BSD-2-Clause
/* Where a profile goes: whole or not at all, over nothing that must stay, through no link. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/text.h"
#include "output/file.h"

#define CALLER 54321

static char *folder; /* fresh for every test */

static int folder_make(void **state)
{
	char template[] = "/tmp/pybpfprof-file-XXXXXX";

	folder = strdup(mkdtemp(template));
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	return chdir(folder);
}

static int folder_remove(void **state)
{
	char *command = text_format("rm -rf '%s'", folder);
	int status = chdir("/") || system(command);

	free(command);
	free(folder);
	return status;
}

/* Formats that do what a test needs. */
static int write_first(const struct profile *profile, int fd)
{
	return write(fd, "first\n", 6) == 6 ? 0 : -errno;
}

static int write_second(const struct profile *profile, int fd)
{
	return write(fd, "2nd\n", 4) == 4 ? 0 : -errno;
}

static int write_half(const struct profile *profile, int fd)
{
	return write(fd, "ha", 2) == 2 ? -ENOSPC : -errno;
}

static int write_killed(const struct profile *profile, int fd)
{
	write_half(profile, fd);
	return kill(getpid(), SIGKILL);
}

static const struct output_format first = {"first", ".pb.gz", "", write_first};
static const struct output_format second = {"second", ".pb.gz", "", write_second};
static const struct output_format half = {"half", ".pb.gz", "", write_half};
static const struct output_format killed = {"killed", ".pb.gz", "", write_killed};

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void holds(const char *path, const char *expected)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	assert_string_equal(text, expected);
}

/* Entries of the folder: no temporary file may be left. */
static void folder_has(int expected)
{
	DIR *dir = opendir(".");
	int nr = 0;

	while (readdir(dir))
		nr++;
	closedir(dir);
	assert_int_equal(nr - 2, expected);
}

static struct output_file *opened(const char *path, bool replace)
{
	struct output_file *file = NULL;
	const char *reason = "";
	int err = output_file_open(path, replace, &file, &reason);

	if (err)
		fail_msg("cannot open %s: %s (%d)", path, reason, err);
	return file;
}

static void refused(const char *path, int expected, const char *why)
{
	struct output_file *file = NULL;
	const char *reason = "";
	int err = output_file_open(path, true, &file, &reason);

	assert_int_equal(err, expected);
	assert_null(file);
	if (!strstr(reason, why))
		fail_msg("'%s' does not say '%s'", reason, why);
}

static void writes_a_new_file(void **state)
{
	char *path = text_format("%s/new.pb.gz", folder);
	struct output_file *file = opened(path, true);
	struct stat stat_;

	folder_has(0); /* nothing before there is something to write */
	umask(022);
	assert_int_equal(output_file_write(file, &first, NULL), 0);
	holds("new.pb.gz", "first\n");
	folder_has(1);
	assert_int_equal(stat("new.pb.gz", &stat_), 0);
	assert_int_equal(stat_.st_mode & 0777, 0644);
	assert_string_equal(output_file_path(file), path);
	assert_true(output_file_takes_snapshots(file));
	output_file_close(file);
	free(path);
}

static void a_name_without_a_folder_is_here(void **state)
{
	struct output_file *file = opened("here", true);

	assert_int_equal(output_file_write(file, &first, NULL), 0);
	holds("here", "first\n");
	output_file_close(file);
}

static void replaces_what_the_user_named(void **state)
{
	struct output_file *file;

	put("out.pb.gz", "something longer than what follows\n");
	file = opened("out.pb.gz", true);
	holds("out.pb.gz", "something longer than what follows\n");
	assert_int_equal(output_file_write(file, &first, NULL), 0);
	holds("out.pb.gz", "first\n");
	folder_has(1);
	output_file_close(file);
}

static void a_snapshot_is_replaced_by_the_next(void **state)
{
	for (int replace = 0; replace < 2; replace++) {
		struct output_file *file = opened("snap.pb.gz", replace);

		assert_int_equal(output_file_write(file, &first, NULL), 0);
		holds("snap.pb.gz", "first\n");
		assert_int_equal(output_file_write(file, &second, NULL), 0);
		holds("snap.pb.gz", "2nd\n");
		folder_has(1);
		output_file_close(file);
		unlink("snap.pb.gz");
	}
}

static void default_names_overwrite_nothing(void **state)
{
	struct output_file *file;

	put("d.pb.gz", "mine");
	assert_int_equal(symlink("elsewhere", "d-2.pb.gz"), 0);
	file = opened("d.pb.gz", false);
	assert_int_equal(output_file_write(file, &first, NULL), 0);
	holds("d.pb.gz", "mine");
	holds("d-3.pb.gz", "first\n");
	assert_string_equal(output_file_path(file), "d-3.pb.gz");
	assert_int_equal(access("elsewhere", F_OK), -1);
	/* our own snapshot is not somebody else's file */
	assert_int_equal(output_file_write(file, &second, NULL), 0);
	holds("d-3.pb.gz", "2nd\n");
	folder_has(3);
	/* but what took its place is */
	unlink("d-3.pb.gz");
	put("d-3.pb.gz", "yours");
	assert_int_equal(output_file_write(file, &first, NULL), 0);
	holds("d-3.pb.gz", "yours");
	holds("d-3-2.pb.gz", "first\n");
	output_file_close(file);
}

static void default_names_do_not_feed_a_planted_pipe(void **state)
{
	struct output_file *file;
	char byte;
	int fd;

	assert_int_equal(mkfifo("d.pb.gz", 0666), 0);
	fd = open("d.pb.gz", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	file = opened("d.pb.gz", false);
	assert_int_equal(output_file_write(file, &first, NULL), 0);
	assert_int_equal(read(fd, &byte, 1), 0);
	holds("d-2.pb.gz", "first\n");
	close(fd);
	output_file_close(file);
}

static void links_are_not_followed(void **state)
{
	struct output_file *file;

	put("victim", "precious");
	assert_int_equal(symlink("victim", "link"), 0);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	refused("link", -ELOOP, "link");
	refused("dangling", -ELOOP, "link");
	/* planted between the check and the write */
	file = opened("late.pb.gz", true);
	assert_int_equal(symlink("victim", "late.pb.gz"), 0);
	assert_int_equal(output_file_write(file, &first, NULL), 0);
	holds("victim", "precious");
	holds("late-2.pb.gz", "first\n");
	assert_int_equal(access("nowhere", F_OK), -1);
	output_file_close(file);
}

static void a_moved_folder_is_still_the_folder(void **state)
{
	struct output_file *file;

	assert_int_equal(mkdir("a", 0755), 0);
	assert_int_equal(mkdir("evil", 0755), 0);
	file = opened("a/x", true);
	assert_int_equal(rename("a", "b"), 0);
	assert_int_equal(symlink("evil", "a"), 0);
	assert_int_equal(output_file_write(file, &first, NULL), 0);
	holds("b/x", "first\n");
	assert_int_equal(access("evil/x", F_OK), -1);
	output_file_close(file);
}

static void what_cannot_be_written_is_refused_at_once(void **state)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	put("plain", "");
	refused("", -EINVAL, "empty");
	refused("missing/x", -ENOENT, "does not exist");
	refused("plain/x", -ENOTDIR, "no folder");
	refused(".", -EISDIR, "folder");
	refused("..", -EISDIR, "folder");
	refused("/", -EISDIR, "folder");
	refused("/tmp", -EISDIR, "folder");
	refused("./", -EISDIR, "folder");
	refused(name, -ENAMETOOLONG, "too long");
	refused("/proc/version", -ENOENT, "no file can be made");
	folder_has(1);
}

/* Runs what must not run as root in a child that is nobody; its exit status. */
static int as_nobody(int (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (!geteuid() && (setgid(CALLER) || setuid(CALLER)))
			_exit(99);
		_exit(run());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static int open_forbidden(void)
{
	struct output_file *file;
	const char *reason;
	int err = output_file_open("closed/x", true, &file, &reason);

	return err == -EACCES && strstr(reason, "permission") ? 0 : 1;
}

static void a_folder_that_is_not_writable(void **state)
{
	assert_int_equal(mkdir("closed", 0555), 0);
	assert_int_equal(chmod(".", 0755), 0);
	assert_int_equal(as_nobody(open_forbidden), 0);
}

static void a_failed_write_keeps_what_was_there(void **state)
{
	struct output_file *file;

	put("keep", "as it was");
	file = opened("keep", true);
	assert_int_equal(output_file_write(file, &half, NULL), -ENOSPC);
	holds("keep", "as it was");
	folder_has(1);
	output_file_close(file);
	file = opened("none", true);
	assert_int_equal(output_file_write(file, &half, NULL), -ENOSPC);
	folder_has(1);
	output_file_close(file);
}

static void killed_it_leaves_nothing(void **state)
{
	struct output_file *file = opened("victim", true);
	pid_t pid = fork();
	int status;

	if (!pid) {
		output_file_write(file, &killed, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	folder_has(0);
	output_file_close(file);
}

static void devices_are_written_to_directly(void **state)
{
	struct output_file *file = opened("/dev/null", true);
	struct stat stat_;

	assert_int_equal(output_file_write(file, &first, NULL), 0);
	assert_false(output_file_takes_snapshots(file));
	output_file_close(file);
	assert_int_equal(stat("/dev/null", &stat_), 0);
	assert_true(S_ISCHR(stat_.st_mode));
	file = opened("/dev/full", true);
	assert_int_equal(output_file_write(file, &first, NULL), -ENOSPC);
	output_file_close(file);
}

static void pipes_are_written_to_directly(void **state)
{
	struct output_file *file;
	char text[16] = "";
	int fd;

	assert_int_equal(mkfifo("pipe", 0644), 0);
	refused("pipe", -ENXIO, "reader");
	fd = open("pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	file = opened("pipe", true);
	assert_int_equal(output_file_write(file, &first, NULL), 0);
	assert_int_equal(read(fd, text, sizeof(text) - 1), 6);
	assert_string_equal(text, "first\n");
	output_file_close(file);
	assert_int_equal(read(fd, text, 1), 0); /* and closed */
	close(fd);
	folder_has(1);
}

static void written_to_descriptor(const char *path)
{
	int saved = dup(STDOUT_FILENO), fds[2];
	struct output_file *file;
	char text[16] = "";

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(stdout);
	dup2(fds[1], STDOUT_FILENO);
	file = opened(path, true);
	assert_int_equal(output_file_write(file, &first, NULL), 0);
	assert_false(output_file_takes_snapshots(file));
	output_file_close(file);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fds[1]);
	assert_int_equal(read(fds[0], text, sizeof(text) - 1), 6);
	assert_string_equal(text, "first\n");
	close(fds[0]);
}

static void standard_output_has_names(void **state)
{
	written_to_descriptor("-");
	written_to_descriptor("/dev/stdout");
	written_to_descriptor("/dev/fd/1");
	refused("/dev/fd/987", -EBADF, "not open");
	folder_has(0);
}

static void under_sudo_it_is_the_callers(void **state)
{
	struct output_file *file;
	struct stat stat_;

	if (geteuid())
		skip();
	setenv("SUDO_UID", "54321", 1);
	setenv("SUDO_GID", "54322", 1);
	put("old", "root's");
	file = opened("old", true);
	assert_int_equal(output_file_write(file, &first, NULL), 0);
	output_file_close(file);
	assert_int_equal(stat("old", &stat_), 0);
	assert_int_equal(stat_.st_uid, 54321);
	assert_int_equal(stat_.st_gid, 54322);
	setenv("SUDO_UID", "-1", 1); /* nonsense changes nothing */
	file = opened("odd", true);
	assert_int_equal(output_file_write(file, &first, NULL), 0);
	output_file_close(file);
	assert_int_equal(stat("odd", &stat_), 0);
	assert_int_equal(stat_.st_uid, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_a_new_file),
		TEST(a_name_without_a_folder_is_here),
		TEST(replaces_what_the_user_named),
		TEST(a_snapshot_is_replaced_by_the_next),
		TEST(default_names_overwrite_nothing),
		TEST(default_names_do_not_feed_a_planted_pipe),
		TEST(links_are_not_followed),
		TEST(a_moved_folder_is_still_the_folder),
		TEST(what_cannot_be_written_is_refused_at_once),
		TEST(a_folder_that_is_not_writable),
		TEST(a_failed_write_keeps_what_was_there),
		TEST(killed_it_leaves_nothing),
		TEST(devices_are_written_to_directly),
		TEST(pipes_are_written_to_directly),
		TEST(standard_output_has_names),
		TEST(under_sudo_it_is_the_callers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
