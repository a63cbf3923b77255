// SPDX-License-Identifier: BSD-2-Clause
/*
 * Section .BTF.ext is read here, as libbpf has no function for it: a header, then for each ELF
 * section the relocations in it (the kernel's Documentation/bpf/btf.rst, "4.2 .BTF.ext section").
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <gelf.h>
#include <linux/bpf.h>
#include <string.h>
#include "base/cleanup.h"
#include "session/wanted.h"

#define MAX_DEPTH 16 /* of structs in structs */

struct ext_header {
	__u16 magic;
	__u8 version;
	__u8 flags;
	__u32 header_len;
	__u32 func_offset, func_len, line_offset, line_len;
	__u32 relo_offset, relo_len; /* from the end of this header */
};

struct ext_section {
	__u32 name_offset;
	__u32 nr;
};

static unsigned int wanted_hash(const char *text, size_t len)
{
	return (len * 31 + (unsigned char)text[0] * 7 + (unsigned char)text[len - 1]) & 255;
}

__u32 wanted_kind(const struct btf_type *type)
{
	return 1u << (btf_is_enum64(type) ? BTF_KIND_ENUM : btf_kind(type));
}

static int add_name(struct wanted *w, const char *text, size_t len, __u32 root_kinds)
{
	struct wanted_name *name;
	size_t i;

	for (i = 0; i < w->nr; i++) {
		name = &w->names[i];
		if (name->len == len && !memcmp(name->text, text, len)) {
			name->root_kinds |= root_kinds;
			return 0;
		}
	}
	if (w->nr == WANTED_MAX)
		return -E2BIG;
	name = &w->names[w->nr];
	*name = (struct wanted_name){strndup(text, len), len, root_kinds};
	if (!name->text)
		return -ENOMEM;
	w->nr++;
	w->filter[wanted_hash(text, len)] = true;
	return 0;
}

/* Without its flavour: of x___old, the length of x. As libbpf takes it, so that both agree. */
static size_t plain_len(const char *name)
{
	size_t len = strlen(name), i;

	for (i = len > 4 ? len - 4 : 0; i-- > 0;)
		if (!strncmp(name + i + 1, "___", 3) && name[i] != '_' && name[i + 4] != '_')
			return i + 1;
	return len;
}

static const struct btf_type *type_of(const struct btf *btf, __u32 id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type) || btf_is_array(type)))
		type = btf__type_by_id(btf,
				       btf_is_array(type) ? btf_array(type)->type : type->type);
	return type;
}

static int add_members(struct wanted *w, const struct btf *btf, __u32 id, int depth)
{
	const struct btf_type *type = type_of(btf, id);
	const struct btf_member *member;
	const char *name;
	int i, err = 0;

	if (!type || depth == MAX_DEPTH)
		return -EINVAL;
	if (!btf_is_composite(type))
		return 0;
	for (i = 0, member = btf_members(type); i < btf_vlen(type) && !err; i++, member++) {
		name = btf__name_by_offset(btf, member->name_off);
		if (!name)
			return -EINVAL;
		if (*name)
			err = add_name(w, name, strlen(name), 0);
		if (!err)
			err = add_members(w, btf, member->type, depth + 1);
	}
	return err;
}

static int add_relo(struct wanted *w, const struct btf *btf, const struct bpf_core_relo *relo)
{
	const struct btf_type *type = btf__type_by_id(btf, relo->type_id);
	const char *name = type ? btf__name_by_offset(btf, type->name_off) : NULL;
	int err;

	if (relo->kind == BPF_CORE_TYPE_ID_LOCAL)
		return 0;
	if (relo->kind > BPF_CORE_FIELD_RSHIFT_U64 && relo->kind != BPF_CORE_TYPE_EXISTS &&
	    relo->kind != BPF_CORE_TYPE_SIZE)
		return -EOPNOTSUPP;
	if (!name || !*name)
		return -EINVAL;
	err = add_name(w, name, plain_len(name), wanted_kind(type));
	return err ? err : add_members(w, btf, relo->type_id, 0);
}

