// SPDX-License-Identifier: BSD-2-Clause
/*
 * /proc/PID/maps, parsed in place, and the files behind its lines. Paths are the kernel's words
 * about somebody else's files: they name a file for people, and open one only in the fall-back,
 * where the inode is compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include "base/cleanup.h"
#include "target/maps.h"

#define TEXT_MAX ((size_t)64 << 20)

static int proc_open(pid_t pid, const char *name, int flags)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

/* All of the file, or as many whole lines of it as TEXT_MAX holds; NUL after it. */
static int read_text(int fd, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0, room = 0;

	for (;;) {
		ssize_t n;

		if (room - len < 4096) {
			char *more =
				room < TEXT_MAX ? realloc(text, room ? room * 2 : 32768) : NULL;

			if (!more && room < TEXT_MAX)
				return -ENOMEM;
			if (!more)
				break;
			text = more;
			room = room ? room * 2 : 32768;
		}
		n = read(fd, text + len, room - len - 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		len += n > 0 ? n : 0;
	}
	text[len] = 0;
	*ret = take(text);
	return 0;
}

/* A number that ends at `end`, which is stepped over. */
static bool parse_number(char **at, int base, char end, __u64 *ret)
{
	char *stop;

	errno = 0;
	*ret = strtoull(*at, &stop, base);
	if (errno || stop == *at || *stop != end)
		return false;
	*at = stop + 1;
	return true;
}

/* "559f-55a0 r-xp 00002000 fe:01 1234    /usr/bin/x" */
static bool parse_line(char *line, struct map *ret)
{
	__u64 major, minor;

	if (!parse_number(&line, 16, '-', &ret->start) || !parse_number(&line, 16, ' ', &ret->end))
		return false;
	if (strnlen(line, 5) < 5 || line[4] != ' ')
		return false;
	ret->readable = line[0] == 'r';
	ret->writable = line[1] == 'w';
	ret->executable = line[2] == 'x';
	line += 5;
	if (!parse_number(&line, 16, ' ', &ret->offset) || !parse_number(&line, 16, ':', &major) ||
	    !parse_number(&line, 16, ' ', &minor))
		return false;
	ret->major = major;
	ret->minor = minor;
	errno = 0;
	ret->inode = strtoull(line, &line, 10);
	ret->path = line + strspn(line, " ");
	return !errno && ret->start < ret->end;
}

static size_t count_lines(const char *text)
{
	size_t nr = 0;

	while ((text = strchr(text, '\n'))) {
		nr++;
		text++;
	}
	return nr;
}

int maps_init(struct maps *maps, pid_t pid)
{
	struct maps new = {};
	_cleanup_close_ int fd = proc_open(pid, "maps", O_RDONLY);
	char *line, *end;
	int err;

	if (fd < 0)
		return fd;
	err = read_text(fd, &new.text);
	if (err)
		return err;
	new.maps = calloc(count_lines(new.text) + 1, sizeof(*new.maps));
	if (!new.maps) {
		free(new.text);
		return -ENOMEM;
	}
	/* A last line without its end was cut: it is not looked at. */
	for (line = new.text; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		if (parse_line(line, &new.maps[new.nr_maps]))
			new.nr_maps++;
	}
	*maps = new;
	return 0;
}

void maps_done(struct maps *maps)
{
	free(maps->maps);
	free(maps->text);
	*maps = (struct maps){};
}

/*
 * From a descriptor that only names a file to one that reads it. Between the two the file's kind
 * is known, so that nothing is opened that blocks, or that acts when it is opened (a device).
 */
static int reopen(int path_fd)
{
	char path[64];
	struct stat st;
	int fd;

	if (fstat(path_fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/*
 * By its path, below the process's own root; links that would lead out of it stay inside. What
 * now stands there must be what is mapped.
 */
static int open_by_path(pid_t pid, const struct map *map)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int root = proc_open(pid, "root", O_PATH | O_DIRECTORY);
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (root < 0)
		return root;
	if (map->path[0] != '/')
		return -ENOENT;
	fd = syscall(SYS_openat2, root, map->path, &how, sizeof(how));
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		return -errno;
	if (st.st_ino != map->inode || st.st_dev != makedev(map->major, map->minor))
		return -ESTALE;
	return reopen(fd);
}

int map_open(pid_t pid, const struct map *map)
{
	_cleanup_close_ int fd = -1;
	char name[64];

	if (!map->inode)
		return -ENOENT;
	snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64, (uint64_t)map->start,
		 (uint64_t)map->end);
	fd = proc_open(pid, name, O_PATH);
	if (fd == -EPERM || fd == -EACCES)
		return open_by_path(pid, map);
	/* That mapping may be gone while the process is not. */
	if (fd == -ESRCH)
		return -ENOENT;
	return fd < 0 ? fd : reopen(fd);
}
