// SPDX-License-Identifier: BSD-2-Clause
/*
 * ELF files of somebody else. libelf gets a private copy of the headers, whose counts were checked
 * and which nobody can change any more: a file that is rewritten while it is read cannot make it
 * allocate by numbers that nobody has seen. Tables of symbols and strings are read through one
 * small window, so that the memory used does not depend on the file.
 */
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/stat.h>
#include "base/cleanup.h"
#include "target/elf.h"

#define SEGMENTS_MAX  1024
#define SECTIONS_MAX  4096
#define SECTION_NAMES 65536	    /* bytes of section names that are kept */
#define TABLE_MAX     (64ULL << 20) /* bytes of one table that are looked at */
#define WINDOW	      65520	    /* a multiple of a symbol's size */
#define NAME_MAX_LEN  63
#define HITS_MAX      64

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#endif

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

static int read_at(int fd, void *to, size_t size, __u64 offset)
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

static bool inside(const struct elf *elf, __u64 offset, __u64 size)
{
	return offset <= elf->size && size <= elf->size - offset;
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

	if (read_at(elf->fd, &header, sizeof(header), 0) || !header_known(&header))
		return -ENOEXEC;
	segments = (size_t)header.e_phnum * sizeof(Elf64_Phdr);
	sections = (size_t)header.e_shnum * sizeof(Elf64_Shdr);
	if (header.e_phentsize != sizeof(Elf64_Phdr) || !header.e_phnum ||
	    header.e_phnum > SEGMENTS_MAX || !inside(elf, header.e_phoff, segments))
		return -ENOEXEC;
	if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum > SECTIONS_MAX ||
	    header.e_shstrndx >= header.e_shnum || !inside(elf, header.e_shoff, sections))
		sections = 0;
	elf->headers = malloc(sizeof(header) + segments + sections);
	if (!elf->headers)
		return -ENOMEM;
	if (read_at(elf->fd, elf->headers + sizeof(header), segments, header.e_phoff))
		return -ENOEXEC;
	if (read_at(elf->fd, elf->headers + sizeof(header) + segments, sections, header.e_shoff))
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

static bool section_get(struct elf *elf, size_t i, GElf_Shdr *ret)
{
	Elf_Scn *section = i < elf->nr_sections ? elf_getscn(elf->elf, i) : NULL;

	return section && gelf_getshdr(section, ret);
}

