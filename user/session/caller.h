/* SPDX-License-Identifier: BSD-2-Clause */
/* Who called sudo: a launched command runs as this user, and has this user's PATH in mind. */
#ifndef SESSION_CALLER_H
#define SESSION_CALLER_H

#include <stdbool.h>
#include <sys/types.h>

struct caller {
	bool other; /* than root; false: a command runs as what we are, the rest is unset */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int nr_groups;
	char *name;
	char *home;
};

/*
 * Only root can be somebody else's sudo. -EINVAL: SUDO_UID or SUDO_GID is no number (a command
 * must not run as root by mistake); -ENOMEM. Release with caller_done().
 */
int caller_init(struct caller *caller);
void caller_done(struct caller *caller);

/* Become the caller, for good: groups, gid, uid, HOME, USER, LOGNAME. Negative errno. */
int caller_become(const struct caller *caller);

/*
 * The PATH that sudo was called with, where sudo is our parent; NULL where it is not known. sudo
 * replaces PATH for us, but what it was started with can be read. The caller frees it.
 */
char *caller_path(void);

#endif
