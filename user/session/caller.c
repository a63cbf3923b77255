// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/text.h"
#include "session/caller.h"
#include "target/process.h"

#define GROUPS_MAX	 65536	    /* NGROUPS_MAX of Linux */
#define ENVIRONMENT_MAX	 (2u << 20) /* what exec lets through by default */
#define SUDO_PARENTS_MAX 4

/* An id out of the environment. 0: set; 1: there is none. */
static int id_from_environment(const char *name, __u64 *ret)
{
	const char *text = getenv(name);

	if (!text)
		return 1;
	/* The highest id means "leave it as it is" to setresuid(). */
	return parse_number(text, UINT_MAX - 1, ret) ? -EINVAL : 0;
}

/* The passwd entry of a uid; of several, that of SUDO_USER. NULL where there is none. */
static const struct passwd *passwd_of(uid_t uid)
{
	const char *name = getenv("SUDO_USER");
	const struct passwd *entry = name ? getpwnam(name) : NULL;

	return entry && entry->pw_uid == uid ? entry : getpwuid(uid);
}

static int read_groups(struct caller *caller, const char *name)
{
	int nr = 64;

	for (;;) {
		gid_t *groups = reallocarray(caller->groups, nr, sizeof(*groups));

		if (!groups)
			return -ENOMEM;
		caller->groups = groups;
		caller->nr_groups = nr;
		if (getgrouplist(name, caller->gid, groups, &caller->nr_groups) >= 0)
			return 0;
		if (nr >= GROUPS_MAX)
			return -E2BIG;
		nr = caller->nr_groups > nr ? caller->nr_groups : nr * 2;
	}
}

/* A uid that no passwd entry names is a user too: with one group, and nowhere at home. */
static int set_nameless(struct caller *caller)
{
	caller->groups = calloc(1, sizeof(*caller->groups));
	caller->name = text_format("%u", caller->uid);
	caller->home = strdup("/");
	if (!caller->groups || !caller->name || !caller->home)
		return -ENOMEM;
	caller->groups[0] = caller->gid;
	caller->nr_groups = 1;
	return 0;
}

static int set_named(struct caller *caller, const struct passwd *entry)
{
	caller->name = strdup(entry->pw_name);
	caller->home = strdup(entry->pw_dir);
	if (!caller->name || !caller->home)
		return -ENOMEM;
	return read_groups(caller, caller->name);
}

int caller_init(struct caller *caller)
{
	const struct passwd *entry;
	__u64 uid = 0, gid = 0;
	int has_uid, has_gid, err;

	*caller = (struct caller){};
	if (geteuid())
		return 0;
	has_uid = id_from_environment("SUDO_UID", &uid);
	has_gid = id_from_environment("SUDO_GID", &gid);
	if (has_uid < 0 || has_gid < 0)
		return -EINVAL;
	if (has_uid || !uid)
		return 0;
	entry = passwd_of(uid);
	if (has_gid && !entry)
		return -EINVAL;
	caller->other = true;
	caller->uid = uid;
	caller->gid = has_gid ? entry->pw_gid : gid;
	err = entry ? set_named(caller, entry) : set_nameless(caller);
	if (err)
		caller_done(caller);
	return err;
}

void caller_done(struct caller *caller)
{
	free(caller->groups);
	free(caller->name);
	free(caller->home);
	*caller = (struct caller){};
}

int caller_become(const struct caller *caller)
{
	if (!caller->other)
		return 0;
	/* In this order: once the uid is gone, so is the right to change the rest. */
	if (setgroups(caller->nr_groups, caller->groups) ||
	    setresgid(caller->gid, caller->gid, caller->gid) ||
	    setresuid(caller->uid, caller->uid, caller->uid) || setenv("HOME", caller->home, 1) ||
	    setenv("USER", caller->name, 1) || setenv("LOGNAME", caller->name, 1))
		return -errno;
	return 0;
}

/* The outermost of the sudo processes above us: with a terminal of its own, sudo forks once. */
static pid_t sudo_pid(void)
{
	struct process_stat stat;
	pid_t pid = getppid(), found = 0;

	for (int i = 0; i < SUDO_PARENTS_MAX; i++) {
		if (process_stat(pid, &stat) || strcmp(stat.comm, "sudo"))
			break;
		found = pid;
		pid = stat.parent;
	}
	return found;
}

/* Words that each end with a NUL, and an empty one; NULL where the file holds anything else. */
static char *read_words(const char *path, size_t max)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = fd >= 0 ? malloc(max + 1) : NULL;
	size_t size = 0;
	ssize_t n;

	if (!text)
		return NULL;
	while (size < max && (n = read(fd, text + size, max - size)) > 0)
		size += n;
	text[size] = 0; /* an empty word, which ends the list */
	return size && !text[size - 1] ? take(text) : NULL;
}

char *caller_path(void)
{
	pid_t pid = sudo_pid();
	_cleanup_free_ char *path = pid ? text_format("/proc/%d/environ", pid) : NULL;
	_cleanup_free_ char *text = path ? read_words(path, ENVIRONMENT_MAX) : NULL;

	for (char *s = text; s && *s; s += strlen(s) + 1)
		if (!strncmp(s, "PATH=", 5))
			return strdup(s + 5);
	return NULL;
}