static int add_relos(struct wanted *w, const struct btf *btf, const char *data, size_t size)
{
	struct ext_section section;
	struct bpf_core_relo relo;
	__u32 relo_size, i;
	int err = 0;

	if (size < sizeof(relo_size))
		return -EINVAL;
	memcpy(&relo_size, data, sizeof(relo_size));
	if (relo_size < sizeof(relo))
		return -EINVAL;
	data += sizeof(relo_size);
	size -= sizeof(relo_size);
	while (size && !err) {
		if (size < sizeof(section))
			return -EINVAL;
		memcpy(&section, data, sizeof(section));
		data += sizeof(section);
		size -= sizeof(section);
		if (section.nr > size / relo_size)
			return -EINVAL;
		for (i = 0; i < section.nr && !err; i++) {
			memcpy(&relo, data, sizeof(relo));
			err = add_relo(w, btf, &relo);
			data += relo_size;
			size -= relo_size;
		}
	}
	return err;
}

static int add_ext(struct wanted *w, const struct btf *btf, const char *data, size_t size)
{
	struct ext_header header;

	if (size < sizeof(header))
		return -ENOENT;
	memcpy(&header, data, sizeof(header));
	if (header.magic != BTF_MAGIC || header.version != BTF_VERSION ||
	    header.header_len < sizeof(header))
		return -EINVAL;
	if ((__u64)header.header_len + header.relo_offset + header.relo_len > size)
		return -EINVAL;
	if (!header.relo_len)
		return -ENOENT;
	return add_relos(w, btf, data + header.header_len + header.relo_offset, header.relo_len);
}

/* Two sections of the object; a missing one stays empty. */
static void find_sections(Elf *elf, Elf_Data *ret_btf, Elf_Data *ret_ext)
{
	Elf_Scn *section = NULL;
	Elf_Data *data;
	size_t names;
	const char *name;
	GElf_Shdr header;

	if (elf_getshdrstrndx(elf, &names))
		return;
	while ((section = elf_nextscn(elf, section))) {
		name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name)
						      : NULL;
		data = elf_getdata(section, NULL);
		if (!name || !data || !data->d_buf)
			continue;
		if (!strcmp(name, BTF_ELF_SEC))
			*ret_btf = *data;
		else if (!strcmp(name, BTF_EXT_ELF_SEC))
			*ret_ext = *data;
	}
}

int wanted_init(struct wanted *w, const void *object, size_t size)
{
	Elf_Data btf_data = {}, ext = {};
	struct btf *btf = NULL;
	Elf *elf;
	int err = -EINVAL;

	*w = (struct wanted){};
	elf_version(EV_CURRENT);
	elf = elf_memory((char *)object, size);
	if (!elf)
		return -EINVAL;
	find_sections(elf, &btf_data, &ext);
	if (btf_data.d_buf)
		btf = btf__new(btf_data.d_buf, btf_data.d_size);
	if (btf)
		err = add_ext(w, btf, ext.d_buf, ext.d_buf ? ext.d_size : 0);
	btf__free(btf);
	elf_end(elf);
	if (!err && !w->nr)
		err = -ENOENT;
	if (err)
		wanted_done(w);
	return err;
}

void wanted_done(struct wanted *w)
{
	while (w->nr)
		free(w->names[--w->nr].text);
}

bool wanted_note(struct wanted *w, const char *text, size_t len, __u32 offset)
{
	size_t i;

	if (!len || !w->filter[wanted_hash(text, len)])
		return false;
	for (i = 0; i < w->nr; i++)
		if (w->names[i].len == len && !memcmp(w->names[i].text, text, len)) {
			w->names[i].offset = offset;
			return true;
		}
	return false;
}

struct wanted_name *wanted_find(struct wanted *w, __u32 offset)
{
	size_t i;

	for (i = 0; i < w->nr && offset; i++)
		if (w->names[i].offset == offset)
			return &w->names[i];
	return NULL;
}
