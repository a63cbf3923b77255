// SPDX-License-Identifier: BSD-2-Clause
/* The table of options as argp wants it, with the texts around it. Knows no option's meaning. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/text.h"
#include "output/output.h"
#include "usage.h"

const struct argp_option usage_table[] = {
	{NULL, 0, NULL, 0, "What to profile, one of:", 1},
	{"all", 'a', NULL, 0, "every Python process, now and while it runs", 1},
	{"pid", 'p', "LIST", 0, "these processes and their children; repeatable", 1},
	{"-- COMMAND", 0, NULL, OPTION_DOC, "a command, which is started", 1},
	{NULL, 0, NULL, 0, "How:", 2},
	{"duration", 'd', "TIME", 0,
	 "60, 500ms, 5m or 1.5h (default: until Ctrl-C or the command ends)", 2},
	{"events", 'e', "LIST", 0, "what to collect: cpu (default: cpu)", 2},
	{"frequency", 'F', "HZ", 0, "CPU samples per second and CPU, 1 to 20000 (default: 99)", 2},
	{NULL, 0, NULL, 0, "Where to:", 3},
	{"format", 'f', "NAME", 0, "", 3}, /* filter_help() writes its text */
	{"output", 'o', "FILE", 0,
	 "'-' is standard output; the suffix chooses the format "
	 "(default: pybpfprof-<host or name.pid>-<UTC time>.pb.gz)",
	 3},
	{NULL, 0, NULL, 0, "Messages:", 4},
	{"quiet", 'q', NULL, 0, "only warnings and errors", 4},
	{"verbose", 'v', NULL, 0, "more of what is going on", 4},
	{"version", KEY_VERSION, NULL, 0, "the version, and end", 4},
	{"help", KEY_HELP, NULL, 0, "this, and end", 4},
	{NULL},
};

static const char words[] = "[record] --all\n"
			    "[record] -p PID[,PID...]\n"
			    "[record] -- COMMAND [ARGUMENT...]";

static const char doc[] =
	"Profile Python programs from outside, down to the line. Needs root: run with sudo."
	"\v"
	"Exit status:\n"
	"  0  written; with -- COMMAND, the command's own status\n"
	"  1  failed\n"
	"  2  wrong usage\n"
	"  3  no such target: no such process, or not a Python\n"
	"  4  not permitted, or the kernel is not able\n"
	"  5  nothing was sampled\n"
	"\n"
	"Examples:\n"
	"  sudo pybpfprof --all -d 60\n"
	"  sudo pybpfprof -p 4242 -d 5m -o web.pb.gz\n"
	"  sudo pybpfprof -F 999 -f text -o - -- python3 app.py\n";

char *usage_formats(void)
{
	char *names = text_format("%s", output_formats[0].name);

	for (const struct output_format *f = output_formats + 1; names && f->name; f++) {
		_cleanup_free_ char *before = names;

		names = text_format("%s, %s", before, f->name);
	}
	return names;
}

static char *filter_help(int key, const char *text, void *input)
{
	_cleanup_free_ char *names = key == 'f' ? usage_formats() : NULL;
	return names ? text_format("%s (default: by suffix, else %s)", names,
				   output_formats[0].name)
		     : (char *)text;
}

void usage_print(void)
{
	static const struct argp argp = {
		.options = usage_table,
		.args_doc = words,
		.doc = doc,
		.help_filter = filter_help,
	};
	char name[] = "pybpfprof"; /* argp wants it writable */

	/* Else it adds a paragraph on what everybody knows. */
	setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
	argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_DOC | ARGP_HELP_LONG, name);
}

static bool is_option(const struct argp_option *o)
{
	return o->name && !(o->flags & OPTION_DOC);
}

static const struct argp_option *find_letter(char letter)
{
	for (const struct argp_option *o = usage_table; o->name || o->doc; o++)
		if (is_option(o) && o->key == letter)
			return o;
	return NULL;
}

/* An option by name, or by the start of one; *ret_nr says how many begin so. */
static const struct argp_option *find_name(const char *name, size_t len, int *ret_nr)
{
	const struct argp_option *found = NULL;

	*ret_nr = 0;
	for (const struct argp_option *o = usage_table; o->name || o->doc; o++) {
		if (!is_option(o) || strncmp(o->name, name, len))
			continue;
		found = o;
		++*ret_nr;
	}
	return found;
}

static char *explain_long(const char *word, bool last)
{
	size_t len = strcspn(word + 2, "=");
	const struct argp_option *o;
	int nr;

	o = find_name(word + 2, len, &nr);
	if (nr != 1)
		return text_format(nr ? "several options begin with '%s': see --help"
				      : "no option is called '%s': see --help",
				   word);
	if (!o->arg && word[2 + len])
		return text_format("'--%s' takes no value: see --help", o->name);
	if (o->arg && !word[2 + len] && last)
		return text_format("'%s' needs a value: see --help", word);
	return NULL;
}

static char *explain_letters(const char *word, bool last)
{
	const char *letter;

	for (letter = word + 1; *letter; letter++) {
		const struct argp_option *o = find_letter(*letter);

		if (!o)
			return text_format("no option is called '-%c': see --help", *letter);
		if (!o->arg)
			continue;
		return letter[1] || !last ? NULL
					  : text_format("'-%c' needs a value: see --help", *letter);
	}
	return NULL;
}

/* What is wrong with a word; NULL where nothing is. */
static char *explain_word(const char *word, bool last)
{
	if (!word || *word != '-')
		return NULL;
	return word[1] == '-' ? explain_long(word, last) : explain_letters(word, last);
}

char *usage_explain(char *const *argv, int next)
{
	/* getopt stays at a word that it has read in part: then it is the next one. */
	char *why = explain_word(argv[next - 1], !argv[next]);

	if (!why)
		why = explain_word(argv[next], false);
	return why ?: text_format("an option is not understood: see --help");
}
