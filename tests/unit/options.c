// SPDX-License-Identifier: BSD-2-Clause
/* The command line: what is taken, and that each misuse gets one line that says what to do. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/mman.h>
#undef fail
#include "../../user/options.c"
#include "../../user/usage.c"

#define WORDS_MAX 16

/* A command line, split at blanks; argv is writable and ends with NULL, as main() gets it. */
struct line {
	char *text;
	char *argv[WORDS_MAX + 1];
	int argc;
};

static void line_init(struct line *line, const char *text)
{
	char *rest, *word;

	*line = (struct line){.text = strdup(text), .argv = {"pybpfprof"}, .argc = 1};
	rest = *line->text ? line->text : NULL;
	while ((word = strsep(&rest, " "))) {
		assert_true(line->argc < WORDS_MAX);
		line->argv[line->argc++] = word;
	}
}

/* Run options_parse() with a stream going to memory instead, and return what it printed there. */
static int parse_captured(struct options *options, struct line *line, int stream, char **ret_text)
{
	int fd = memfd_create("captured", MFD_CLOEXEC), saved = dup(stream), status;
	ssize_t n;

	fflush(NULL);
	dup2(fd, stream);
	status = options_parse(options, line->argc, line->argv);
	fflush(NULL);
	dup2(saved, stream);
	close(saved);
	*ret_text = calloc(1, 16384);
	n = pread(fd, *ret_text, 16383, 0);
	assert_true(n >= 0);
	close(fd);
	return status;
}

static void accepts(struct options *options, struct line *line, const char *text)
{
	_cleanup_free_ char *printed = NULL;

	line_init(line, text);
	assert_int_equal(parse_captured(options, line, STDERR_FILENO, &printed), 0);
	assert_string_equal(printed, "");
}

static void release(struct options *options, struct line *line)
{
	options_done(options);
	free(line->text);
}

static void says(const char *printed, const char *expected)
{
	if (strstr(printed, expected))
		return;
	print_error("'%s' is not in '%s'\n", expected, printed);
	_fail(__FILE__, __LINE__);
}

static void refuses(const char *text, const char *expected)
{
	_cleanup_free_ char *printed = NULL;
	struct options options;
	struct line line;

	line_init(&line, text);
	assert_int_equal(parse_captured(&options, &line, STDERR_FILENO, &printed), 2);
	says(printed, expected);
	assert_int_equal(strncmp(printed, "pybpfprof: ", 11), 0);
	assert_ptr_equal(strchr(printed, '\n'), printed + strlen(printed) - 1);
	release(&options, &line);
}

static void has_defaults(void **state)
{
	struct options o;
	struct line line;

	accepts(&o, &line, "--all");
	assert_true(o.all);
	assert_int_equal(o.nr_pids, 0);
	assert_null(o.command);
	assert_int_equal(o.duration_ns, 0);
	assert_int_equal(o.frequency, 99);
	assert_true(o.sources[SOURCE_CPU]);
	assert_null(o.output);
	assert_ptr_equal(o.format, &output_formats[0]);
	assert_string_equal(o.format->name, "pprof");
	assert_false(o.quiet || o.verbose);
	release(&o, &line);
}

static void takes_every_option(void **state)
{
	struct options o;
	struct line line;

	accepts(&o, &line, "-a -d 500ms -F 4999 -e cpu -o out -f text -q");
	assert_true(o.all && o.quiet && !o.verbose && o.sources[SOURCE_CPU]);
	assert_int_equal(o.duration_ns, 500000000);
	assert_int_equal(o.frequency, 4999);
	assert_string_equal(o.output, "out");
	assert_string_equal(o.format->name, "text");
	release(&o, &line);
	accepts(&o, &line,
		"--all --duration=2m --frequency 20000 --events=cpu,cpu --output - --format=pprof "
		"--verbose");
	assert_true(o.all && !o.quiet && o.verbose && o.sources[SOURCE_CPU]);
	assert_int_equal(o.duration_ns, 120000000000);
	assert_int_equal(o.frequency, 20000);
	assert_string_equal(o.output, "-");
	assert_string_equal(o.format->name, "pprof");
	release(&o, &line);
}

