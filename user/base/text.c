// SPDX-License-Identifier: BSD-2-Clause
/*
 * Strings from a target may hold anything. What leaves this file is valid UTF-8; what is printed
 * to a terminal cannot move its cursor, change its title or reorder its text.
 */
#include <linux/types.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"

#define REPLACEMENT 0xfffdu

char *text_format(const char *format, ...)
{
	va_list args;
	char *ret;
	int n;

	va_start(args, format);
	n = vasprintf(&ret, format, args);
	va_end(args);
	return n < 0 ? NULL : ret;
}

/* Bytes that a lead byte asks for; 0 for what can lead nothing. Overlong C0, C1 are out at once. */
static size_t sequence_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 0;
}

static bool is_scalar(__u32 code)
{
	return code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
}

/*
 * The first character of at most `size` bytes: how many bytes it takes, 0 where they are not valid
 * UTF-8 (overlong, surrogate, past U+10FFFF, cut off).
 */
static size_t decode(const char *s, size_t size, __u32 *ret)
{
	static const __u32 least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = sequence_length((unsigned char)*s);
	__u32 code;

	if (!length || length > size)
		return 0;
	code = (unsigned char)*s & (length == 1 ? 0x7f : 0xff >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (code < least[length] || !is_scalar(code))
		return 0;
	*ret = code;
	return length;
}

static char *encode(char *out, __u32 code)
{
	if (code < 0x80) {
		*out++ = (char)code;
	} else if (code < 0x800) {
		*out++ = (char)(0xc0 | code >> 6);
		*out++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*out++ = (char)(0xe0 | code >> 12);
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	} else {
		*out++ = (char)(0xf0 | code >> 18);
		*out++ = (char)(0x80 | (code >> 12 & 0x3f));
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	}
	return out;
}

/* End the string and give back what was reserved too much; a failed shrink loses nothing. */
static char *finish(char *text, char *end)
{
	char *shrunk;

	*end = '\0';
	shrunk = realloc(text, end - text + 1);
	return shrunk ? shrunk : text;
}

char *text_utf8(const char *s, size_t size)
{
	char *text = size < SIZE_MAX / 3 ? malloc(size * 3 + 1) : NULL;
	char *out = text;
	size_t i = 0;

	if (!text)
		return NULL;
	while (i < size) {
		__u32 code = 0;
		size_t length = decode(s + i, size - i, &code);

		out = encode(out, length && code ? code : REPLACEMENT);
		i += length ? length : 1;
	}
	return finish(text, out);
}

/* What can act on a terminal or make a line read otherwise than it is. */
static bool is_unprintable(__u32 code)
{
	if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
		return true;
	if (code == 0x061c || code == 0x200e || code == 0x200f) /* marks of direction */
		return true;
	/* line and paragraph separators, embeddings and overrides; isolates */
	return (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void text_clean(char *s)
{
	size_t size = strlen(s);
	char *out = s;

	for (size_t i = 0; i < size;) {
		__u32 code = 0;
		size_t length = decode(s + i, size - i, &code);

		if (!length || is_unprintable(code)) {
			*out++ = '?';
		} else {
			memmove(out, s + i, length);
			out += length;
		}
		i += length ? length : 1;
	}
	*out = '\0';
}

static __u32 ucs_character(const char *data, unsigned int width)
{
	__u32 four;
	__u16 two;

	switch (width) {
	case 1:
		return (unsigned char)*data;
	case 2:
		memcpy(&two, data, sizeof(two));
		return two;
	default:
		memcpy(&four, data, sizeof(four));
		return four;
	}
}

char *text_from_ucs(const void *data, size_t size, unsigned int width)
{
	char *text, *out;
	size_t length;

	if (width != 1 && width != 2 && width != 4)
		return strdup("\xef\xbf\xbd");
	length = size / width;
	out = text = length < SIZE_MAX / 4 ? malloc(length * 4 + 1) : NULL;
	if (!text)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		__u32 code = ucs_character((const char *)data + i * width, width);

		out = encode(out, code && is_scalar(code) ? code : REPLACEMENT);
	}
	return finish(text, out);
}
