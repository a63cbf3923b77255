// SPDX-License-Identifier: BSD-2-Clause
/*
 * Names of processes for people, and the directories that their modules' names count from: both
 * come from reading the arguments as the interpreter would.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include "base/cleanup.h"
#include "target/process.h"

#define NAME_LEN_MAX 128 /* bytes of a name */

/* Arguments, one after the other. */
struct arguments {
	const char *at, *end;
};

/* The next one, or NULL. What is not ended by NUL is not an argument. */
static const char *next_argument(struct arguments *arguments)
{
	const char *argument = arguments->at;
	const char *nul;

	if (argument >= arguments->end)
		return NULL;
	nul = memchr(argument, 0, arguments->end - argument);
	if (!nul)
		return NULL;
	arguments->at = nul + 1;
	return argument;
}

/* The last part of a path; slashes at its end are not counted in. */
static const char *base_name(const char *path, size_t *ret_len)
{
	size_t end = strlen(path), start;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/'; start--)
		;
	if (start == end) /* "/" */
		start = 0;
	*ret_len = end - start;
	return path + start;
}

/* "python", "python3", "python3.13t", "python3-dbg", "Python", "pypy3", ... */
static bool is_interpreter(const char *name, size_t len)
{
	static const char *const stems[] = {"python", "Python", "pypy"};
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(stems); i++) {
		k = strlen(stems[i]);
		if (len < k || strncmp(name, stems[i], k))
			continue;
		while (k < len && (isdigit((unsigned char)name[k]) || name[k] == '.'))
			k++;
		if (k < len && (name[k] == 't' || name[k] == 'd'))
			k++;
		if (k == len || name[k] == '-')
			return true;
	}
	return false;
}

/* What an interpreter was asked to run. */
enum run_kind { RUN_NOTHING, RUN_SCRIPT, RUN_MODULE, RUN_COMMAND };

struct run {
	enum run_kind kind;
	const char *what; /* the script's path or the module's name */
};

/*
 * One word of short options, such as "-Ic". Those with a value take the rest of the word or else
 * the next argument; after -c and -m come the program's own. True when that was it.
 */
static bool read_options(const char *word, struct arguments *arguments, struct run *run)
{
	const char *letter;

	for (letter = word + 1; *letter; letter++) {
		const char *value = letter[1] ? letter + 1 : NULL;

		if (!strchr("cmWXQ", *letter))
			continue;
		if (!value)
			value = next_argument(arguments);
		if (*letter == 'c')
			run->kind = RUN_COMMAND;
		else if (*letter == 'm' && value)
			*run = (struct run){RUN_MODULE, value};
		else if (value)
			return false;
		return true;
	}
	return false;
}

/* The arguments behind an interpreter's name, read as it reads them (Python/getopt.c). */
static struct run read_run(struct arguments arguments)
{
	struct run run = {};
	const char *word;

	while ((word = next_argument(&arguments))) {
		if (!strcmp(word, "--")) {
			word = next_argument(&arguments);
			break;
		}
		if (word[0] != '-' || !word[1])
			break;
		if (word[1] == '-') {
			if (!strcmp(word, "--check-hash-based-pycs"))
				next_argument(&arguments);
		} else if (read_options(word, &arguments, &run)) {
			return run;
		}
	}
	if (word && word[0] && strcmp(word, "-"))
		run = (struct run){RUN_SCRIPT, word};
	return run;
}

/* At most NAME_LEN_MAX bytes, not ending within a character. */
static char *bounded(const char *name, size_t len)
{
	if (len > NAME_LEN_MAX) {
		len = NAME_LEN_MAX;
		while (len > NAME_LEN_MAX - 4 && (name[len] & 0xc0) == 0x80)
			len--;
	}
	while (len && name[len - 1] == ' ')
		len--;
	return strndup(name, len);
}

/* A package that is run by its folder or by its __main__ is known by its own name. */
static char *script_name(const char *path)
{
	size_t len, parent_len;
	const char *name = base_name(path, &len), *parent;
	_cleanup_free_ char *folder = NULL;

	if (len != strlen("__main__.py") || strncmp(name, "__main__.py", len) || name - path < 2)
		return bounded(name, len);
	folder = strndup(path, name - path);
	if (!folder)
		return NULL;
	parent = base_name(folder, &parent_len);
	return parent[0] == '.' || parent[0] == '/' ? bounded(name, len)
						    : bounded(parent, parent_len);
}

static char *module_name(const char *module)
{
	size_t len = strlen(module), tail = strlen(".__main__");

	if (len > tail && !strcmp(module + len - tail, ".__main__"))
		len -= tail;
	return bounded(module, len);
}

