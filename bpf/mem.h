/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All that differs between the walk in the kernel and the same walk in a test: how memory of the
 * target is read, and how to repeat something without an end that a compiler could see.
 */
#ifndef MEM_H
#define MEM_H

#ifdef __bpf__

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __always_inline int mem_read(void *dst, __u32 size, __u64 address)
{
	return bpf_probe_read_user(dst, size, (const void *)address);
}

/* Call step(i, context) for i = 0 .. n - 1, until it returns 1. */
#define repeat(n, step, context) bpf_loop(n, step, context, 0)

/* The verifier must see a bound that the compiler would optimise away or move. */
#define verifier_bound(value, mask) asm volatile("%0 &= %1" : "+r"(value) : "i"(mask))

/* A field of a struct that was read. The kernel allows what C leaves undefined: no alignment. */
#define mem_u64(p) (*(const __u64 *)(p))
#define mem_u32(p) (*(const __u32 *)(p))

#ifndef barrier
#define barrier() asm volatile("" ::: "memory")
#endif

#else

#include <linux/types.h>
#include <string.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Whose memory is read: set by whoever walks natively. 0 or a negative errno. */
extern int (*mem_reader)(void *dst, __u32 size, __u64 address);

static inline int mem_read(void *dst, __u32 size, __u64 address)
{
	return mem_reader(dst, size, address);
}

static inline long repeat(__u32 n, long (*step)(__u32, void *), void *context)
{
	for (__u32 i = 0; i < n; i++)
		if (step(i, context))
			return i + 1;
	return n;
}

static inline __u64 mem_u64(const void *p)
{
	__u64 value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static inline __u32 mem_u32(const void *p)
{
	__u32 value;

	memcpy(&value, p, sizeof(value));
	return value;
}

#define verifier_bound(value, mask) ((value) &= (mask))
#define barrier()		    asm volatile("" ::: "memory")

#endif

#endif
