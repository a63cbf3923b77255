/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A BTF file read in place: nothing of it is kept but an index of one type in 64. Where it cannot
 * be mapped (sysfs before 6.16) a window of it is read, so that the peak stays small there, too.
 * Whatever reaches outside the file is EINVAL.
 */
#ifndef SESSION_KERNEL_BTF_H
#define SESSION_KERNEL_BTF_H

#include <bpf/btf.h>
#include <stdbool.h>
#include <stddef.h>

struct kernel_btf {
	int fd;
	char *data; /* bytes [begin, end) of the file */
	__u64 begin, end;
	bool mapped;
	__u64 strings, strings_end, types, types_end; /* bytes in the file */
	__u32 *index;				      /* where the types 1, 65, 129.. are */
	__u32 nr_types;
};

/* kernel_btf_done() also after an error. */
int kernel_btf_init(struct kernel_btf *kernel, const char *path);
void kernel_btf_done(struct kernel_btf *kernel);

/* Every string, from front to back, until this returns false. */
typedef bool kernel_btf_string(void *context, const char *text, size_t len, __u32 offset);
int kernel_btf_strings(struct kernel_btf *kernel, kernel_btf_string *each, void *context);

/* Every type, from front to back, until this returns an errno. EOPNOTSUPP: an unknown kind. */
typedef int kernel_btf_type(void *context, __u32 id, const struct btf_type *type);
int kernel_btf_types(struct kernel_btf *kernel, kernel_btf_type *each, void *context);

/* After that, the type of this number and where what belongs to it begins. */
int kernel_btf_find(struct kernel_btf *kernel, __u32 id, struct btf_type *ret_type,
		    __u64 *ret_rest);

/* These bytes of the file. */
int kernel_btf_read(struct kernel_btf *kernel, __u64 at, void *ret, size_t size);

/* The string at this offset, cut where it is longer than size. */
int kernel_btf_name(struct kernel_btf *kernel, __u32 offset, char *ret, size_t size);

#endif