static char *run_name(const struct run *run, const char *program, size_t len)
{
	switch (run->kind) {
	case RUN_SCRIPT:
		return script_name(run->what);
	case RUN_MODULE:
		return module_name(run->what);
	case RUN_COMMAND:
		return strdup("python -c");
	default:
		return bounded(program, len);
	}
}

/* A process that writes its own title does so over its arguments, blanks and all. */
static bool is_title(const char *first)
{
	return first[0] != '/' && first[0] != '.' && strchr(first, ' ');
}

char *process_name_from_arguments(const char *arguments, size_t size, const char *comm)
{
	struct arguments rest = {arguments, arguments + size};
	const char *first = next_argument(&rest), *program;
	struct run run;
	size_t len;

	if (!first || !first[0])
		return bounded(comm, strlen(comm));
	if (is_title(first))
		return bounded(first, strlen(first));
	program = base_name(first, &len);
	/* "-bash": a login shell */
	if (len > 1 && program[0] == '-') {
		program++;
		len--;
	}
	if (!is_interpreter(program, len))
		return bounded(program, len);
	run = read_run(rest);
	return run_name(&run, program, len);
}

char *process_name(pid_t pid)
{
	struct process_stat stat = {};
	char arguments[4096];
	size_t size = 0;

	if (process_arguments(pid, arguments, &size) < 0)
		size = 0;
	if (!size && (process_stat(pid, &stat) || !stat.comm[0]))
		strcpy(stat.comm, "?");
	return process_name_from_arguments(arguments, size, stat.comm);
}

/* Where a link of /proc/PID leads, or "". */
static void read_link(pid_t pid, const char *name, char ret[PATH_MAX])
{
	static const char deleted[] = " (deleted)";
	size_t tail = sizeof(deleted) - 1;
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	len = readlink(path, ret, PATH_MAX - 1);
	ret[len > 0 && len < PATH_MAX - 1 ? len : 0] = 0;
	/* "(unreachable)/...": not below any root of ours */
	if (ret[0] != '/')
		ret[0] = 0;
	len = strlen(ret);
	if ((size_t)len > tail && !strcmp(ret + len - tail, deleted))
		ret[len - tail] = 0;
}

/* The working directory as the process itself would say it: without its root, if it has one. */
static void working_directory(pid_t pid, char ret[PATH_MAX])
{
	char root[PATH_MAX];
	size_t len;

	read_link(pid, "cwd", ret);
	read_link(pid, "root", root);
	len = strlen(root);
	if (len > 1 && !strncmp(ret, root, len) && (ret[len] == '/' || !ret[len]))
		memmove(ret, ret + len, strlen(ret + len) + 1);
}

/* Is it run by its __main__: a folder, or an archive? Then modules' names count from it. */
static bool holds_modules(pid_t pid, const char *path, const char *name, size_t len)
{
	static const char *const suffixes[] = {".pyz", ".zip"};
	char place[PATH_MAX];
	struct stat stat_of;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (len > 4 && !strncmp(name + len - 4, suffixes[i], 4))
			return true;
	snprintf(place, sizeof(place), "/proc/%d/%s/%s", (int)pid, path[0] == '/' ? "root" : "cwd",
		 path);
	return !lstat(place, &stat_of) && S_ISDIR(stat_of.st_mode);
}

/* The script's directory, from the root; "" where no script was named. */
static void script_directory(pid_t pid, const char *cwd, char ret[PATH_MAX])
{
	char arguments[4096];
	struct arguments rest = {arguments, arguments};
	const char *first, *program, *name;
	struct run run;
	size_t size, len, name_len;

	ret[0] = 0;
	if (process_arguments(pid, arguments, &size) <= 0)
		return;
	rest.end += size;
	first = next_argument(&rest);
	if (!first || is_title(first))
		return;
	program = base_name(first, &len);
	run = read_run(rest);
	if (!is_interpreter(program, len) || run.kind != RUN_SCRIPT)
		return;
	name = base_name(run.what, &name_len);
	while (!strncmp(run.what, "./", 2) && run.what < name)
		run.what += 2;
	len = name > run.what ? name - run.what : 0;
	if (holds_modules(pid, run.what, name, name_len))
		len += name_len;
	while (len && run.what[len - 1] == '/')
		len--;
	if (run.what[0] == '/')
		snprintf(ret, PATH_MAX, "%.*s", (int)len, run.what);
	else if (cwd[0])
		snprintf(ret, PATH_MAX, "%.*s%s%.*s", PATH_MAX / 2, cwd, len ? "/" : "", (int)len,
			 run.what);
}

void process_source_roots(pid_t pid, char *ret[2])
{
	char script[PATH_MAX], cwd[PATH_MAX];

	working_directory(pid, cwd);
	script_directory(pid, cwd, script);
	ret[0] = strdup(strcmp(script, "/") ? script : "");
	ret[1] = strdup(strcmp(cwd, "/") ? cwd : "");
}
