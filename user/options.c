// SPDX-License-Identifier: BSD-2-Clause
/*
 * The command line as a struct. argp walks it; every complaint is ours, because argp's own take
 * two lines and say only what is wrong, not what to do.
 *
 * To add an option: a row in usage.c, a case in parse_option(), the man page, both completions,
 * a line in tests/unit/options.c.
 */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/text.h"
#include "options.h"
#include "usage.h"

#define FREQUENCY_DEFAULT 99
#define FREQUENCY_MAX	  20000
#define DURATION_MAX_NS	  (366 * 86400 * 1000000000ULL)
#define PIDS_MAX	  4096
#define STATUS_USAGE	  2
#define STATUS_SHOWN	  -1

struct parser {
	struct options *options;
	const char *format_name; /* of -f */
	bool verb;		 /* the verb has been seen */
	bool shown;		 /* --help or --version */
	bool complained;
};

static const char *const source_names[] = {
#define X(NAME, name) #name,
	PYBPFPROF_SOURCES(X)
#undef X
};

/* Refuse the command line, once; argp stops at the errno. */
#define complain(parser, ...)                \
	({                                   \
		(parser)->complained = true; \
		fail(EINVAL, __VA_ARGS__);   \
	})

static int set_duration(struct parser *parser, const char *s)
{
	__u64 *ns = &parser->options->duration_ns;
	int err = parse_duration(s, DURATION_MAX_NS, ns);

	if (err == -ERANGE)
		return complain(parser, "'-d %s' is over a year: without -d it runs until Ctrl-C",
				s);
	if (err || !*ns)
		return complain(parser, "'-d %s' is %s: use for example 60, 500ms, 5m or 1.5h", s,
				err ? "not a duration" : "no time at all");
	return 0;
}

static int set_frequency(struct parser *parser, const char *s)
{
	__u64 frequency;

	if (parse_number(s, FREQUENCY_MAX, &frequency) || !frequency)
		return complain(parser, "'-F %s' is not a frequency in Hz: use 1 to %d", s,
				FREQUENCY_MAX);
	parser->options->frequency = frequency;
	return 0;
}

static bool has_pid(const struct options *options, pid_t pid)
{
	for (size_t i = 0; i < options->nr_pids; i++)
		if (options->pids[i] == pid)
			return true;
	return false;
}

static int add_pid(struct parser *parser, const char *s)
{
	struct options *options = parser->options;
	__u64 pid;

	if (parse_number(s, INT_MAX, &pid) || !pid)
		return complain(parser,
				"'%s' is not a process id: -p takes numbers, several with commas "
				"(-p 12,34)",
				s);
	if (has_pid(options, pid))
		return 0;
	if (options->nr_pids == PIDS_MAX)
		return complain(parser, "-p takes at most %d processes: use --all", PIDS_MAX);
	options->pids[options->nr_pids++] = pid;
	return 0;
}

/* Call add() for each word of a list with commas; an empty one is a word too. */
static int parse_list(struct parser *parser, const char *list,
		      int (*add)(struct parser *parser, const char *word))
{
	_cleanup_free_ char *copy = strdup(list);
	char *rest = copy, *word;
	int err = copy ? 0 : complain(parser, "out of memory");

	while (!err && (word = strsep(&rest, ",")))
		err = add(parser, word);
	return err;
}

static int add_source(struct parser *parser, const char *name)
{
	for (size_t i = 0; i < NR_SOURCES; i++) {
		if (!strcmp(name, source_names[i])) {
			parser->options->sources[i] = true;
			return 0;
		}
	}
	if (!strcmp(name, "wall"))
		return complain(parser, "wall time comes with a later version: use -e cpu");
	return complain(parser, "no event source is called '%s': use -e cpu", name);
}

static int set_output(struct parser *parser, const char *path)
{
	if (!*path)
		return complain(parser, "-o needs the name of a file, or '-' for standard output");
	parser->options->output = path;
	return 0;
}

/* A word that belongs to no option: the verb, or what somebody forgot to announce. */
static int take_word(struct parser *parser, const char *word)
{
	if (!parser->verb && !strcmp(word, "record")) {
		parser->verb = true;
		return 0;
	}
	if (*word && !word[strspn(word, "0123456789")])
		return complain(parser, "'%s' stands alone: put -p before a process id (-p %s)",
				word, word);
	if (parser->verb || parser->options->all || parser->options->nr_pids)
		return complain(parser,
				"'%s' belongs to no option: to start a command, put -- before it",
				word);
	return complain(parser,
			"'%s' is not a verb (known: record): to start a command, put -- before it",
			word);
}

