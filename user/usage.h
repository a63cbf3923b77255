/* SPDX-License-Identifier: BSD-2-Clause */
/* What --help says, and what is wrong with a word that is no option. */
#ifndef USAGE_H
#define USAGE_H

#include <argp.h>

/* Options that have no letter. */
enum { KEY_VERSION = 0x100, KEY_HELP };

/* To add an option: a row here, and see options.c. */
extern const struct argp_option usage_table[];

/* --help, on standard output. */
void usage_print(void);

/* "pprof, collapsed, text": what -f takes. The caller frees it. */
char *usage_formats(void);

/*
 * Why getopt gave up when the next word was argv[next], in a line for people. argp keeps to itself
 * what it was, so the words are looked at again. The caller frees it; NULL: memory ran out.
 */
char *usage_explain(char *const *argv, int next);

#endif
