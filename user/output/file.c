// SPDX-License-Identifier: BSD-2-Clause
/*
 * A file appears under its name whole or not at all: it is written without a name (O_TMPFILE),
 * synced, and then linked; where something is replaced, linked beside it and renamed over it. We
 * may be root in a folder that somebody else can write: nothing is opened by a name that might be
 * a link, and everything goes through the one descriptor of the folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/text.h"
#include "output/file.h"
#include "output/unnamed.h"

#define MAX_TRIES    1000 /* names "-2", "-3", ... */
#define FIFO_TRIES   10
#define FIFO_WAIT_MS 5

struct output_file {
	char *path;
	const char *name; /* of the file in its folder: the end of path */
	int folder;	  /* -1 where `direct` is set */
	int direct;	  /* what is written to as it is, or -1 */
	bool replace;
	bool written;
	dev_t device; /* of what we wrote, if we did */
	ino_t inode;
};

static int refuse(int err, const char *reason, const char **ret_reason)
{
	*ret_reason = reason;
	return err;
}

static int refuse_errno(int err, const char **ret_reason)
{
	switch (err) {
	case -ENOENT:
		return refuse(err, "its folder does not exist: make it, or name another",
			      ret_reason);
	case -ENOTDIR:
		return refuse(err, "a part of the path is no folder", ret_reason);
	case -EACCES:
	case -EPERM:
		return refuse(err, "permission denied: name another folder with -o", ret_reason);
	case -EROFS:
		return refuse(err, "its file system is read-only: name another with -o",
			      ret_reason);
	case -ENOSPC:
	case -EDQUOT:
		return refuse(err, "its file system is full: name another with -o", ret_reason);
	case -ENAMETOOLONG:
		return refuse(err, "its name is too long", ret_reason);
	default:
		return refuse(err, "it cannot be opened for writing", ret_reason);
	}
}

/*
 * The folder is opened as the path says, links and all: the user typed it. Only its last part is
 * where others may have planted one.
 */
