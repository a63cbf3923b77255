/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few things that are asked of an ELF file: symbols, sections, load bias. Built on libelf;
 * every number from the file is checked against its size. The file may be hostile.
 */
#ifndef TARGET_ELF_H
#define TARGET_ELF_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct elf; /* an open ELF file */

struct elf_symbol {
	__u64 value; /* virtual address before relocation */
	__u64 size;
};

/* Takes no ownership of fd, which must stay open. -ENOEXEC: not a 64-bit ELF of this machine. */
int elf_open(int fd, struct elf **ret);
void elf_close(struct elf *elf);

/*
 * Look several names up in .dynsym, then .symtab, in one pass over each. ret[i].value is 0 for a
 * name that is not defined there. Returns how many were found, or a negative errno.
 */
int elf_find_symbols(struct elf *elf, const char *const *names, size_t nr_names,
		     struct elf_symbol *ret);

/* Address and size of a section. -ENOENT where there is none. */
int elf_find_section(struct elf *elf, const char *name, struct elf_symbol *ret);

/* Bytes from the file's image at a virtual address (for .rodata, initialised .data). */
int elf_read(struct elf *elf, __u64 address, void *ret, size_t size);

/*
 * What to add to a symbol's value, given where the file offset `offset` is mapped (the lowest
 * mapping of this file). 0 for ET_EXEC.
 */
int elf_load_bias(struct elf *elf, __u64 start, __u64 offset, __u64 *ret);

#endif
