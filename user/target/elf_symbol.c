// SPDX-License-Identifier: BSD-2-Clause
/*
 * Symbols by name. Tables are read through one small window, so that the memory used does not
 * depend on the file: first where the names stand among the strings, for most files have none of
 * them, then the symbols that point there.
 */
#include <errno.h>
#include <string.h>
#include "base/cleanup.h"
#include "target/elf_private.h"

#define TABLE_MAX    (64ULL << 20) /* bytes of one table that are looked at */
#define WINDOW	     65520	   /* a multiple of a symbol's size */
#define NAME_MAX_LEN 63
#define HITS_MAX     64

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

	if (!elf_inside(elf, section->sh_offset, size))
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
	err = elf_read_at(window->elf->fd, window->bytes + keep, size, window->next);
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

		if (!elf_section(elf, i, &table) || table.sh_type != type ||
		    !elf_section(elf, table.sh_link, &strings) || strings.sh_type != SHT_STRTAB)
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
