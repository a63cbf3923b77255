// SPDX-License-Identifier: BSD-2-Clause
/*
 * ELF files of somebody else. libelf gets a private copy of the headers, whose counts were checked
 * and which nobody can change any more: a file that is rewritten while it is read cannot make it
 * allocate by numbers that nobody has seen.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "base/cleanup.h"
#include "target/elf_private.h"

#define SEGMENTS_MAX  1024
#define SECTIONS_MAX  4096
#define SECTION_NAMES 65536 /* bytes of section names that are kept */

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#endif

int elf_read_at(int fd, void *to, size_t size, __u64 offset)
{
	while (size) {
		ssize_t n = pread(fd, to, size, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		to = (char *)to + n;
		size -= n;
		offset += n;
	}
	return 0;
}

static bool header_known(const Elf64_Ehdr *header)
{
	return !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
	       header->e_ident[EI_VERSION] == EV_CURRENT && header->e_machine == MACHINE &&
	       (header->e_type == ET_EXEC || header->e_type == ET_DYN);
}

/*
 * Copy the headers, segments and sections one after the other. Sections that are cut off, or too
 * many, are left out: a process runs without them.
 */
static int copy_headers(struct elf *elf, size_t *ret_size)
{
	Elf64_Ehdr header;
	size_t segments, sections;

	if (elf_read_at(elf->fd, &header, sizeof(header), 0) || !header_known(&header))
		return -ENOEXEC;
	segments = (size_t)header.e_phnum * sizeof(Elf64_Phdr);
	sections = (size_t)header.e_shnum * sizeof(Elf64_Shdr);
	if (header.e_phentsize != sizeof(Elf64_Phdr) || !header.e_phnum ||
	    header.e_phnum > SEGMENTS_MAX || !elf_inside(elf, header.e_phoff, segments))
		return -ENOEXEC;
	if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum > SECTIONS_MAX ||
	    header.e_shstrndx >= header.e_shnum || !elf_inside(elf, header.e_shoff, sections))
		sections = 0;
	elf->headers = malloc(sizeof(header) + segments + sections);
	if (!elf->headers)
		return -ENOMEM;
	if (elf_read_at(elf->fd, elf->headers + sizeof(header), segments, header.e_phoff))
		return -ENOEXEC;
	if (elf_read_at(elf->fd, elf->headers + sizeof(header) + segments, sections,
			header.e_shoff))
		sections = 0;
	elf->type = header.e_type;
	elf->nr_segments = header.e_phnum;
	elf->nr_sections = sections / sizeof(Elf64_Shdr);
	header.e_phoff = sizeof(header);
	header.e_shoff = sections ? sizeof(header) + segments : 0;
	header.e_shnum = elf->nr_sections;
	header.e_shstrndx = sections ? header.e_shstrndx : 0;
	memcpy(elf->headers, &header, sizeof(header));
	*ret_size = sizeof(header) + segments + sections;
	return 0;
}

bool elf_section(struct elf *elf, size_t i, GElf_Shdr *ret)
{
	Elf_Scn *section = i < elf->nr_sections ? elf_getscn(elf->elf, i) : NULL;

	return section && gelf_getshdr(section, ret);
}

/* Their absence is no error: then no section has a name. */
static void read_section_names(struct elf *elf)
{
	GElf_Shdr section;
	GElf_Ehdr header;

	if (!gelf_getehdr(elf->elf, &header) || !elf_section(elf, header.e_shstrndx, &section) ||
	    section.sh_type != SHT_STRTAB || !elf_inside(elf, section.sh_offset, section.sh_size))
		return;
	elf->section_names_size = section.sh_size;
	if (elf->section_names_size > SECTION_NAMES)
		elf->section_names_size = SECTION_NAMES;
	elf->section_names = malloc(elf->section_names_size + 1);
	if (!elf->section_names ||
	    elf_read_at(elf->fd, elf->section_names, elf->section_names_size, section.sh_offset))
		elf->section_names_size = 0;
	else
		elf->section_names[elf->section_names_size] = 0;
}

int elf_open(int fd, struct elf **ret)
{
	struct elf *elf;
	struct stat st;
	size_t size;
	int err;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	elf = calloc(1, sizeof(*elf));
	if (!elf)
		return -ENOMEM;
	elf->fd = fd;
	elf->size = st.st_size;
	err = copy_headers(elf, &size);
	if (!err) {
		elf_version(EV_CURRENT);
		elf->elf = elf_memory(elf->headers, size);
		err = elf->elf ? 0 : -ENOEXEC;
	}
	if (err) {
		elf_close(elf);
		return err;
	}
	read_section_names(elf);
	*ret = elf;
	return 0;
}

void elf_close(struct elf *elf)
{
	if (!elf)
		return;
	elf_end(elf->elf);
	free(elf->headers);
	free(elf->section_names);
	free(elf);
}

int elf_find_section(struct elf *elf, const char *name, struct elf_symbol *ret)
{
	GElf_Shdr section;
	size_t i;

	for (i = 1; i < elf->nr_sections; i++) {
		if (!elf_section(elf, i, &section) || section.sh_name >= elf->section_names_size ||
		    strcmp(elf->section_names + section.sh_name, name))
			continue;
		ret->value = section.sh_addr;
		ret->size = section.sh_size;
		return 0;
	}
	return -ENOENT;
}

int elf_read(struct elf *elf, __u64 address, void *ret, size_t size)
{
	GElf_Phdr segment;
	size_t i;

	for (i = 0; i < elf->nr_segments; i++) {
		__u64 in;

		if (!gelf_getphdr(elf->elf, i, &segment) || segment.p_type != PT_LOAD ||
		    address < segment.p_vaddr)
			continue;
		in = address - segment.p_vaddr;
		if (in > segment.p_filesz || size > segment.p_filesz - in)
			continue;
		if (segment.p_offset + in < in || !elf_inside(elf, segment.p_offset + in, size))
			return -EBADMSG;
		return elf_read_at(elf->fd, ret, size, segment.p_offset + in);
	}
	return -ENOENT;
}

/*
 * A segment's first page may hold the end of the one before it, so the segment that begins in the
 * page at `offset` is better than one that merely reaches it.
 */
int elf_load_bias(struct elf *elf, __u64 start, __u64 offset, __u64 *ret)
{
	__u64 page = sysconf(_SC_PAGESIZE), delta = 0;
	bool found = false;
	GElf_Phdr segment;
	size_t i;

	if (elf->type == ET_EXEC) {
		*ret = 0;
		return 0;
	}
	for (i = 0; i < elf->nr_segments; i++) {
		__u64 first;

		if (!gelf_getphdr(elf->elf, i, &segment) || segment.p_type != PT_LOAD)
			continue;
		first = segment.p_offset & ~(page - 1);
		if (offset < first ||
		    offset - first >= segment.p_offset - first + segment.p_filesz ||
		    (found && first != offset))
			continue;
		delta = segment.p_offset - segment.p_vaddr;
		found = true;
		if (first == offset)
			break;
	}
	if (!found)
		return -ENOENT;
	*ret = start - offset + delta;
	return 0;
}
