// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The sample path: filter, thread state, walk, identities and names, one record in this CPU's
 * ring, one outcome. No lock is taken that another CPU can hold: maps are looked up and added to
 * in place, all writing goes to per-CPU memory and this CPU's ring.
 */
#include "sample.h"
#include "identify.h"
#include "python/thread.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The ring of the root end, oldest first, goes behind the leaf end. */
static long unroll_step(__u32 i, void *data)
{
	struct scratch *s = *(struct scratch **)data;
	__u32 nr = s->walk.nr_root, from, to = s->walk.nr_leaf + i;

	if (i >= nr || i >= PY_ROOT_MAX || to >= FRAMES_MAX)
		return 1;
	from = nr > PY_ROOT_MAX ? nr + i : i;
	verifier_bound(from, PY_ROOT_MAX - 1);
	s->frames[to] = s->walk.root[from];
	return 0;
}

static __always_inline __u32 walk_outcome(const struct py_walk *walk)
{
	if (walk->end == WALK_FAULT)
		return OUTCOME_PARTIAL;
	return walk->gap ? OUTCOME_TRUNCATED : OUTCOME_OK;
}

/*
 * In an exec that has thrown the old program's memory away, and not yet told that the new one is
 * there: there are no frames any more, and this is the new one's start.
 */
static __always_inline bool between_programs(void)
{
	struct task_struct *task = current_task();

	return bpf_core_field_exists(task->in_execve) &&
	       BPF_CORE_READ_BITFIELD_PROBED(task, in_execve);
}

/* Walk the thread's frames into the scratch's record; the outcome. */
static __always_inline __u32 stack_take(struct scratch *s, struct py_process *process,
					struct cpu_counters *counters, __u64 now, __u64 tp)
{
	struct walk_context walk = {&s->walk, &process->layout, s->frames};
	struct identify_context c = {s, process, counters};
	struct identify *id = &s->identify;
	struct py_thread thread;
	int err;

	err = thread_find(&process->slot, &process->layout, tp, &thread);
	if (err < 0)
		return between_programs() ? OUTCOME_STARTING : OUTCOME_PARTIAL;
	if (err || !thread.frame)
		return OUTCOME_NO_PYTHON;
	walk_thread(&walk, &thread);
	repeat(PY_ROOT_MAX, unroll_step, &s);

	id->now_ms = now / 1000000;
	id->nr_leaf = s->walk.nr_leaf;
	id->nr = id->nr_leaf + (s->walk.nr_root < PY_ROOT_MAX ? s->walk.nr_root : PY_ROOT_MAX);
	id->captures = CAPTURES_MAX;
	id->out = 0;
	id->outcome = walk_outcome(&s->walk);
	id->out_leaf = ~0U;
	repeat(FRAMES_MAX, identify_step, &c);
	if (id->out_leaf > id->out)
		id->out_leaf = id->out;
	s->record.nr_leaf = id->out_leaf;
	s->record.nr_root = id->out - id->out_leaf;
	if (s->walk.gap)
		s->record.flags |= SAMPLE_GAP;
	return id->outcome;
}

static __always_inline void cost_count(struct cpu_counters *counters, __u64 ns)
{
	__u64 length = ns >> 10;

	if (length > 63)
		length = 63;
	counters->runs++;
	counters->run_ns += ns;
	counters->run_lengths[length]++;
}

static __always_inline __u32 not_ready(__u32 state)
{
	if (state == PY_PROCESS_REFUSED)
		return OUTCOME_REFUSED;
	return state == PY_PROCESS_OTHER ? OUTCOME_OTHER : OUTCOME_STARTING;
}

static __always_inline __u32 sample(__u32 source, __u32 state, __u64 weight_ns,
				    struct cpu_counters *counters)
{
	struct task_struct *task = current_task();
	__u32 pid = task->tgid, cpu = bpf_get_smp_processor_id(), outcome;
	struct py_process *process;
	struct scratch *s;
	__u64 begin, size;
	void *ring;

	if (!task->pid)
		return OUTCOME_IDLE;
	process = bpf_map_lookup_elem(&processes, &pid);
	if (!process || process->start_ticks != task->group_leader->start_boottime / CLOCK_TICK_NS)
		return OUTCOME_OTHER;
	if (process->state != PY_PROCESS_READY)
		return not_ready(process->state);
	s = bpf_map_lookup_elem(&scratches, &source);
	ring = bpf_map_lookup_elem(&rings, &cpu);
	if (!s || !ring)
		return OUTCOME_RING_FULL;

	begin = bpf_ktime_get_ns();
	s->record.type = RECORD_SAMPLE;
	s->record.process = process->id;
	s->record.pid = pid;
	s->record.tid = task->pid;
	s->record.source = source;
	s->record.state = state;
	s->record.flags = task->flags & PF_EXITING ? SAMPLE_EXITING : 0;
	s->record.nr_leaf = s->record.nr_root = 0;
	s->record.weight = weight_ns;
	s->record.hash[0] = s->record.hash[1] = process->id;
	bpf_get_current_comm(s->record.comm, sizeof(s->record.comm));
	outcome = OUTCOME_NO_PYTHON;
	if (task->mm)
		outcome = stack_take(s, process, counters, begin, task_thread_pointer(task));
	if (outcome == OUTCOME_STARTING)
		return outcome;
	s->record.outcome = outcome;
	size = sizeof(s->record) +
	       (s->record.nr_leaf + s->record.nr_root) * sizeof(struct py_frame);
	if (size > sizeof(s->record) + sizeof(s->frames))
		return OUTCOME_PARTIAL;
	if (bpf_ringbuf_output(ring, &s->record, size, BPF_RB_NO_WAKEUP)) {
		counters->lost_weight += weight_ns;
		outcome = OUTCOME_RING_FULL;
	}
	cost_count(counters, bpf_ktime_get_ns() - begin);
	return outcome;
}

int sample_take(__u32 source, __u32 state, __u64 weight_ns)
{
	struct cpu_counters *counters_here;
	__u32 zero = 0, outcome;

	counters_here = bpf_map_lookup_elem(&counters, &zero);
	if (!counters_here)
		return 0;
	outcome = sample(source, state, weight_ns, counters_here);
	if (outcome < NR_OUTCOMES)
		counters_here->outcomes[outcome]++;
	return outcome;
}
