// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include "base/cleanup.h"
#include "python/search.h"
#include "target/elf.h"
#include "target/memory.h"

#define BUDGET_NS 1000000000ULL /* of CPU, for looking at one process's files */

bool search_read(struct search *search, __u64 address, void *ret, size_t size)
{
	int err = memory_read(search->pid, address, ret, size);

	if (err && err != -EFAULT && !search->memory_error)
		search->memory_error = err;
	return !err;
}

static void note_file_error(struct search *search, int err)
{
	if (!search->file_error)
		search->file_error = err;
}

static bool same_file(const struct map *a, const struct map *b)
{
	return a->inode == b->inode && a->major == b->major && a->minor == b->minor;
}

static void add_candidate(struct search *search, const struct python_file *file, __u64 bias)
{
	struct candidate *new = &search->candidates[search->nr_candidates];
	__u64 runtime = file->markers[MARKER_RUNTIME];
	size_t i;

	if (search->nr_candidates == CANDIDATES_MAX)
		return;
	*new = (struct candidate){.file = *file, .bias = bias};
	new->runtime = runtime ? runtime + bias : 0;
	for (i = 0; i < search->nr_candidates; i++)
		if (search->candidates[i].bias == bias &&
		    !memcmp(&search->candidates[i].file, file, sizeof(*file)))
			return;
	search->nr_candidates++;
}

/*
 * Where the file is loaded: at every mapping of its lowest offset, for dlmopen() loads a library
 * more than once, and somebody may have mapped the file just to read it.
 */
static void add_mapped(struct search *search, int fd, const struct map *map,
		       const struct python_file *file)
{
	__u64 lowest = UINT64_MAX, bias;
	struct elf *elf;
	size_t i;

	if (elf_open(fd, &elf))
		return;
	for (i = 0; i < search->maps.nr_maps; i++)
		if (same_file(&search->maps.maps[i], map) && search->maps.maps[i].offset < lowest)
			lowest = search->maps.maps[i].offset;
	for (i = 0; i < search->maps.nr_maps; i++) {
		const struct map *here = &search->maps.maps[i];

		if (!same_file(here, map) || here->offset != lowest ||
		    elf_load_bias(elf, here->start, lowest, &bias))
			continue;
		if (file->markers[MARKER_RUNTIME] || file->markers[MARKER_INTERPRETER_HEAD])
			add_candidate(search, file, bias);
		else
			search->copied_code_type = file->markers[MARKER_CODE_TYPE] + bias;
	}
	elf_close(elf);
}

static bool has_prefix(const char *path, const char *prefix)
{
	const char *slash = strrchr(path, '/');

	return !strncmp(slash ? slash + 1 : path, prefix, strlen(prefix));
}

static void look_at_file(struct search *search, const struct map *map)
{
	_cleanup_close_ int fd = map_open(search->pid, map);
	struct python_file file;
	int err;

	if (fd < 0) {
		if (fd != -EINVAL && fd != -ENOENT && fd != -ESTALE)
			note_file_error(search, fd);
		return;
	}
	err = python_file_get(fd, &file);
	if (err) {
		note_file_error(search, err);
		return;
	}
	if (file.markers[MARKER_PYPY] || has_prefix(map->path, "libpypy"))
		search->other = "PyPy is not CPython";
	else if (file.is_32_bit &&
		 (has_prefix(map->path, "python") || has_prefix(map->path, "libpython")))
		search->other = "a CPython of 32 bits cannot be profiled";
	else if (file.markers[MARKER_RUNTIME] || file.markers[MARKER_INTERPRETER_HEAD] ||
		 file.markers[MARKER_CODE_TYPE])
		add_mapped(search, fd, map, &file);
	if (file.pthread_size)
		search->pthread_size = file.pthread_size;
}

static __u64 cpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* Every file with code in it, once: mappings of one file stand together. */
static void look_at_files(struct search *search)
{
	__u64 until = cpu_now_ns() + BUDGET_NS;
	const struct map *last = NULL;
	size_t i;

	for (i = 0; i < search->maps.nr_maps; i++) {
		const struct map *map = &search->maps.maps[i];

		if (!map->executable || !map->inode || (last && same_file(last, map)))
			continue;
		last = map;
		look_at_file(search, map);
		if (cpu_now_ns() > until) {
			note_file_error(search, -E2BIG);
			return;
		}
	}
}

int search_init(struct search *search, pid_t pid)
{
	int err;

	*search = (struct search){.pid = pid};
	err = maps_init(&search->maps, pid);
	if (!err)
		look_at_files(search);
	return err;
}

void search_done(struct search *search)
{
	maps_done(&search->maps);
}
