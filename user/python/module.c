// SPDX-License-Identifier: BSD-2-Clause
/*
 * A module's dotted name out of its source file's path alone: what the interpreter calls it would
 * have to be read from the target, and is gone with it.
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include "base/cleanup.h"
#include "python/symbol.h"

/* A part of a path between slashes. */
struct piece {
	const char *start;
	size_t size;
};

static bool piece_is(const struct piece *piece, const char *s)
{
	return piece->size == strlen(s) && !memcmp(piece->start, s, piece->size);
}

static const char *skip_digits(const char *s)
{
	while (isdigit((unsigned char)*s))
		s++;
	return s;
}

/* "pythonX.Y", "pythonX.Yt" */
static bool piece_is_library(const struct piece *piece)
{
	static const char python[] = "python";
	const char *major = piece->start + strlen(python), *dot, *end;

	if (piece->size <= strlen(python) || memcmp(piece->start, python, strlen(python)))
		return false;
	dot = skip_digits(major);
	if (dot == major || *dot != '.')
		return false;
	end = skip_digits(dot + 1);
	if (end == dot + 1)
		return false;
	if (*end == 't')
		end++;
	return end == piece->start + piece->size;
}

/* Where the last folder of libraries in a path ends, behind its slash; 0 where there is none. */
static size_t library_end(const char *path)
{
	struct piece before = {"", 0};
	const char *start = path, *slash;
	size_t end = 0;

	for (; (slash = strchr(start, '/')); start = slash + 1) {
		struct piece piece = {start, slash - start};

		if (piece_is(&piece, "site-packages") || piece_is(&piece, "dist-packages") ||
		    (piece_is_library(&piece) &&
		     (piece_is(&before, "lib") || piece_is(&before, "lib64"))))
			end = slash + 1 - path;
		before = piece;
	}
	return end;
}

/* Where `root` ends in a path below it, behind its slash; 0 where it is not below it. */
static size_t root_end(const char *path, const char *root)
{
	size_t size = root ? strlen(root) : 0;

	while (size && root[size - 1] == '/')
		size--;
	return size && !strncmp(path, root, size) && path[size] == '/' ? size + 1 : 0;
}

static size_t drop_suffix(const char *name, size_t size)
{
	return size > 3 && !memcmp(name + size - 3, ".py", 3) ? size - 3 : size;
}

/*
 * The last piece of a path without its ".py"; for a package's own file, the folder it stands in.
 * What has no last piece is what it is.
 */
static char *module_base(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t size = drop_suffix(name, strlen(name));

	if (!*name)
		return strdup(path);
	if (slash && slash > path && size == strlen("__init__") &&
	    !memcmp(name, "__init__", size)) {
		const char *folder = memrchr(path, '/', slash - path);

		folder = folder ? folder + 1 : path;
		if (folder < slash)
			return strndup(folder, slash - folder);
	}
	return strndup(name, size);
}

/* "a/b.py" is "a.b", "a/__init__.py" is "a". NULL: it has no such name, or memory ran out. */
static char *module_dotted(const char *rest)
{
	_cleanup_free_ char *text = malloc(strlen(rest) + 1);
	char *out = text;
	size_t size;

	for (; text && *rest; rest += size + (rest[size] == '/')) {
		struct piece piece;

		size = strcspn(rest, "/");
		piece = (struct piece){rest, size};
		if (piece_is(&piece, ".."))
			return NULL;
		if (!size || piece_is(&piece, "."))
			continue;
		if (!rest[size])
			piece.size = drop_suffix(rest, size);
		if (!rest[size] && piece_is(&piece, "__init__"))
			continue;
		if (out > text)
			*out++ = '.';
		memcpy(out, piece.start, piece.size);
		out += piece.size;
	}
	if (!text || out == text)
		return NULL;
	*out = '\0';
	return take(text);
}

/* Names that are no paths: "<frozen os>", "<string>". */
static char *module_bracketed(const char *name, size_t size)
{
	static const char frozen[] = "<frozen ";
	size_t skip = strlen(frozen);

	if (size > skip + 1 && !memcmp(name, frozen, skip))
		return strndup(name + skip, size - skip - 1);
	return strdup(name);
}

/* "python ./app" makes "/srv/./app/...": what it stands below is told without the dot. */
static char *path_without_dots(const char *path)
{
	char *copy = malloc(strlen(path) + 1), *out = copy;

	while (copy && *path) {
		if (!strncmp(path, "/./", 3))
			path += 2;
		else
			*out++ = *path++;
	}
	if (copy)
		*out = '\0';
	return copy;
}

char *symbol_module(const char *name, char *const roots[2])
{
	_cleanup_free_ char *file_name = path_without_dots(name);
	size_t size = strlen(name), best;
	char *module = NULL;

	if (!file_name)
		return NULL;
	if (size >= 2 && name[0] == '<' && name[size - 1] == '>')
		return module_bracketed(name, size);
	best = library_end(file_name);
	for (int i = 0; i < 2; i++) {
		size_t end = root_end(file_name, roots[i]);

		if (end > best)
			best = end;
	}
	if (best)
		module = module_dotted(file_name + best);
	return module ? module : module_base(file_name);
}
