// SPDX-License-Identifier: BSD-2-Clause
/* Our own /proc, with mappings made for the purpose; and memory that is read from a process. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include "base/cleanup.h"
#include "target/maps.h"
#include "target/memory.h"

static const struct map *map_at(const struct maps *maps, const void *address)
{
	size_t i;

	for (i = 0; i < maps->nr_maps; i++)
		if (maps->maps[i].start <= (uintptr_t)address &&
		    (uintptr_t)address < maps->maps[i].end)
			return &maps->maps[i];
	fail_msg("%p is not in maps", address);
	return NULL;
}

/* A file of two pages under a name with a blank, a line feed and brackets in it. */
static int odd_file(char path[64])
{
	int fd;

	snprintf(path, 64, "/tmp/maps a\nb (x) %d", getpid());
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "second page", 11, 4096), 11);
	return fd;
}

static void maps_own(void **state)
{
	_cleanup_close_ int fd = -1;
	const struct map *map;
	struct maps maps;
	struct stat st;
	char path[64];
	void *at;
	int local;

	fd = odd_file(path);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
	assert_ptr_not_equal(at, MAP_FAILED);
	fstat(fd, &st);
	assert_int_equal(maps_init(&maps, getpid()), 0);
	map = map_at(&maps, at);
	assert_int_equal(map->start, (uintptr_t)at);
	assert_int_equal(map->end, (uintptr_t)at + 4096);
	assert_int_equal(map->offset, 4096);
	assert_int_equal(map->inode, st.st_ino);
	assert_int_equal(makedev(map->major, map->minor), st.st_dev);
	assert_true(map->readable && !map->writable && !map->executable);
	assert_non_null(strstr(map->path, "/maps a\\012b (x) "));
	map = map_at(&maps, (void *)(uintptr_t)maps_own);
	assert_true(map->executable && map->inode);
	map = map_at(&maps, &local);
	assert_string_equal(map->path, "[stack]");
	assert_int_equal(map->inode, 0);
	maps_done(&maps);
	assert_int_equal(maps.nr_maps, 0);
	munmap(at, 4096);
	unlink(path);
}

static void maps_in_order(void **state)
{
	struct maps maps;
	size_t i;

	assert_int_equal(maps_init(&maps, getpid()), 0);
	assert_true(maps.nr_maps > 10);
	for (i = 1; i < maps.nr_maps; i++)
		assert_true(maps.maps[i - 1].end <= maps.maps[i].start);
	maps_done(&maps);
}

