// SPDX-License-Identifier: BSD-2-Clause
/* The layout of BTF: the kernel's Documentation/bpf/btf.rst, and linux/btf.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "base/cleanup.h"
#include "session/kernel_btf.h"

#define WINDOW_SIZE (64u << 10)
#define INDEX_STEP  64

static void window_move(struct kernel_btf *k, __u64 at)
{
	size_t size = 0;
	ssize_t nr;

	while (size < WINDOW_SIZE) { /* sysfs gives a page at a time */
		nr = pread(k->fd, k->data + size, WINDOW_SIZE - size, at + size);
		if (nr <= 0)
			break;
		size += nr;
	}
	k->begin = at;
	k->end = at + size;
}

/* At least min bytes of the file from here on, and how many are at hand. */
static const char *bytes_at(struct kernel_btf *k, __u64 at, size_t min, size_t *ret_size)
{
	if (!k->mapped && (at < k->begin || at + min > k->end))
		window_move(k, at);
	if (at < k->begin || at + min > k->end)
		return NULL;
	*ret_size = k->end - at;
	return k->data + (at - k->begin);
}

int kernel_btf_read(struct kernel_btf *k, __u64 at, void *ret, size_t size)
{
	size_t at_hand;
	const char *data = bytes_at(k, at, size, &at_hand);

	if (!data)
		return -EINVAL;
	memcpy(ret, data, size);
	return 0;
}

static int read_header(struct kernel_btf *k, __u64 file_size)
{
	struct btf_header header;

	if (kernel_btf_read(k, 0, &header, sizeof(header)))
		return -EINVAL;
	if (header.magic != BTF_MAGIC || header.version != BTF_VERSION ||
	    header.hdr_len < sizeof(header))
		return -EINVAL;
	k->types = (__u64)header.hdr_len + header.type_off;
	k->types_end = k->types + header.type_len;
	k->strings = (__u64)header.hdr_len + header.str_off;
	k->strings_end = k->strings + header.str_len;
	if (k->types_end > file_size || k->strings_end > file_size)
		return -EINVAL;
	k->index = calloc(header.type_len / sizeof(struct btf_type) / INDEX_STEP + 1,
			  sizeof(*k->index));
	return k->index ? 0 : -ENOMEM;
}

int kernel_btf_init(struct kernel_btf *k, const char *path)
{
	struct stat st;
	void *map;

	*k = (struct kernel_btf){.fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (k->fd < 0 || fstat(k->fd, &st))
		return -errno;
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, k->fd, 0);
	k->mapped = map != MAP_FAILED;
	k->data = k->mapped ? map : malloc(WINDOW_SIZE);
	k->end = k->mapped ? st.st_size : 0;
	if (!k->data)
		return -ENOMEM;
	return read_header(k, st.st_size);
}

void kernel_btf_done(struct kernel_btf *k)
{
	if (k->mapped)
		munmap(k->data, k->end);
	else
		free(k->data);
	free(k->index);
	if (k->fd >= 0)
		close(k->fd);
}

/* The string that begins here, whole, and its length. */
static const char *string_at(struct kernel_btf *k, __u64 at, size_t *ret_len)
{
	size_t size;
	const char *text = bytes_at(k, at, 1, &size);

	if (text && !memchr(text, 0, size) && !k->mapped) { /* it ends behind the window */
		window_move(k, at);
		text = bytes_at(k, at, 1, &size);
	}
	if (!text)
		return NULL;
	*ret_len = strnlen(text, size);
	return *ret_len < size && at + *ret_len < k->strings_end ? text : NULL;
}

int kernel_btf_strings(struct kernel_btf *k, kernel_btf_string *each, void *context)
{
	const char *text;
	size_t len;
	__u64 at;

	for (at = k->strings; at < k->strings_end; at += len + 1) {
		text = string_at(k, at, &len);
		if (!text)
			return -EINVAL;
		if (!each(context, text, len, at - k->strings))
			break;
	}
	return 0;
}

int kernel_btf_name(struct kernel_btf *k, __u32 offset, char *ret, size_t size)
{
	size_t len;
	const char *text = string_at(k, k->strings + offset, &len);

	if (!text)
		return -EINVAL;
	if (len > size - 1)
		len = size - 1;
	memcpy(ret, text, len);
	ret[len] = 0;
	return 0;
}

/* Bytes of a type and what belongs to it; 0: this kind is not known. */
static size_t type_size(const struct btf_type *type)
{
	static const struct {
		unsigned char known, once, each;
	} sizes[] = {
		[BTF_KIND_INT] = {1, sizeof(__u32)},
		[BTF_KIND_PTR] = {1},
		[BTF_KIND_ARRAY] = {1, sizeof(struct btf_array)},
		[BTF_KIND_STRUCT] = {1, 0, sizeof(struct btf_member)},
		[BTF_KIND_UNION] = {1, 0, sizeof(struct btf_member)},
		[BTF_KIND_ENUM] = {1, 0, sizeof(struct btf_enum)},
		[BTF_KIND_FWD] = {1},
		[BTF_KIND_TYPEDEF] = {1},
		[BTF_KIND_VOLATILE] = {1},
		[BTF_KIND_CONST] = {1},
		[BTF_KIND_RESTRICT] = {1},
		[BTF_KIND_FUNC] = {1},
		[BTF_KIND_FUNC_PROTO] = {1, 0, sizeof(struct btf_param)},
		[BTF_KIND_VAR] = {1, sizeof(struct btf_var)},
		[BTF_KIND_DATASEC] = {1, 0, sizeof(struct btf_var_secinfo)},
		[BTF_KIND_FLOAT] = {1},
		[BTF_KIND_DECL_TAG] = {1, sizeof(struct btf_decl_tag)},
		[BTF_KIND_TYPE_TAG] = {1},
		[BTF_KIND_ENUM64] = {1, 0, sizeof(struct btf_enum64)},
	};
	__u32 kind = btf_kind(type);

	if (kind >= ARRAY_SIZE(sizes) || !sizes[kind].known)
		return 0;
	return sizeof(*type) + sizes[kind].once + (size_t)sizes[kind].each * btf_vlen(type);
}

int kernel_btf_types(struct kernel_btf *k, kernel_btf_type *each, void *context)
{
	struct btf_type type;
	size_t size;
	__u64 at;
	int err = 0;

	k->nr_types = 0;
	for (at = k->types; at < k->types_end && !err; at += size) {
		if (kernel_btf_read(k, at, &type, sizeof(type)))
			return -EINVAL;
		size = type_size(&type);
		if (!size)
			return -EOPNOTSUPP;
		if (size > k->types_end - at)
			return -EINVAL;
		if (k->nr_types % INDEX_STEP == 0)
			k->index[k->nr_types / INDEX_STEP] = at;
		err = each(context, ++k->nr_types, &type);
	}
	return err;
}

int kernel_btf_find(struct kernel_btf *k, __u32 id, struct btf_type *ret_type, __u64 *ret_rest)
{
	struct btf_type type;
	__u64 at;
	__u32 i;

	if (!id || id > k->nr_types)
		return -EINVAL;
	at = k->index[(id - 1) / INDEX_STEP];
	for (i = (id - 1) % INDEX_STEP;; i--) {
		if (kernel_btf_read(k, at, &type, sizeof(type)))
			return -EINVAL;
		if (!i)
			break;
		at += type_size(&type);
	}
	*ret_type = type;
	*ret_rest = at + sizeof(type);
	return 0;
}
