// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Lives of processes: a fork inherits its parent's entry, an exec begins a new one, the end of the
 * last thread is told. Entries go away a moment later, in user space, so that the time a process
 * takes to end is still its own. Raw tracepoints: these are no timer programs, they may insert.
 */
#include "sample.h"

const volatile __u32 cfg_all = 0; /* watch every program that starts, not those we know alone */

__u32 next_process = 1; /* incarnations; user space takes numbers from here too */

extern struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct py_process);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} process_events SEC(".maps");

__u64 process_events_lost = 0;

static __always_inline void event_send(__u32 event, struct task_struct *task, __u32 id,
				       __u32 parent)
{
	struct process_record *record;

	record = bpf_ringbuf_reserve(&process_events, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&process_events_lost, 1);
		return;
	}
	record->type = RECORD_PROCESS;
	record->event = event;
	record->pid = BPF_CORE_READ(task, tgid);
	record->id = id;
	record->parent = parent;
	record->unused = 0;
	record->start_ticks = BPF_CORE_READ(task, group_leader, start_boottime) / CLOCK_TICK_NS;
	BPF_CORE_READ_INTO(&record->comm, task, group_leader, comm);
	bpf_ringbuf_submit(record, 0);
}

SEC("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
	__u32 parent_pid = BPF_CORE_READ(parent, tgid), pid = BPF_CORE_READ(child, tgid);
	struct py_process *of_parent, entry;
	__u32 parent_id;

	if (pid == parent_pid)
		return 0; /* a thread */
	of_parent = bpf_map_lookup_elem(&processes, &parent_pid);
	if (!of_parent)
		return 0;
	entry = *of_parent;
	parent_id = entry.id;
	entry.id = __sync_fetch_and_add(&next_process, 1);
	entry.start_ticks = BPF_CORE_READ(child, start_boottime) / CLOCK_TICK_NS;
	entry.quota_used = 0;
	bpf_map_update_elem(&processes, &pid, &entry, BPF_ANY);
	event_send(PROCESS_FORK, child, entry.id, parent_id);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	__u32 pid = BPF_CORE_READ(task, tgid), before = 0;
	struct py_process *known, entry = {};

	known = bpf_map_lookup_elem(&processes, &pid);
	if (!known && !cfg_all)
		return 0;
	if (known)
		before = known->id;
	entry.id = __sync_fetch_and_add(&next_process, 1);
	entry.start_ticks = BPF_CORE_READ(task, group_leader, start_boottime) / CLOCK_TICK_NS;
	entry.state = PY_PROCESS_STARTING;
	bpf_map_update_elem(&processes, &pid, &entry, BPF_ANY);
	event_send(PROCESS_EXEC, task, entry.id, before);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	__u32 pid = BPF_CORE_READ(task, tgid);
	struct py_process *known;

	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	known = bpf_map_lookup_elem(&processes, &pid);
	if (known)
		event_send(PROCESS_EXIT, task, known->id, 0);
	return 0;
}