/* More lines than fit in one read, and in the first room for them. */
static void maps_many(void **state)
{
	enum { NR = 8000 };
	struct maps maps;
	size_t i, nr = 0;
	char *at;

	at = mmap(NULL, NR * 4096UL, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	for (i = 0; i < NR; i += 2)
		assert_int_equal(mprotect(at + i * 4096, 4096, PROT_NONE), 0);
	assert_int_equal(maps_init(&maps, getpid()), 0);
	for (i = 0; i < maps.nr_maps; i++)
		nr += maps.maps[i].start >= (uintptr_t)at &&
		      maps.maps[i].end <= (uintptr_t)at + NR * 4096UL;
	assert_true(nr >= NR - 1);
	maps_done(&maps);
	munmap(at, NR * 4096UL);
}

static void open_deleted(void **state)
{
	_cleanup_close_ int fd = -1, other = -1;
	const struct map *map;
	struct maps maps;
	char path[64], bytes[6];
	void *at;
	int got;

	if (geteuid() != 0)
		skip(); /* map_files needs CAP_CHECKPOINT_RESTORE */
	fd = odd_file(path);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
	unlink(path);
	/* Somebody else's file under the old name is not what is mapped. */
	other = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_int_equal(maps_init(&maps, getpid()), 0);
	map = map_at(&maps, at);
	assert_non_null(strstr(map->path, " (deleted)"));
	got = map_open(getpid(), map);
	assert_true(got >= 0);
	assert_int_equal(pread(got, bytes, 6, 4096), 6);
	assert_memory_equal(bytes, "second", 6);
	assert_int_equal(fcntl(got, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(got, F_GETFD), FD_CLOEXEC);
	close(got);
	maps_done(&maps);
	munmap(at, 4096);
	unlink(path);
}

static void open_what_is_no_file(void **state)
{
	const struct map *map;
	struct maps maps;
	int local, fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	void *device = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	struct map gone = {.start = 4096, .end = 8192, .inode = 1, .path = "/nowhere"};

	close(fd);
	assert_ptr_not_equal(device, MAP_FAILED);
	assert_int_equal(maps_init(&maps, getpid()), 0);
	assert_int_equal(map_open(getpid(), map_at(&maps, &local)), -ENOENT);
	map = map_at(&maps, device);
	assert_true(map->inode != 0);
	assert_int_equal(map_open(getpid(), map), -EINVAL);
	assert_int_equal(map_open(getpid(), &gone), -ENOENT);
	maps_done(&maps);
	munmap(device, 4096);
}

/* Reads, as a user who may not use map_files, by path: only while it is the same file. */
static int open_as_nobody(void)
{
	_cleanup_close_ int fd = -1;
	const struct map *map;
	struct maps maps;
	char path[64], moved[80];
	void *at;
	int got;

	if (setgid(65534) || setuid(65534))
		return 10;
	/* A process that gave up its user may not look at itself without an exec. */
	if (prctl(PR_SET_DUMPABLE, 1))
		return 11;
	snprintf(path, sizeof(path), "/tmp/maps-nobody-%d", getpid());
	snprintf(moved, sizeof(moved), "%s-moved", path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1)
		return 12;
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (maps_init(&maps, getpid()))
		return 13;
	map = map_at(&maps, at);
	got = map_open(getpid(), map);
	if (got < 0)
		return 14;
	close(got);
	rename(path, moved);
	if (mkfifo(path, 0600) || map_open(getpid(), map) != -ESTALE)
		return 15;
	unlink(path);
	unlink(moved);
	if (map_open(getpid(), map) != -ENOENT)
		return 16;
	maps_done(&maps);
	return 0;
}

static void open_without_privileges(void **state)
{
	pid_t pid;
	int status;

	if (geteuid() != 0)
		skip();
	pid = fork();
	if (!pid)
		_exit(open_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void no_such_process(void **state)
{
	struct maps maps = {.nr_maps = 77};
	__u64 word;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	assert_int_equal(maps_init(&maps, pid), -ESRCH);
	assert_int_equal(maps.nr_maps, 77);
	assert_int_equal(memory_read_u64(pid, (uintptr_t)&word, &word), -ESRCH);
}

static void memory_of_a_child(void **state)
{
	static char text[] = "parent's";
	char got[sizeof(text)] = "";
	int to[2], status;
	pid_t pid;

	assert_int_equal(pipe(to), 0);
	pid = fork();
	if (!pid) {
		memcpy(text, "child's!", 8);
		if (write(to[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(to[0], got, 1), 1);
	assert_int_equal(memory_read(pid, (uintptr_t)text, got, sizeof(text)), 0);
	assert_string_equal(got, "child's!");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(to[0]);
	close(to[1]);
}

static void memory_bounds(void **state)
{
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char got[64];

	assert_ptr_not_equal(two, MAP_FAILED);
	munmap(two + 4096, 4096);
	strcpy(two + 4096 - 5, "last");
	assert_int_equal(memory_read(getpid(), (uintptr_t)two + 4091, got, 5), 0);
	assert_string_equal(got, "last");
	assert_int_equal(memory_read(getpid(), (uintptr_t)two + 4091, got, 6), -EFAULT);
	assert_int_equal(memory_read(getpid(), 0, got, 8), -EFAULT);
	assert_int_equal(memory_read(getpid(), -8ULL, got, 64), -EFAULT);
	assert_int_equal(memory_read(getpid(), 1ULL << 63, got, 8), -EFAULT);
	assert_int_equal(memory_read(getpid(), 0, got, 0), 0);
	munmap(two, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_own),
		cmocka_unit_test(maps_in_order),
		cmocka_unit_test(maps_many),
		cmocka_unit_test(open_deleted),
		cmocka_unit_test(open_what_is_no_file),
		cmocka_unit_test(open_without_privileges),
		cmocka_unit_test(no_such_process),
		cmocka_unit_test(memory_of_a_child),
		cmocka_unit_test(memory_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
