/* SPDX-License-Identifier: BSD-2-Clause */
/* What is mapped in a process: /proc/PID/maps, and the very files behind it. */
#ifndef TARGET_MAPS_H
#define TARGET_MAPS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct map {
	__u64 start, end, offset; /* bytes; offset in the file */
	__u64 inode;		  /* 0: no file */
	unsigned int major, minor;
	bool readable, writable, executable;
	const char *path; /* as the kernel prints it, perhaps "... (deleted)"; never NULL */
};

struct maps {
	struct map *maps; /* in order of address */
	size_t nr_maps;
	char *text; /* owns the paths */
};

/* Reads at most 64 MiB of it. -ESRCH: no such process; -EACCES. Free with maps_done(). */
int maps_init(struct maps *maps, pid_t pid);
void maps_done(struct maps *maps);

/*
 * Open the file that is mapped there, whatever its path says now (/proc/PID/map_files; where that
 * is refused, /proc/PID/root and the path, if it is still the same inode). Read only, regular
 * files only, never blocks on a FIFO. A descriptor, or a negative errno.
 */
int map_open(pid_t pid, const struct map *map);

#endif
