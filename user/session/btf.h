/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A BTF of our own: libbpf would parse all of the kernel's (megabytes) to relocate a dozen fields.
 * Only what the object's CO-RE relocations name is copied, so there is no list to keep: the object
 * itself says which types and members those are.
 */
#ifndef SESSION_BTF_H
#define SESSION_BTF_H

#include <stddef.h>

#define BTF_KERNEL    "/sys/kernel/btf/vmlinux"
#define BTF_PATH_SIZE 32

/*
 * Copy from the BTF at this path (BTF_KERNEL but in tests) what the BPF object in memory relocates
 * against. A file descriptor, and in ret_path a name of it for bpf_object_open_opts'
 * btf_custom_path; it has to stay open until the object is loaded; the caller closes it.
 *
 * Negative errno: load without it. Relocating gives the same as with the whole BTF or this fails:
 * EOPNOTSUPP is a kind of relocation or type that is not copied, ENOENT a type that this BTF does
 * not have (but a module may), E2BIG more than there is room for, EINVAL a BTF or object that makes
 * no sense.
 */
int btf_small_open(const char *path, const void *object, size_t object_size,
		   char ret_path[BTF_PATH_SIZE]);

#endif