static int folder_open(const char *path, const char *name)
{
	_cleanup_free_ char *folder = name == path ? strdup(".") : strndup(path, name - path);
	int fd;

	if (!folder)
		return -ENOMEM;
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A reader that the same shell line started may not have come to its open() yet. */
static int fifo_open(int folder, const char *name)
{
	const struct timespec wait = {.tv_nsec = FIFO_WAIT_MS * 1000000};

	for (int i = 0; i < FIFO_TRIES; i++) {
		int fd = openat(folder, name,
				O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);

		if (fd >= 0 || errno != ENXIO)
			return fd < 0 ? -errno : fd;
		nanosleep(&wait, NULL);
	}
	return -ENXIO;
}

/* Write to what is there, having made sure that it still is what we looked at. */
static int direct_open(struct output_file *file, const struct stat *seen, const char **ret_reason)
{
	struct stat stat;

	file->direct = fifo_open(file->folder, file->name);
	if (file->direct == -ENXIO && S_ISFIFO(seen->st_mode))
		return refuse(-ENXIO, "nothing reads from this pipe: start its reader first",
			      ret_reason);
	if (file->direct < 0)
		return refuse_errno(file->direct, ret_reason);
	if (fstat(file->direct, &stat) || stat.st_dev != seen->st_dev ||
	    stat.st_ino != seen->st_ino)
		return refuse(-EAGAIN, "it was replaced while it was opened", ret_reason);
	fcntl(file->direct, F_SETFL, fcntl(file->direct, F_GETFL) & ~O_NONBLOCK);
	return 0;
}

/* Can a file be made in the folder? Nothing says so but making one. */
static int folder_check(struct output_file *file, const char **ret_reason)
{
	struct unnamed probe;
	int err = unnamed_open(&probe, file->folder);

	if (err == -ENOENT) /* the folder is there, but /proc and its like let nobody make files */
		return refuse(err, "no file can be made there: name another folder", ret_reason);
	if (err)
		return refuse_errno(err, ret_reason);
	unnamed_close(&probe, file->folder);
	return 0;
}

static int target_check(struct output_file *file, const char **ret_reason)
{
	struct stat stat;

	/* What stands under a default name was put there by somebody else: it is left alone. */
	if (!file->replace)
		return folder_check(file, ret_reason);
	if (!*file->name || !strcmp(file->name, ".") || !strcmp(file->name, ".."))
		return refuse(-EISDIR, "it is a folder: name a file", ret_reason);
	if (fstatat(file->folder, file->name, &stat, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? folder_check(file, ret_reason)
				       : refuse_errno(-errno, ret_reason);
	if (S_ISDIR(stat.st_mode))
		return refuse(-EISDIR, "it is a folder: name a file", ret_reason);
	if (S_ISLNK(stat.st_mode))
		return refuse(-ELOOP, "it is a link, and links are not followed: name the file",
			      ret_reason);
	if (S_ISBLK(stat.st_mode))
		return refuse(-EINVAL, "it is a disk: name a file", ret_reason);
	if (S_ISREG(stat.st_mode))
		return folder_check(file, ret_reason);
	return direct_open(file, &stat, ret_reason);
}

/*
 * A descriptor that we were given: "-", and the names that shells have for theirs, among them
 * those of >(command). These names are links, but of the kernel's making. -1: no such name.
 */
static int given_descriptor(const char *path)
{
	static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
	__u64 number;

	if (!strcmp(path, "-") || !strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		size_t size = strlen(folders[i]);

		if (!strncmp(path, folders[i], size) &&
		    !parse_number(path + size, INT_MAX, &number))
			return (int)number;
	}
	return -1;
}

static int given_open(struct output_file *file, int fd, const char **ret_reason)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return refuse(-EBADF, "it is not open for writing", ret_reason);
	file->direct = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return file->direct < 0 ? refuse_errno(-errno, ret_reason) : 0;
}

static int place_open(struct output_file *file, const char **ret_reason)
{
	int given = given_descriptor(file->path);

	if (given >= 0)
		return given_open(file, given, ret_reason);
	file->folder = folder_open(file->path, file->name);
	if (file->folder < 0)
		return refuse_errno(file->folder, ret_reason);
	return target_check(file, ret_reason);
}

int output_file_open(const char *path, bool replace, struct output_file **ret,
		     const char **ret_reason)
{
	struct output_file *file = calloc(1, sizeof(*file));
	const char *slash;
	int err;

	if (!file)
		return refuse(-ENOMEM, "out of memory", ret_reason);
	file->folder = file->direct = -1;
	file->replace = replace;
	file->path = strdup(path);
	if (file->path) {
		slash = strrchr(file->path, '/');
		file->name = slash ? slash + 1 : file->path;
		err = *path ? place_open(file, ret_reason)
			    : refuse(-EINVAL, "its name is empty", ret_reason);
	} else {
		err = refuse(-ENOMEM, "out of memory", ret_reason);
	}
	if (err)
		output_file_close(file);
	else
		*ret = file;
	return err;
}

void output_file_close(struct output_file *file)
{
	if (!file)
		return;
	if (file->folder >= 0)
		close(file->folder);
	if (file->direct >= 0)
		close(file->direct);
	free(file->path);
	free(file);
}

/* May what stands under the name be replaced: a file that the user named, or our own snapshot. */
static bool may_replace(const struct output_file *file)
{
	struct stat stat;

	if (fstatat(file->folder, file->name, &stat, AT_SYMLINK_NOFOLLOW) || !S_ISREG(stat.st_mode))
		return false;
	return file->replace ||
	       (file->written && stat.st_dev == file->device && stat.st_ino == file->inode);
}

/* The path with "-<number>" before its suffix; a new string. */
static char *numbered(const char *path, const char *suffix, int number)
{
	size_t size = strlen(path), suffix_size = strlen(suffix);

	if (size < suffix_size || strcmp(path + size - suffix_size, suffix) != 0)
		suffix_size = 0;
	return text_format("%.*s-%d%s", (int)(size - suffix_size), path, number,
			   path + size - suffix_size);
}

/* Somebody has taken the name meanwhile. A profile is not lost for that: it gets the next one. */
static int publish_elsewhere(struct output_file *file, struct unnamed *unnamed, const char *suffix)
{
	size_t folder_size = file->name - file->path;

	for (int i = 2; i < MAX_TRIES; i++) {
		_cleanup_free_ char *path = numbered(file->path, suffix, i);
		int err = path ? unnamed_link(unnamed, file->folder, path + folder_size) : -ENOMEM;

		if (err == -EEXIST)
			continue;
		if (err)
			return err;
		free(file->path);
		file->path = take(path);
		file->name = file->path + folder_size;
		return 0;
	}
	return -EEXIST;
}

static int publish(struct output_file *file, struct unnamed *unnamed, const char *suffix)
{
	int err = unnamed_link(unnamed, file->folder, file->name);

	if (err != -EEXIST)
		return err;
	if (may_replace(file))
		return unnamed_rename(unnamed, file->folder, file->name);
	return publish_elsewhere(file, unnamed, suffix);
}

/*
 * Under sudo the file is the caller's. File systems without owners refuse that, and there it does
 * not matter.
 */
static void give_to_caller(int fd)
{
	const char *uid_text = getenv("SUDO_UID"), *gid_text = getenv("SUDO_GID");
	__u64 uid, gid;

	if (geteuid() || !uid_text || !gid_text || parse_number(uid_text, UINT_MAX - 1, &uid) ||
	    parse_number(gid_text, UINT_MAX - 1, &gid))
		return;
	if (fchown(fd, uid, gid))
		return;
}

static int write_unnamed(struct output_file *file, struct unnamed *unnamed,
			 const struct output_format *format, const struct profile *profile)
{
	int err = format->write(profile, unnamed->fd);
	struct stat stat;

	if (err)
		return err;
	give_to_caller(unnamed->fd);
	if (fsync(unnamed->fd) || fstat(unnamed->fd, &stat))
		return -errno;
	err = publish(file, unnamed, format->suffix);
	if (err)
		return err;
	file->written = true;
	file->device = stat.st_dev;
	file->inode = stat.st_ino;
	return 0;
}

int output_file_write(struct output_file *file, const struct output_format *format,
		      const struct profile *profile)
{
	struct unnamed unnamed;
	int err;

	if (file->direct >= 0)
		return format->write(profile, file->direct);
	err = unnamed_open(&unnamed, file->folder);
	if (err)
		return err;
	err = write_unnamed(file, &unnamed, format, profile);
	unnamed_close(&unnamed, file->folder);
	return err;
}

bool output_file_takes_snapshots(const struct output_file *file)
{
	return file->direct < 0;
}

const char *output_file_path(const struct output_file *file)
{
	return file->path;
}
