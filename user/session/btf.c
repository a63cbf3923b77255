// SPDX-License-Identifier: BSD-2-Clause
/*
 * The wanted types of the kernel, copied with just their wanted members. What decides how libbpf
 * relocates a field is kept: names, offsets, sizes, kinds, the sign of numbers. Modifiers and
 * typedefs go, and what a pointer points to, as libbpf looks through the former and never at the
 * latter.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "base/cleanup.h"
#include "session/btf.h"
#include "session/kernel_btf.h"
#include "session/wanted.h"

#define MAX_ROOTS  64
#define MAX_FIELDS 64 /* copied of one struct */
#define MAX_DEPTH  16 /* of structs in structs, and of modifiers before a type */
#define NAME_SIZE  128

struct copy {
	struct kernel_btf kernel;
	struct wanted wanted;
	size_t nr_noted;
	__u32 roots[MAX_ROOTS]; /* the wanted types, as the kernel numbers them */
	int nr_roots;
	struct btf *btf;
};

struct field {
	const char *name;
	int type;     /* as we number it */
	__u32 offset; /* as the kernel writes it */
};

/* Equal strings stand in the kernel's BTF once, so the pass ends when all are found. */
static bool note_string(void *context, const char *text, size_t len, __u32 offset)
{
	struct copy *c = context;

	c->nr_noted += wanted_note(&c->wanted, text, len, offset);
	return c->nr_noted < c->wanted.nr;
}

/* All types of a wanted name, as libbpf, too, looks at them all. */
static int note_type(void *context, __u32 id, const struct btf_type *type)
{
	struct copy *c = context;
	struct wanted_name *name;

	if (!type->name_off)
		return 0;
	name = wanted_find(&c->wanted, type->name_off);
	if (!name || !(name->root_kinds & wanted_kind(type)))
		return 0;
	if (c->nr_roots == MAX_ROOTS)
		return -E2BIG;
	c->roots[c->nr_roots++] = id;
	name->met = true;
	return 0;
}

/* The type of this number, or the one behind its typedefs and modifiers. */
static int find_plain(struct copy *c, __u32 id, struct btf_type *ret_type, __u64 *ret_rest)
{
	int depth, err;

	for (depth = 0; depth < MAX_DEPTH; depth++) {
		err = kernel_btf_find(&c->kernel, id, ret_type, ret_rest);
		if (err || !(btf_is_mod(ret_type) || btf_is_typedef(ret_type)))
			return err;
		id = ret_type->type;
	}
	return -E2BIG;
}

static int copy_type(struct copy *c, __u32 id, int depth);

static int copy_int(struct copy *c, const struct btf_type *type, const char *name, __u64 rest)
{
	__u32 info;

	if (kernel_btf_read(&c->kernel, rest, &info, sizeof(info)))
		return -EINVAL;
	/* An integer that fills part of its bytes only, as compilers before 2018 wrote bit-fields.
	 */
	if (BTF_INT_OFFSET(info) || BTF_INT_BITS(info) != type->size * 8)
		return -EOPNOTSUPP;
	return btf__add_int(c->btf, name, type->size, BTF_INT_ENCODING(info));
}

static int copy_array(struct copy *c, __u64 rest, int depth)
{
	struct btf_array array;
	int index, element;

	if (kernel_btf_read(&c->kernel, rest, &array, sizeof(array)))
		return -EINVAL;
	index = copy_type(c, array.index_type, depth + 1);
	element = index < 0 ? index : copy_type(c, array.type, depth + 1);
	return element < 0 ? element : btf__add_array(c->btf, index, element, array.nelems);
}

/* Is it there to be copied? A member without a name is, where it has members of its own. */
static int member_wanted(struct copy *c, const struct btf_member *member)
{
	struct btf_type type;
	__u64 rest;
	int err;

	if (member->name_off)
		return !!wanted_find(&c->wanted, member->name_off);
	err = find_plain(c, member->type, &type, &rest);
	return err ? err : btf_is_composite(&type);
}

/* Members' types are copied before their struct is begun, since a struct's members follow it. */
static int copy_fields(struct copy *c, const struct btf_type *type, __u64 rest, int depth,
		       struct field *ret_fields)
{
	struct wanted_name *name;
	struct btf_member member;
	int i, id, nr = 0;

	for (i = 0; i < btf_vlen(type); i++, rest += sizeof(member)) {
		if (kernel_btf_read(&c->kernel, rest, &member, sizeof(member)))
			return -EINVAL;
		id = member_wanted(c, &member);
		if (id > 0)
			id = copy_type(c, member.type, depth + 1);
		if (id < 0)
			return id;
		if (!id || (!member.name_off && !btf_vlen(btf__type_by_id(c->btf, id))))
			continue;
		if (nr == MAX_FIELDS)
			return -E2BIG;
		name = wanted_find(&c->wanted, member.name_off);
		ret_fields[nr++] = (struct field){name ? name->text : NULL, id, member.offset};
	}
	return nr;
}