/* Their absence is no error: then no section has a name. */
static void read_section_names(struct elf *elf)
{
	GElf_Shdr section;
	GElf_Ehdr header;

	if (!gelf_getehdr(elf->elf, &header) || !section_get(elf, header.e_shstrndx, &section) ||
	    section.sh_type != SHT_STRTAB || !inside(elf, section.sh_offset, section.sh_size))
		return;
	elf->section_names_size = section.sh_size;
	if (elf->section_names_size > SECTION_NAMES)
		elf->section_names_size = SECTION_NAMES;
	elf->section_names = malloc(elf->section_names_size + 1);
	if (!elf->section_names ||
	    read_at(elf->fd, elf->section_names, elf->section_names_size, section.sh_offset))
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

/* A table of the file, seen through a window that moves forwards. */
struct window {
	struct elf *elf;
	__u64 next, end; /* offsets in the file */
	char *bytes;
	size_t len, kept; /* kept: bytes at the start that stood at the end of the one before */
};

static int window_init(struct window *window, struct elf *elf, const GElf_Shdr *section)
{
	__u64 size = section->sh_size;

	if (!inside(elf, section->sh_offset, size))
		return -EBADMSG;
	if (size > TABLE_MAX)
		size = TABLE_MAX;
	*window = (struct window){.elf = elf, .next = section->sh_offset};
	window->end = section->sh_offset + size;
	window->bytes = malloc(WINDOW + NAME_MAX_LEN);
	return window->bytes ? 0 : -ENOMEM;
}

/* Keep the last `keep` bytes and read on. 1, 0 at the end, or a negative errno. */
static int window_move(struct window *window, size_t keep)
{
	size_t size = WINDOW;
	int err;

	if (keep > window->len)
		keep = window->len;
	memmove(window->bytes, window->bytes + window->len - keep, keep);
	if (size > window->end - window->next)
		size = window->end - window->next;
	err = read_at(window->elf->fd, window->bytes + keep, size, window->next);
	if (err)
		return err;
	window->kept = keep;
	window->len = keep + size;
	window->next += size;
	return size > 0;
}

/* Where in a table of strings the names stand that are looked for. */
struct hits {
	size_t nr;
	__u32 offset[HITS_MAX];
	__u8 name[HITS_MAX];
};

/*
 * Linkers let a string share another's tail, so a name is looked for at the end of every string.
 * `at` is the window's offset in the table, `end` that of the string's NUL in the window.
 */
static void match_string(const struct window *window, size_t end, __u64 at,
			 const char *const *names, const size_t *lens, size_t nr_names,
			 struct hits *hits)
{
	size_t i;

	for (i = 0; i < nr_names && hits->nr < HITS_MAX; i++) {
		if (lens[i] > end || !lens[i])
			continue;
		if (window->bytes[end - 1] != names[i][lens[i] - 1] ||
		    memcmp(window->bytes + end - lens[i], names[i], lens[i]))
			continue;
		hits->offset[hits->nr] = at + end - lens[i];
		hits->name[hits->nr++] = i;
	}
}

static int find_strings(struct elf *elf, const GElf_Shdr *strings, const char *const *names,
			const size_t *lens, size_t nr_names, struct hits *hits)
{
	struct window window;
	int err = window_init(&window, elf, strings);

	if (err)
		return err;
	while ((err = window_move(&window, NAME_MAX_LEN)) > 0) {
		__u64 at = window.next - strings->sh_offset - window.len;
		char *from = window.bytes + window.kept, *nul;

		while ((nul = memchr(from, 0, window.bytes + window.len - from))) {
			match_string(&window, nul - window.bytes, at, names, lens, nr_names, hits);
			from = nul + 1;
		}
	}
	free(window.bytes);
	return err;
}

/* An address in the file's image: no thread-local, no undefined one. */
static bool symbol_usable(const Elf64_Sym *symbol)
{
	int type = ELF64_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
	       (type == STT_OBJECT || type == STT_FUNC || type == STT_NOTYPE);
}

_Static_assert(WINDOW % sizeof(Elf64_Sym) == 0, "a window holds whole symbols");

static void match_symbols(const Elf64_Sym *symbols, size_t nr, const struct hits *hits,
			  struct elf_symbol *ret)
{
	size_t i, h;

	for (i = 0; i < nr; i++)
		for (h = 0; h < hits->nr; h++) {
			struct elf_symbol *symbol = &ret[hits->name[h]];

			if (symbols[i].st_name != hits->offset[h] || symbol->value ||
			    !symbol_usable(&symbols[i]))
				continue;
			symbol->value = symbols[i].st_value;
			symbol->size = symbols[i].st_size;
		}
}

static int find_symbols(struct elf *elf, const GElf_Shdr *table, const struct hits *hits,
			struct elf_symbol *ret)
{
	struct window window;
	int err;

	if (table->sh_entsize != sizeof(Elf64_Sym))
		return -EBADMSG;
	err = window_init(&window, elf, table);
	if (err)
		return err;
	while ((err = window_move(&window, 0)) > 0)
		match_symbols((const Elf64_Sym *)window.bytes, window.len / sizeof(Elf64_Sym), hits,
			      ret);
	free(window.bytes);
	return err;
}

/* All tables of one type (SHT_DYNSYM, SHT_SYMTAB). A table that makes no sense is passed over. */
static int find_in_tables(struct elf *elf, __u32 type, const char *const *names, const size_t *lens,
			  size_t nr_names, struct elf_symbol *ret)
{
	GElf_Shdr table, strings;
	size_t i;
	int err;

	for (i = 1; i < elf->nr_sections; i++) {
		struct hits hits = {};

		if (!section_get(elf, i, &table) || table.sh_type != type ||
		    !section_get(elf, table.sh_link, &strings) || strings.sh_type != SHT_STRTAB)
			continue;
		err = find_strings(elf, &strings, names, lens, nr_names, &hits);
		if (!err && hits.nr)
			err = find_symbols(elf, &table, &hits, ret);
		if (err && err != -EBADMSG && err != -ENODATA)
			return err;
		return 0;
	}
	return 0;
}

int elf_find_symbols(struct elf *elf, const char *const *names, size_t nr_names,
		     struct elf_symbol *ret)
{
	_cleanup_free_ struct elf_symbol *symbols = calloc(nr_names + 1, sizeof(*symbols));
	_cleanup_free_ size_t *lens = calloc(nr_names + 1, sizeof(*lens));
	size_t i;
	int err, nr = 0;

	if (!symbols || !lens)
		return -ENOMEM;
	if (nr_names > 255)
		return -E2BIG;
	for (i = 0; i < nr_names; i++) {
		lens[i] = strlen(names[i]);
		if (lens[i] > NAME_MAX_LEN)
			return -E2BIG;
	}
	err = find_in_tables(elf, SHT_DYNSYM, names, lens, nr_names, symbols);
	if (!err)
		err = find_in_tables(elf, SHT_SYMTAB, names, lens, nr_names, symbols);
	if (err)
		return err;
	for (i = 0; i < nr_names; i++) {
		ret[i] = symbols[i];
		nr += symbols[i].value != 0;
	}
	return nr;
}

int elf_find_section(struct elf *elf, const char *name, struct elf_symbol *ret)
{
	GElf_Shdr section;
	size_t i;

	for (i = 1; i < elf->nr_sections; i++) {
		if (!section_get(elf, i, &section) || section.sh_name >= elf->section_names_size ||
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
		if (segment.p_offset + in < in || !inside(elf, segment.p_offset + in, size))
			return -EBADMSG;
		return read_at(elf->fd, ret, size, segment.p_offset + in);
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
