/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ownership: a variable marked with one of these is released when it goes out of scope; take()
 * hands it on instead.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <dirent.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define _cleanup_(f)	   __attribute__((cleanup(f)))
#define _cleanup_free_	   _cleanup_(cleanup_free)
#define _cleanup_close_	   _cleanup_(cleanup_close)
#define _cleanup_fclose_   _cleanup_(cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)

/* take(p): the value of pointer p, which is NULL from now on. take_fd(fd): likewise, -1. */
#define take(p)                           \
	({                                \
		__typeof__(p) *_p = &(p); \
		__typeof__(p) _v = *_p;   \
		*_p = NULL;               \
		_v;                       \
	})
#define take_fd(fd)              \
	({                       \
		int *_p = &(fd); \
		int _v = *_p;    \
		*_p = -1;        \
		_v;              \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
