// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/text.h"
#include "session/which.h"

#define PATH_DEFAULT "/bin:/usr/bin" /* what execvp() takes where there is no PATH */

static int look_at(const char *file)
{
	struct stat stat_of;

	if (stat(file, &stat_of))
		return errno == ENOENT || errno == ENOTDIR ? -ENOENT : -EPERM;
	return S_ISREG(stat_of.st_mode) && !access(file, X_OK) ? 0 : -EACCES;
}

/* Of two reasons why nothing was found, the one that says more. */
static int stronger(int a, int b)
{
	if (a == -EACCES || b == -EACCES)
		return -EACCES;
	return a == -EPERM || b == -EPERM ? -EPERM : -ENOENT;
}

static int find_in_path(const char *name, const char *path, char **ret)
{
	_cleanup_free_ char *copy = strdup(path ?: PATH_DEFAULT);
	char *rest = copy, *folder;
	int result = -ENOENT;

	if (!copy)
		return -ENOMEM;
	while ((folder = strsep(&rest, ":"))) {
		_cleanup_free_ char *file = text_format("%s/%s", *folder ? folder : ".", name);
		int err = file ? look_at(file) : -ENOMEM;

		if (!err)
			*ret = take(file);
		if (!err || err == -ENOMEM)
			return err;
		result = stronger(result, err);
	}
	return result;
}

int which_find(const char *name, const char *path, char **ret)
{
	int err;

	if (!*name)
		return -ENOENT;
	if (!strchr(name, '/'))
		return find_in_path(name, path, ret);
	err = look_at(name);
	if (err)
		return err;
	*ret = strdup(name);
	return *ret ? 0 : -ENOMEM;
}
