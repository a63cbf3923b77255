/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a BPF object relocates against (CO-RE), as names: the types that its relocations start from,
 * and all members of these types as the object knows them, at any depth. It does not matter which
 * member is whose: a kernel struct that is copied may hold a few members more than are read.
 */
#ifndef SESSION_WANTED_H
#define SESSION_WANTED_H

#include <bpf/btf.h>
#include <stdbool.h>
#include <stddef.h>

#define WANTED_MAX 256

struct wanted_name {
	char *text;
	size_t len;
	__u32 root_kinds; /* by wanted_kind(): a type of this name and of these kinds is wanted */
	__u32 offset;	  /* among the kernel's strings; 0: not there */
	bool met;	  /* the caller's: a wanted type of this name was found */
};

struct wanted {
	struct wanted_name names[WANTED_MAX];
	size_t nr;
	bool filter[256]; /* by wanted_hash(): most of the kernel's strings end here */
};

/*
 * From the ELF object in memory. EOPNOTSUPP where it has a relocation that needs more than names
 * and members (a type's number, the values of an enum), ENOENT where it has none at all.
 */
int wanted_init(struct wanted *wanted, const void *object, size_t size);
void wanted_done(struct wanted *wanted);

/* The bit of a type's kind. Both kinds of enum are one, as they are to libbpf. */
__u32 wanted_kind(const struct btf_type *type);

/* Of the kernel's strings, this is at this offset: is it wanted? */
bool wanted_note(struct wanted *wanted, const char *text, size_t len, __u32 offset);

/* By the offset that was noted; NULL where it was not. */
struct wanted_name *wanted_find(struct wanted *wanted, __u32 offset);

#endif
