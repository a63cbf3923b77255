/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings that came from elsewhere: made valid, made printable, printed into fresh memory. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

/* printf into fresh memory, which the caller frees. NULL only where memory ran out. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Copy of the `size` bytes at s as valid UTF-8 without NUL: every byte that is not part of a valid
 * sequence, and every NUL, becomes U+FFFD. The caller frees it. NULL only where memory ran out.
 */
char *text_utf8(const char *s, size_t size);

/*
 * For a terminal: UTF-8 as above, and every control character (C0, DEL, C1) and bidirectional
 * override in `s` becomes '?', in place. Newlines too.
 */
void text_clean(char *s);

/* Python's own storage (1: latin-1, 2: UCS-2, 4: UCS-4) to UTF-8. The caller frees it. */
char *text_from_ucs(const void *data, size_t size, unsigned int width);

#endif
