// SPDX-License-Identifier: BSD-2-Clause
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>
#include "base/cleanup.h"
#include "python/file.h"
#include "target/elf.h"

#define FILES_MAX 8192 /* kept at once; a machine has fewer libraries in use */

struct key {
	__u64 device, inode, size, change_ns;
};

struct entry {
	struct key key;
	struct python_file file;
	UT_hash_handle hh;
};

static struct entry *files;

/* Values that stand in the file itself. What cannot be read is as if it were not there. */
static void read_values(struct elf *elf, struct python_file *file)
{
	__u64 version;

	if (file->markers[MARKER_VERSION] &&
	    !elf_read(elf, file->markers[MARKER_VERSION], &version, sizeof(version)) &&
	    version <= UINT32_MAX)
		file->hex = version;
	if (file->markers[MARKER_PTHREAD_SIZE])
		elf_read(elf, file->markers[MARKER_PTHREAD_SIZE], &file->pthread_size,
			 sizeof(file->pthread_size));
}

static int read_markers(struct elf *elf, struct python_file *file)
{
	struct elf_symbol symbols[NR_MARKERS], section;
	int i, nr;

	nr = elf_find_symbols(elf, marker_names, NR_MARKERS, symbols);
	if (nr < 0)
		return nr;
	for (i = 0; i < NR_MARKERS; i++)
		file->markers[i] = symbols[i].value;
	if (!file->markers[MARKER_RUNTIME] && !elf_find_section(elf, ".PyRuntime", &section))
		file->markers[MARKER_RUNTIME] = section.value;
	read_values(elf, file);
	return 0;
}

static int read_file(int fd, struct python_file *file)
{
	unsigned char ident[EI_NIDENT] = {};
	struct elf *elf;
	int err = elf_open(fd, &elf);

	if (err == -ENOEXEC) {
		file->is_32_bit = pread(fd, ident, sizeof(ident), 0) == sizeof(ident) &&
				  !memcmp(ident, ELFMAG, SELFMAG) && ident[EI_CLASS] == ELFCLASS32;
		return 0;
	}
	if (err)
		return err;
	err = read_markers(elf, file);
	elf_close(elf);
	return err;
}

int python_file_get(int fd, struct python_file *ret)
{
	struct entry *entry;
	struct key key = {};
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return -errno;
	key.device = st.st_dev;
	key.inode = st.st_ino;
	key.size = st.st_size;
	key.change_ns = st.st_ctim.tv_sec * 1000000000ULL + st.st_ctim.tv_nsec;
	HASH_FIND(hh, files, &key, sizeof(key), entry);
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		err = read_file(fd, &entry->file);
		if (err) {
			free(entry);
			return err;
		}
		if (HASH_COUNT(files) >= FILES_MAX)
			python_file_forget();
		entry->key = key;
		HASH_ADD(hh, files, key, sizeof(key), entry);
	}
	*ret = entry->file;
	return 0;
}

void python_file_forget(void)
{
	struct entry *entry, *next;

	HASH_ITER(hh, files, entry, next) {
		HASH_DEL(files, entry);
		free(entry);
	}
}
