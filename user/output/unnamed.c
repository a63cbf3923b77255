// SPDX-License-Identifier: BSD-2-Clause
/*
 * O_TMPFILE where the file system has it: then a process that is killed leaves nothing. Elsewhere
 * a hidden name that nobody could guess, and so could not have planted a link under.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <linux/types.h>
#include "output/unnamed.h"

static void random_name(char ret[64])
{
	__u64 number;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		number = (__u64)getpid() << 32 ^ (__u64)time(NULL);
	snprintf(ret, 64, ".pybpfprof-%016llx.tmp", (unsigned long long)number);
}

/* Old overlayfs, FAT and some network file systems have no O_TMPFILE: EOPNOTSUPP or EISDIR. */
int unnamed_open(struct unnamed *file, int folder)
{
	file->name[0] = '\0';
	file->fd = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
	if (file->fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return file->fd < 0 ? -errno : 0;
	random_name(file->name);
	file->fd = openat(folder, file->name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC,
			  0666);
	return file->fd < 0 ? -errno : 0;
}

void unnamed_close(struct unnamed *file, int folder)
{
	int saved = errno;

	if (file->name[0])
		unlinkat(folder, file->name, 0);
	close(file->fd);
	errno = saved;
}

int unnamed_link(struct unnamed *file, int folder, const char *name)
{
	char self[64];

	if (file->name[0]) {
		if (renameat2(folder, file->name, folder, name, RENAME_NOREPLACE))
			return -errno;
		file->name[0] = '\0';
		return 0;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
	return linkat(AT_FDCWD, self, folder, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

int unnamed_rename(struct unnamed *file, int folder, const char *name)
{
	char beside[64];
	int err;

	if (!file->name[0]) {
		random_name(beside);
		err = unnamed_link(file, folder, beside);
		if (err)
			return err;
		strcpy(file->name, beside);
	}
	if (renameat(folder, file->name, folder, name))
		return -errno;
	file->name[0] = '\0';
	return 0;
}
