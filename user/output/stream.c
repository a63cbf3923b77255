// SPDX-License-Identifier: BSD-2-Clause
/*
 * stdio on a descriptor, except that a signal in the middle of a write() loses nothing: a FILE of
 * the C library takes EINTR for an error, and signals are how the profiler is stopped.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>
#include "output/stream.h"

/* A shell may share its terminal or pipe with a program that made it non-blocking. */
static bool wait_writable(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLOUT};

	return poll(&pollfd, 1, -1) >= 0 || errno == EINTR;
}

int stream_write(int fd, const void *data, size_t size)
{
	const char *bytes = data;

	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && wait_writable(fd))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		size -= n;
	}
	return 0;
}

static ssize_t cookie_write(void *cookie, const char *data, size_t size)
{
	struct stream *stream = cookie;

	if (!stream->err)
		stream->err = stream_write(stream->fd, data, size);
	return stream->err ? 0 : (ssize_t)size;
}

FILE *stream_open(struct stream *stream, int fd)
{
	cookie_io_functions_t functions = {.write = cookie_write};

	stream->fd = fd;
	stream->err = 0;
	stream->file = fopencookie(stream, "w", functions);
	return stream->file;
}

int stream_close(struct stream *stream)
{
	int failed = ferror(stream->file);

	failed |= fclose(stream->file);
	if (stream->err)
		return stream->err;
	return failed ? -EIO : 0;
}
