/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the event sources meet: each gathers when and how much, and calls sample_take().
 * Also the few things that BPF programs here share.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <stdbool.h>
#include "vmlinux.h"
#include "pybpfprof.h"
#include "outcomes.h"
#include "sources.h"

/*
 * Take a sample of the current thread: filter, thread state, walk, record, outcome (an enum
 * outcome, already counted). Linked, and so takes scalars only: no kernel lets programs of two
 * types share a context argument. Must not be interrupted by the same source on the same CPU.
 */
int sample_take(__u32 source, __u32 state, __u64 weight_ns);

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task_btf();
}

#endif
