// SPDX-License-Identifier: BSD-2-Clause
/* Strings from elsewhere: valid, printable, and log lines made of them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#undef fail /* cmocka has one too */
#include "base/log.h"
#include "base/text.h"

#define FFFD "\xef\xbf\xbd"

static void utf8_is(const char *s, size_t size, const char *expected)
{
	char *text = text_utf8(s, size);

	assert_string_equal(text, expected);
	free(text);
}

static void keeps_valid_utf8(void **state)
{
	const char *good = "a\xc2\x80z\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf\xf0\x90\x80\x80"
			   "\xf4\x8f\xbf\xbf";

	utf8_is(good, strlen(good), good);
	utf8_is("", 0, "");
}

static void replaces_each_invalid_byte(void **state)
{
	utf8_is("a\0b", 3, "a" FFFD "b");
	utf8_is("\x80", 1, FFFD);
	utf8_is("\xc0\x80", 2, FFFD FFFD);		     /* overlong NUL */
	utf8_is("\xe0\x9f\xbf", 3, FFFD FFFD FFFD);	     /* overlong */
	utf8_is("\xed\xa0\x80", 3, FFFD FFFD FFFD);	     /* surrogate */
	utf8_is("\xf4\x90\x80\x80", 4, FFFD FFFD FFFD FFFD); /* past U+10FFFF */
	utf8_is("\xff\xfe", 2, FFFD FFFD);
	utf8_is("\xe2\x82", 2, FFFD FFFD); /* cut off: must not look behind the end */
	utf8_is("\xc3(", 2, FFFD "(");
}

static void cleaned_is(const char *s, const char *expected)
{
	char *copy = strdup(s);

	text_clean(copy);
	assert_string_equal(copy, expected);
	free(copy);
}

static void cleans_for_terminals(void **state)
{
	cleaned_is("plain \xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d",
		   "plain \xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d");
	cleaned_is("\x1b[2J\x1b]0;title\x07", "?[2J?]0;title?");
	cleaned_is("a\nb\tc\rd\x7f", "a?b?c?d?");
	cleaned_is("\xc2\x9b"
		   "31m",
		   "?31m"); /* C1: CSI in one character */
	cleaned_is("\x9b"
		   "31m",
		   "?31m");				       /* the same as a bare byte */
	cleaned_is("x\xe2\x80\xaey", "x?y");		       /* right-to-left override */
	cleaned_is("\xe2\x81\xa6\xe2\x81\xa9\xd8\x9c", "???"); /* isolates, mark */
	cleaned_is("", "");
}

static void ucs_is(const void *data, size_t size, unsigned int width, const char *expected)
{
	char *text = text_from_ucs(data, size, width);

	assert_string_equal(text, expected);
	free(text);
}

static void decodes_python_storage(void **state)
{
	static const __u16 two[] = {'h', 0xe9, 0x20ac, 0xd800, 0};
	static const __u32 four[] = {'s', 0x1f40d, 0x110000, 0xffffffff};
	char odd[1 + sizeof(four)];

	ucs_is("caf\xe9", 4, 1, "caf\xc3\xa9");
	ucs_is("a\0", 2, 1, "a" FFFD);
	ucs_is(two, sizeof(two), 2, "h\xc3\xa9\xe2\x82\xac" FFFD FFFD);
	ucs_is(two, 3, 2, "h"); /* half a character at the end is none */
	ucs_is(four, sizeof(four), 4, "s\xf0\x9f\x90\x8d" FFFD FFFD);
	memcpy(odd + 1, four, sizeof(four));
	ucs_is(odd + 1, 8, 4, "s\xf0\x9f\x90\x8d");
	ucs_is("abc", 3, 3, FFFD);
	ucs_is("", 0, 2, "");
}

static void formats(void **state)
{
	char *text = text_format("%s-%d", "x", 7);

	assert_string_equal(text, "x-7");
	free(text);
}

/* fail() with standard error in a pipe; what came out, in one read. */
static int log_into(char *ret, size_t size, enum log_level level, const char *message)
{
	int saved = dup(STDERR_FILENO), fds[2], err = 0;
	ssize_t n;

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(fds[1], STDERR_FILENO);
	if (level == LOG_ERROR)
		err = fail(-22, "%s", message);
	else
		log_print(level, "%s", message);
	dup2(saved, STDERR_FILENO);
	n = read(fds[0], ret, size - 1);
	ret[n < 0 ? 0 : n] = '\0';
	close(fds[0]);
	close(fds[1]);
	close(saved);
	return err;
}

static void logged_is(enum log_level level, const char *message, const char *expected)
{
	char got[256];
	int err = log_into(got, sizeof(got), level, message);

	assert_string_equal(got, expected);
	assert_int_equal(err, level == LOG_ERROR ? -22 : 0);
}

static void logs_one_clean_line(void **state)
{
	logged_is(LOG_ERROR, "no such pid\n\x1b[1m", "pybpfprof: no such pid??[1m\n");
	logged_is(LOG_WARNING, "w", "pybpfprof: warning: w\n");
	logged_is(LOG_INFO, "i", "i\n");
	logged_is(LOG_DEBUG, "d", "");
	log_level = LOG_DEBUG;
	logged_is(LOG_DEBUG, "d", "pybpfprof: debug: d\n");
	log_level = LOG_ERROR;
	logged_is(LOG_WARNING, "w", "");
	logged_is(LOG_ERROR, "e", "pybpfprof: e\n");
	log_level = LOG_INFO;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_valid_utf8),
		cmocka_unit_test(replaces_each_invalid_byte),
		cmocka_unit_test(cleans_for_terminals),
		cmocka_unit_test(decodes_python_storage),
		cmocka_unit_test(formats),
		cmocka_unit_test(logs_one_clean_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
