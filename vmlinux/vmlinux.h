/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's own structs, just the fields that are read, relocated at load time (CO-RE): order
 * and size mean nothing here. A field that some kernel named differently gets a flavour
 * (struct x___old) and an accessor below, so that all drift is in this file.
 */
#ifndef PYBPFPROF_VMLINUX_H
#define PYBPFPROF_VMLINUX_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct mm_struct;

#if defined(__TARGET_ARCH_x86)
struct thread_struct {
	unsigned long fsbase;
};
#elif defined(__TARGET_ARCH_arm64)
struct thread_struct {
	struct {
		unsigned long tp_value;
	} uw;
};
#else
#error "this architecture is not known"
#endif

struct signal_struct {
	atomic_t live; /* threads that have not begun to exit */
};

struct task_struct {
	unsigned int flags;
	unsigned int in_execve : 1;
	struct mm_struct *mm;
	int pid;
	int tgid;
	__u64 start_boottime; /* ns; since 5.5 under this name */
	struct task_struct *group_leader;
	struct signal_struct *signal;
	char comm[16];
	struct thread_struct thread;
};

#pragma clang attribute pop

#define PF_EXITING 0x00000004

/* The thread pointer of a task that is not running, or of the current one. */
#if defined(__TARGET_ARCH_x86)
#define task_thread_pointer(task) ((task)->thread.fsbase)
#else
#define task_thread_pointer(task) ((task)->thread.uw.tp_value)
#endif

#endif
