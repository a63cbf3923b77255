/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the file of an interpreter tells, whichever process maps it: the symbols that mark one.
 * What they mean is for find.c to say.
 */
#ifndef PYTHON_FILE_H
#define PYTHON_FILE_H

#include <linux/types.h>
#include <stdbool.h>

enum marker {
	MARKER_RUNTIME, /* or the section of that name, which outlives strip */
	MARKER_CODE_TYPE,
	MARKER_VERSION,
	MARKER_INTERPRETER_HEAD,
	MARKER_STRING_TYPE,
	MARKER_FS_PATH,
	MARKER_POS_ONLY,
	MARKER_GET_CODE,
	MARKER_ITER_SEND,
	MARKER_REF_TOTAL,
	MARKER_NEGATIVE_REFCOUNT,
	MARKER_MERGE_ZERO,
	MARKER_PYPY,
	MARKER_PTHREAD_SIZE,
	NR_MARKERS
};

extern const char *const marker_names[NR_MARKERS]; /* in find.c, which knows what they mean */

struct python_file {
	bool is_32_bit;		   /* an ELF file of 32 bits; nothing else is known of it */
	__u32 hex;		   /* Py_Version, 0 where there is none */
	__u32 pthread_size;	   /* libc's sizeof(struct pthread), 0 where it does not say */
	__u64 markers[NR_MARKERS]; /* addresses before relocation; 0: not defined there */
};

/*
 * Kept by the file's identity (device, inode, size, time of change), so that only the first process
 * that maps a file pays for it. A file that is no ELF file of this machine has no markers.
 * -ENOMEM, or what reading it said. Not for several threads at once.
 */
int python_file_get(int fd, struct python_file *ret);
void python_file_forget(void);

#endif