static void takes_pids(void **state)
{
	static const pid_t expected[] = {12, 34, 2147483647, 5};
	struct options o;
	struct line line;

	accepts(&o, &line, "-p 12,34 --pid=2147483647,12 -p5");
	assert_int_equal(o.nr_pids, 4);
	assert_memory_equal(o.pids, expected, sizeof(expected));
	assert_false(o.all);
	release(&o, &line);
}

static void takes_commands(void **state)
{
	struct options o;
	struct line line;

	accepts(&o, &line, "-d 5 -- python3 -p 7 --all -- --help record");
	assert_ptr_equal(o.command, &line.argv[4]);
	assert_string_equal(o.command[0], "python3");
	assert_string_equal(o.command[6], "record");
	assert_null(o.command[7]);
	assert_true(!o.all && !o.nr_pids);
	release(&o, &line);
	accepts(&o, &line, "-- record");
	assert_string_equal(o.command[0], "record");
	release(&o, &line);
	accepts(&o, &line, "-o -- -- a"); /* the first is the name of a file */
	assert_string_equal(o.output, "--");
	assert_string_equal(o.command[0], "a");
	release(&o, &line);
}

static void takes_the_verb(void **state)
{
	struct options o;
	struct line line;

	accepts(&o, &line, "record -p 7");
	assert_int_equal(o.pids[0], 7);
	release(&o, &line);
	accepts(&o, &line, "-d 5 record -- record x");
	assert_string_equal(o.command[0], "record");
	assert_null(o.command[2]);
	release(&o, &line);
}

static void chooses_the_format(void **state)
{
	static const struct {
		const char *line, *format;
	} cases[] = {
		{"-a -o x.pb.gz", "pprof"},
		{"-a -o x.folded", "collapsed"},
		{"-a -o x.txt", "text"},
		{"-a -o x.jpeg", "pprof"},
		{"-a -o x.txt -f pprof", "pprof"},
		{"-a -f collapsed -o x.txt", "collapsed"},
		{"-a -o -", "pprof"},
		{"-a -f text", "text"},
	};
	struct options o;
	struct line line;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		accepts(&o, &line, cases[i].line);
		assert_string_equal(o.format->name, cases[i].format);
		release(&o, &line);
	}
}

static void refuses_targets(void **state)
{
	refuses("", "nothing to profile: use --all, -p PID or -- COMMAND");
	refuses("-d 5", "nothing to profile");
	refuses("record", "nothing to profile");
	refuses("--all -p 1", "--all and -p exclude each other");
	refuses("--all -- x", "--all and -- COMMAND exclude each other");
	refuses("-p 1 -- x", "-p and -- COMMAND exclude each other");
	refuses("--all -p 1 -- x", "exclude each other");
	refuses("--", "no command after --");
	refuses("--all --", "no command after --");
}

static void refuses_words(void **state)
{
	refuses("top", "'top' is not a verb (known: record): to start a command, put -- before it");
	refuses("python3 app.py -d 5", "'python3' is not a verb");
	refuses("record python3", "'python3' belongs to no option: to start a command, put --");
	refuses("record record", "'record' belongs to no option");
	refuses("--all app.py", "'app.py' belongs to no option");
	refuses("4242", "put -p before a process id (-p 4242)");
	refuses("-p 12 34", "'34' stands alone");
	refuses("--all ", "'' belongs to no option");
}

static void refuses_pids(void **state)
{
	static const char *const bad[] = {"0",	 "-5",	 "x",  "1,,2",	     "1,", ",1",
					  "1 2", "0x10", "1.", "2147483648", "+1"};
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "--pid=%s", bad[i]);
		refuses(text, strchr(bad[i], ' ') ? "stands alone" : "is not a process id");
	}
	refuses("--pid=", "'' is not a process id");
}

static void refuses_too_many_pids(void **state)
{
	_cleanup_free_ char *list = NULL;
	struct options o;
	struct line line;
	size_t size, i;
	FILE *stream = open_memstream(&list, &size);

	fputs("-p 1", stream);
	for (i = 2; i <= PIDS_MAX; i++)
		fprintf(stream, ",%zu", i);
	fflush(stream);
	accepts(&o, &line, list);
	assert_int_equal(o.nr_pids, PIDS_MAX);
	release(&o, &line);
	fprintf(stream, ",%zu", i);
	fclose(stream);
	refuses(list, "at most 4096 processes: use --all");
}

