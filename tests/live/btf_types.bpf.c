// SPDX-License-Identifier: BSD-2-Clause
/*
 * Relocations of every sort that a source may come to need, against types that every kernel has;
 * with -DREFUSED=n, one sort that our own BTF does not serve.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

enum bpf_prog_type;

struct bpf_prog {
	unsigned short jited : 1, gpl_compatible : 1; /* bit-fields */
	enum bpf_prog_type type;		      /* an enum */
	unsigned int len;
};

struct rlimit {
	unsigned long rlim_cur;
};

struct signal_struct {
	struct rlimit rlim[16]; /* structs in an array */
};

struct mm_struct { /* in the kernel all of it stands in a struct without a name */
	unsigned long start_stack;
	union {
		unsigned long arg_start; /* here in a union that the kernel has not */
	};
};

struct sock_common { /* unions and structs without names, nested */
	unsigned int skc_daddr;
	unsigned short skc_dport;
	unsigned char skc_reuse : 4;
};

struct upid {
	int nr;
};

struct pid {
	struct upid numbers[1]; /* flexible */
};

struct restart_block { /* members with names whose structs have none, as arm64's thread.uw */
	struct {
		unsigned int val;
	} futex;
};

struct task_struct {
	struct restart_block restart_block;
	unsigned int sched_reset_on_fork : 1;
	int prio; /* signed */
	struct mm_struct *mm;
	struct signal_struct *signal;
	const struct cred *cred;
	struct pid *thread_pid;
	char comm[16];
	struct {
		struct {
			unsigned long tv_nothing;
		} arch_nothing;
	} restart_nothing; /* nobody has this */
};

/* Two flavours: one of them names a field that is not there. */
struct task_struct___old {
	long state;
} __attribute__((preserve_access_index));

struct task_struct___new {
	unsigned int __state;
} __attribute__((preserve_access_index));

#pragma clang attribute pop

enum bpf_prog_type___x { BPF_PROG_TYPE_KPROBE___x };

struct no_such_struct {
	int a;
};

__u64 result[32];

static void read_values(struct task_struct *task, struct bpf_prog *prog, struct sock_common *sk)
{
	result[0] = BPF_CORE_READ(task, signal, rlim[3].rlim_cur);
	result[1] = BPF_CORE_READ(task, mm, start_stack) + BPF_CORE_READ(task, mm, arg_start);
	result[2] = BPF_CORE_READ(task, cred, uid.val);
	result[3] = BPF_CORE_READ(task, thread_pid, numbers[0].nr);
	result[4] = BPF_CORE_READ(task, prio) + BPF_CORE_READ(task, comm[3]);
	result[5] = BPF_CORE_READ_BITFIELD_PROBED(task, sched_reset_on_fork);
	result[6] = BPF_CORE_READ_BITFIELD_PROBED(prog, gpl_compatible);
	result[7] = BPF_CORE_READ(prog, type) + BPF_CORE_READ(prog, len);
	result[8] = BPF_CORE_READ(sk, skc_daddr) + BPF_CORE_READ(sk, skc_dport);
	result[9] = BPF_CORE_READ_BITFIELD_PROBED(sk, skc_reuse);
	result[19] = BPF_CORE_READ_BITFIELD_PROBED(task, prio); /* asks for signs */
	result[20] = BPF_CORE_READ_BITFIELD_PROBED(prog, type);
	result[21] = BPF_CORE_READ(task, restart_block.futex.val);
}

static void read_facts(struct task_struct *task)
{
	struct task_struct___old *old = (void *)task;
	struct task_struct___new *new = (void *)task;

	result[10] = bpf_core_field_exists(old->state) ? BPF_CORE_READ(old, state)
						       : BPF_CORE_READ(new, __state);
	result[11] = bpf_core_field_exists(task->restart_nothing.arch_nothing.tv_nothing);
	result[12] = bpf_core_field_exists(task->signal->rlim[15]);
	result[13] = bpf_core_field_size(task->comm);
	result[14] = bpf_core_type_size(struct task_struct);
	result[15] = bpf_core_type_exists(kuid_t) + bpf_core_type_size(kuid_t);
	result[16] = bpf_core_type_exists(struct task_struct___old);
	result[17] = bpf_core_type_id_local(struct task_struct);
	result[18] = bpf_core_type_size(enum bpf_prog_type___x);
}

SEC("raw_tp/sys_enter")
int on_enter(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

#if !defined(REFUSED)
	read_values(task, (void *)task, (void *)task);
	read_facts(task);
#elif REFUSED == 1
	result[0] = bpf_core_enum_value(enum bpf_prog_type___x, BPF_PROG_TYPE_KPROBE___x);
#elif REFUSED == 2
	result[0] = bpf_core_type_id_kernel(struct task_struct);
#elif REFUSED == 3
	result[0] = bpf_core_type_exists(struct no_such_struct);
#endif
	return 0;
}
