/* SPDX-License-Identifier: BSD-2-Clause */
/* What elf.c and elf_symbol.c share; for nobody else. */
#ifndef TARGET_ELF_PRIVATE_H
#define TARGET_ELF_PRIVATE_H

#include <gelf.h>
#include <libelf.h>
#include "target/elf.h"

struct elf {
	int fd;
	__u64 size; /* of the file */
	Elf *elf;   /* reads `headers` */
	char *headers;
	char *section_names;
	size_t section_names_size;
	Elf64_Half type;
	size_t nr_segments;
	size_t nr_sections;
};

/* All of `size` bytes of a file, or a negative errno; -ENODATA where it ends before. */
int elf_read_at(int fd, void *to, size_t size, __u64 offset);

bool elf_section(struct elf *elf, size_t i, GElf_Shdr *ret);

static inline bool elf_inside(const struct elf *elf, __u64 offset, __u64 size)
{
	return offset <= elf->size && size <= elf->size - offset;
}

#endif