static void refuses_values(void **state)
{
	refuses("-a -d 0", "'-d 0' is no time at all: use for example 60, 500ms, 5m or 1.5h");
	refuses("-a -d 0ms", "no time at all");
	refuses("-a -d soon", "'-d soon' is not a duration: use for example 60");
	refuses("-a -d -5", "'-d -5' is not a duration");
	refuses("-a --duration=", "is not a duration");
	refuses("-a -d 9999h", "over a year");
	refuses("-a -F 0", "'-F 0' is not a frequency in Hz: use 1 to 20000");
	refuses("-a -F 1000000000", "use 1 to 20000");
	refuses("-a -F 20001", "use 1 to 20000");
	refuses("-a -F -1", "use 1 to 20000");
	refuses("-a -F 99.5", "use 1 to 20000");
	refuses("-a -F max", "use 1 to 20000");
	refuses("-a -e wall", "wall time comes with a later version: use -e cpu");
	refuses("-a -e cpu,wall", "wall time comes with a later version: use -e cpu");
	refuses("-a -e cups", "no event source is called 'cups': use -e cpu");
	refuses("-a --events=", "no event source is called ''");
	refuses("-a -f svg", "no format is called 'svg': use one of pprof, ");
	refuses("-a --output=", "-o needs the name of a file");
	refuses("-a -q -v", "-q and -v exclude each other");
}

static void refuses_options(void **state)
{
	refuses("-x", "no option is called '-x': see --help");
	refuses("-ax", "no option is called '-x'");
	refuses("--all -xa", "no option is called '-x'");
	refuses("--frobnicate", "no option is called '--frobnicate'");
	refuses("--ver", "several options begin with '--ver'"); /* verbose, version */
	refuses("--all=1", "'--all' takes no value");
	refuses("-a -d", "'-d' needs a value");
	refuses("-ad", "'-d' needs a value");
	refuses("-a --duration", "'--duration' needs a value");
	refuses("-a --dur", "'--dur' needs a value");
	refuses("--all -d 5 -yq", "no option is called '-y'");
	refuses("--usage", "no option is called '--usage'");
	refuses("-V", "no option is called '-V'");
	refuses("-a \x1b[2J", "'?[2J'"); /* nothing typed reaches the terminal raw */
}

static void prints_version(void **state)
{
	_cleanup_free_ char *printed = NULL;
	struct options o;
	struct line line;

	line_init(&line, "--version");
	assert_int_equal(parse_captured(&o, &line, STDOUT_FILENO, &printed), -1);
	assert_string_equal(printed, "pybpfprof " PYBPFPROF_VERSION "\n");
	release(&o, &line);
}

/* --help names every option, format and exit status, on standard output, within 80 columns. */
static void prints_help(void **state)
{
	static const char *const told[] = {
		"--all",	 "--pid=LIST",	 "--duration=TIME",  "--frequency=HZ",
		"--events=LIST", "--output=",	 "--format=NAME",    "--quiet",
		"--verbose",	 "--version",	 "--help",	     "-- COMMAND",
		"  0  written",	 "  1  failed",	 "  2  wrong usage", "  3  no such",
		"  4  not",	 "  5  nothing", "Examples:",	     "sudo pybpfprof --all",
	};
	_cleanup_free_ char *printed = NULL, *names = usage_formats();
	struct options o;
	struct line line;

	line_init(&line, "--help --nonsense");
	assert_int_equal(parse_captured(&o, &line, STDOUT_FILENO, &printed), -1);
	for (size_t i = 0; i < ARRAY_SIZE(told); i++)
		says(printed, told[i]);
	says(printed, names);
	for (char *s = printed, *end; (end = strchr(s, '\n')); s = end + 1)
		assert_true(end - s <= 80);
	release(&o, &line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_defaults),	   cmocka_unit_test(takes_every_option),
		cmocka_unit_test(takes_pids),	   cmocka_unit_test(takes_commands),
		cmocka_unit_test(takes_the_verb),  cmocka_unit_test(chooses_the_format),
		cmocka_unit_test(refuses_targets), cmocka_unit_test(refuses_words),
		cmocka_unit_test(refuses_pids),	   cmocka_unit_test(refuses_too_many_pids),
		cmocka_unit_test(refuses_values),  cmocka_unit_test(refuses_options),
		cmocka_unit_test(prints_version),  cmocka_unit_test(prints_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
