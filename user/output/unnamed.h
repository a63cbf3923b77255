/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that is being written and has no name yet. Folders are descriptors; names have no '/'. */
#ifndef OUTPUT_UNNAMED_H
#define OUTPUT_UNNAMED_H

struct unnamed {
	int fd;
	char name[64]; /* a hidden one where the file system cannot do without; else "" */
};

/* All of these: 0 or a negative errno. */
int unnamed_open(struct unnamed *file, int folder);

/* Give it a name that nothing has. -EEXIST: something has. */
int unnamed_link(struct unnamed *file, int folder, const char *name);

/* Put it in the place of what has the name, at once and whole. */
int unnamed_rename(struct unnamed *file, int folder, const char *name);

/* What was given no name is gone. */
void unnamed_close(struct unnamed *file, int folder);

#endif