static int copy_struct(struct copy *c, const struct btf_type *type, __u64 rest, int depth)
{
	struct wanted_name *name = wanted_find(&c->wanted, type->name_off);
	bool bit_fields = btf_kflag(type);
	struct field fields[MAX_FIELDS], *f;
	int id, nr, err = 0;

	nr = copy_fields(c, type, rest, depth, fields);
	if (nr < 0)
		return nr;
	id = (btf_is_union(type) ? btf__add_union
				 : btf__add_struct)(c->btf, name ? name->text : NULL, type->size);
	for (f = fields; f < fields + nr && id > 0 && !err; f++)
		err = btf__add_field(c->btf, f->name, f->type,
				     bit_fields ? BTF_MEMBER_BIT_OFFSET(f->offset) : f->offset,
				     bit_fields ? BTF_MEMBER_BITFIELD_SIZE(f->offset) : 0);
	return err ? err : id;
}

/* The copy's number, or a negative errno. */
static int copy_type(struct copy *c, __u32 id, int depth)
{
	char name[NAME_SIZE];
	struct btf_type type;
	__u64 rest;
	int err;

	if (depth >= MAX_DEPTH)
		return -E2BIG;
	err = find_plain(c, id, &type, &rest);
	if (!err)
		err = kernel_btf_name(&c->kernel, type.name_off, name, sizeof(name));
	if (err)
		return err;
	switch (btf_kind(&type)) {
	case BTF_KIND_INT:
		return copy_int(c, &type, name, rest);
	case BTF_KIND_FLOAT:
		return btf__add_float(c->btf, name, type.size);
	case BTF_KIND_PTR:
		return btf__add_ptr(c->btf, 0);
	case BTF_KIND_ARRAY:
		return copy_array(c, rest, depth);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return copy_struct(c, &type, rest, depth);
	case BTF_KIND_ENUM: /* to libbpf the same as the other, which can tell its sign */
	case BTF_KIND_ENUM64:
		return btf__add_enum64(c->btf, name, type.size, btf_kflag(&type));
	default:
		return -EOPNOTSUPP;
	}
}

static int copy_root(struct copy *c, __u32 id)
{
	struct btf_type type;
	__u64 rest;
	int copy, err;

	err = kernel_btf_find(&c->kernel, id, &type, &rest);
	if (err)
		return err;
	copy = copy_type(c, id, 0);
	if (copy > 0 && btf_is_typedef(&type))
		copy = btf__add_typedef(c->btf, wanted_find(&c->wanted, type.name_off)->text, copy);
	return copy < 0 ? copy : 0;
}

static int copy_all(struct copy *c)
{
	int i, err;

	err = kernel_btf_strings(&c->kernel, note_string, c);
	if (!err)
		err = kernel_btf_types(&c->kernel, note_type, c);
	for (i = 0; i < (int)c->wanted.nr && !err; i++)
		if (c->wanted.names[i].root_kinds && !c->wanted.names[i].met)
			err = -ENOENT;
	for (i = 0; i < c->nr_roots && !err; i++)
		err = copy_root(c, c->roots[i]);
	return err;
}

static int copy_write(struct copy *c, char ret_path[BTF_PATH_SIZE])
{
	_cleanup_close_ int fd = memfd_create("btf", MFD_CLOEXEC);
	const void *data;
	__u32 size;

	if (fd < 0)
		return -errno;
	data = btf__raw_data(c->btf, &size);
	if (!data)
		return -ENOMEM;
	if (write(fd, data, size) != (ssize_t)size)
		return -EIO;
	snprintf(ret_path, BTF_PATH_SIZE, "/proc/self/fd/%d", fd);
	return take_fd(fd);
}

int btf_small_open(const char *path, const void *object, size_t size, char ret_path[BTF_PATH_SIZE])
{
	struct copy c = {};
	int fd;

	fd = wanted_init(&c.wanted, object, size);
	if (fd)
		return fd;
	fd = kernel_btf_init(&c.kernel, path);
	c.btf = btf__new_empty();
	if (!fd)
		fd = c.btf ? copy_all(&c) : -ENOMEM;
	if (!fd)
		fd = copy_write(&c, ret_path);
	btf__free(c.btf);
	kernel_btf_done(&c.kernel);
	wanted_done(&c.wanted);
	return fd;
}
