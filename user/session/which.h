/* SPDX-License-Identifier: BSD-2-Clause */
/* Which file a command's name means, as execvp() and a shell would find it. */
#ifndef SESSION_WHICH_H
#define SESSION_WHICH_H

/*
 * path: a list as in PATH; NULL: the system's own. A name with a slash is looked at as it is.
 * -ENOENT: there is none; -EACCES: there is, but it cannot be run; -EPERM: a folder could not be
 * looked into, and nothing was found elsewhere. The caller frees *ret, set where 0 is returned.
 */
int which_find(const char *name, const char *path, char **ret);

#endif