static int explain_getopt(struct parser *parser, const struct argp_state *state)
{
	_cleanup_free_ char *why = NULL;

	if (parser->complained || parser->shown)
		return 0;
	why = usage_explain(state->argv, state->next);
	return complain(parser, "%s", why ?: "out of memory");
}

static int print_help(struct parser *parser)
{
	parser->shown = true;
	usage_print();
	return 0;
}

static int print_version(struct parser *parser)
{
	parser->shown = true;
	puts("pybpfprof " PYBPFPROF_VERSION);
	return 0;
}

static int parse_option(int key, char *arg, struct argp_state *state)
{
	struct parser *parser = state->input;
	struct options *options = parser->options;

	if (parser->shown && key != ARGP_KEY_ERROR)
		return 0; /* after --help nothing can be wrong */
	switch (key) {
	case 'a':
		options->all = true;
		return 0;
	case 'p':
		return parse_list(parser, arg, add_pid);
	case 'd':
		return set_duration(parser, arg);
	case 'F':
		return set_frequency(parser, arg);
	case 'e':
		return parse_list(parser, arg, add_source);
	case 'o':
		return set_output(parser, arg);
	case 'f':
		parser->format_name = arg;
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case KEY_VERSION:
		return print_version(parser);
	case KEY_HELP:
		return print_help(parser);
	case ARGP_KEY_ARG:
		if (!state->quoted)
			return take_word(parser, arg);
		options->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (state->quoted && !options->command)
			return complain(
				parser,
				"there is no command after --: put one there, or use --all");
		return 0;
	case ARGP_KEY_ERROR:
		return explain_getopt(parser, state);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int choose_format(struct parser *parser)
{
	struct options *options = parser->options;
	_cleanup_free_ char *names = NULL;

	if (parser->format_name)
		options->format = output_find(parser->format_name);
	else if (options->output)
		options->format = output_find_by_suffix(options->output);
	if (options->format)
		return 0;
	options->format = &output_formats[0];
	if (!parser->format_name)
		return 0;
	names = usage_formats();
	return complain(parser, "no format is called '%s': use one of %s", parser->format_name,
			names ?: "those of --help");
}

/* Exactly one of --all, -p and -- COMMAND. */
static int check_target(struct parser *parser)
{
	const struct options *options = parser->options;
	const char *given[3];
	int nr = 0;

	if (options->all)
		given[nr++] = "--all";
	if (options->nr_pids)
		given[nr++] = "-p";
	if (options->command)
		given[nr++] = "-- COMMAND";
	if (!nr)
		return complain(parser, "nothing to profile: use --all, -p PID or -- COMMAND");
	if (nr > 1)
		return complain(parser, "%s and %s exclude each other: use one of them", given[0],
				given[1]);
	return 0;
}

/* What the options say together. */
static int check_options(struct parser *parser)
{
	struct options *options = parser->options;
	int err = check_target(parser);

	if (err)
		return err;
	if (options->quiet && options->verbose)
		return complain(parser, "-q and -v exclude each other: use one of them");
	if (!memchr(options->sources, true, sizeof(options->sources)))
		options->sources[SOURCE_CPU] = true;
	return choose_format(parser);
}

int options_parse(struct options *options, int argc, char **argv)
{
	static const struct argp argp = {.options = usage_table, .parser = parse_option};
	struct parser parser = {.options = options};
	int err;

	*options = (struct options){.frequency = FREQUENCY_DEFAULT};
	options->pids = calloc(PIDS_MAX, sizeof(*options->pids));
	err = options->pids ? 0 : complain(&parser, "out of memory");
	if (!err)
		err = argp_parse(&argp, argc, argv, ARGP_SILENT | ARGP_IN_ORDER, NULL, &parser);
	if (parser.shown)
		return STATUS_SHOWN;
	if (!err)
		err = check_options(&parser);
	if (err && !parser.complained)
		log_error("cannot read the command line: %s", strerror(err));
	return err ? STATUS_USAGE : 0;
}

void options_done(struct options *options)
{
	free(options->pids);
	*options = (struct options){};
}
