/* SPDX-License-Identifier: BSD-2-Clause */
/* What the writers share: all bytes to a descriptor, or an error. */
#ifndef OUTPUT_STREAM_H
#define OUTPUT_STREAM_H

#include <stddef.h>
#include <stdio.h>
#include "profile/model.h"

/* All of it, over signals and short writes. Negative errno. */
int stream_write(int fd, const void *data, size_t size);

/* A buffered FILE on a descriptor that stays open. The storage is the caller's. */
struct stream {
	FILE *file;
	int fd;
	int err; /* the first one of a write */
};

/* NULL: out of memory. */
FILE *stream_open(struct stream *stream, int fd);

/* Flush and close. The first error of anything that was written, as a negative errno. */
int stream_close(struct stream *stream);

#endif
