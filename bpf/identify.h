/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The second half of the sample path: every frame's code object gets its identity, one that this
 * CPU has not sent yet is sent, frames that are not complete are left out. With the maps and the
 * scratch of the whole path. Part of sample.bpf.c alone.
 */
#ifndef IDENTIFY_H
#define IDENTIFY_H

#include "sample.h"
#include "python/code.h"
#include "python/walk.h"

#define FRAMES_MAX     (PY_STACK_MAX + PY_ROOT_MAX)
#define CAPTURES_MAX   32   /* code objects sent with one sample */
#define CAPTURES_QUOTA 1024 /* code objects sent for one process in one second and CPU */
#define CHECKED_SIZE   4096 /* power of two */
#define CHECKED_AGE_MS 1000 /* a caller's identity is read again after this */
#define HASH_A	       0x9e3779b97f4a7c15ULL
#define HASH_B	       0xc2b2ae3d27d4eb4fULL

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct py_process);
} processes SEC(".maps");

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* One ring per CPU, made and entered by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_counters);
} counters SEC(".maps");

/* How far the frames have been looked at. */
struct identify {
	__u32 now_ms;
	__u32 nr_leaf; /* of the frames, these are the leaf end */
	__u32 nr;      /* frames in all */
	__u32 out;     /* frames kept */
	__u32 out_leaf;
	__u32 captures; /* still allowed */
	__u32 outcome;
};

/* Everything a sample is made in. One slot a source: sources may interrupt each other. */
struct scratch {
	struct sample_record record;
	struct py_frame frames[FRAMES_MAX]; /* directly behind the record */
	struct py_walk walk;
	struct identify identify;
	struct py_code code;
	__u8 code_bytes[CODE_SCRATCH];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SOURCES);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct capture {
	struct code_record record;
	__u8 data[CODE_DATA_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SOURCES);
	__type(key, __u32);
	__type(value, struct capture);
} captures SEC(".maps");

/* Code objects that this CPU has sent, and when it last looked at each: two ways a set. */
struct checked {
	__u64 code;
	__u32 process;
	__u32 identity;
	__u32 since_ms;
	__s32 first_traceable;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CHECKED_SIZE);
	__type(key, __u32);
	__type(value, struct checked);
} checked_codes SEC(".maps");

/* Pointers alone: what changes is kept in the scratch, where the verifier does not count along. */
struct identify_context {
	struct scratch *scratch;
	struct py_process *process;
	struct cpu_counters *counters;
};

static __always_inline bool checked_is(const struct checked *c, __u64 code, __u32 process)
{
	return c && c->code == code && c->process == process;
}

/* The entry of a code object, or the one to use for it: the older of its set. */
static __always_inline struct checked *checked_find(__u64 code, __u32 process, bool *ret_found)
{
	__u32 i = ((code >> 4) * HASH_A + process * HASH_B) >> 40, j;
	struct checked *a, *b;

	i &= CHECKED_SIZE - 1;
	j = i ^ 1;
	a = bpf_map_lookup_elem(&checked_codes, &i);
	*ret_found = true;
	if (checked_is(a, code, process))
		return a;
	b = bpf_map_lookup_elem(&checked_codes, &j);
	if (checked_is(b, code, process))
		return b;
	*ret_found = false;
	return a && b && (__s32)(a->since_ms - b->since_ms) < 0 ? a : b;
}

static __always_inline bool quota_take(struct py_process *process, __u32 now_ms)
{
	__u32 second = now_ms >> 10;

	if (process->quota_second != second) {
		process->quota_second = second;
		process->quota_used = 0;
	}
	return process->quota_used++ < CAPTURES_QUOTA;
}

/*
 * Send the names of the code object that was read last in this source's scratch. 1: they are in
 * the ring; 0: over the quota; -1: the ring is full. Not static, so that the verifier looks at it
 * once, and not once for every way that leads here; therefore it looks up what it needs.
 */
int code_send(__u32 source, __u32 pid, __u64 address, __u32 now_ms)
{
	__u32 zero = 0, cpu = bpf_get_smp_processor_id();
	struct capture *capture = bpf_map_lookup_elem(&captures, &source);
	struct scratch *s = bpf_map_lookup_elem(&scratches, &source);
	struct py_process *process = bpf_map_lookup_elem(&processes, &pid);
	struct cpu_counters *here = bpf_map_lookup_elem(&counters, &zero);
	void *ring = bpf_map_lookup_elem(&rings, &cpu);
	__u64 size;

	if (!capture || !s || !process || !here || !ring)
		return 0;
	if (!quota_take(process, now_ms)) {
		here->capture_over++;
		return 0;
	}
	size = code_capture(&process->layout, address, &s->code, &capture->record, capture->data);
	capture->record.process = process->id;
	if (size > sizeof(*capture))
		return 0;
	if (bpf_ringbuf_output(ring, capture, size, BPF_RB_NO_WAKEUP)) {
		here->capture_lost++;
		return -1;
	}
	here->captured++;
	return 1;
}

/* The code object is new, or another at an old address: send it, if this sample still may. */
static __always_inline void code_learn(struct identify_context *c, struct checked *checked,
				       __u64 address)
{
	const struct py_code *code = &c->scratch->code;
	struct identify *id = &c->scratch->identify;
	int sent;

	if (!id->captures) {
		c->counters->capture_over++;
		return;
	}
	id->captures--;
	sent = code_send(c->scratch->record.source, c->scratch->record.pid, address, id->now_ms);
	if (sent < 0)
		id->captures = 0;
	if (sent <= 0)
		return;
	checked->code = address;
	checked->process = c->process->id;
	checked->identity = code->identity;
	checked->since_ms = id->now_ms;
	checked->first_traceable = code->first_traceable;
}

/* Identity and first traceable position of a frame's code object; 1: there is none. */
static __always_inline int code_check(struct identify_context *c, struct py_frame *frame, bool runs,
				      __s32 *ret_first_traceable)
{
	struct identify *id = &c->scratch->identify;
	struct scratch *s = c->scratch;
	struct checked *checked;
	bool found;
	int err;

	if (frame->code == s->walk.shim_code)
		return 1;
	checked = checked_find(frame->code, c->process->id, &found);
	if (!checked)
		return 1;
	if (found && !runs && id->now_ms - checked->since_ms < CHECKED_AGE_MS) {
		frame->identity = checked->identity;
		*ret_first_traceable = checked->first_traceable;
		return 0;
	}
	err = code_read(&c->process->layout, c->process->code_type, frame->code, s->code_bytes,
			&s->code);
	if (err > 0)
		return 1;
	if (err) {
		c->counters->code_faults++;
		frame->identity = 0;
		*ret_first_traceable = 0;
		return 0;
	}
	frame->identity = s->code.identity;
	*ret_first_traceable = s->code.first_traceable;
	if (found && checked->identity == s->code.identity)
		checked->since_ms = id->now_ms;
	else
		code_learn(c, checked, frame->code);
	return 0;
}

/*
 * Look at frame i: give it its identity, or leave it out where it is not complete yet (before its
 * first traceable instruction: CPython hides such frames too). A generator's is always complete.
 */
static long identify_step(__u32 i, void *data)
{
	struct identify_context *c = data;
	struct scratch *s = c->scratch;
	struct identify *id = &s->identify;
	__s32 first_traceable = 0;
	struct py_frame frame;
	__u32 out = id->out;
	__u8 owner = 0;

	if (i >= FRAMES_MAX || out >= FRAMES_MAX)
		return 1;
	if (i == id->nr_leaf)
		id->out_leaf = out;
	if (i >= id->nr)
		return 1;
	frame = s->frames[i];
	if (code_check(c, &frame, i == 0, &first_traceable)) {
		/* Caught between two stores: nothing below a frame that is none can be trusted. */
		id->outcome = i ? OUTCOME_PARTIAL : OUTCOME_MENDED;
		if (i < id->nr_leaf)
			id->out_leaf = out;
		return 1;
	}
	if (i < id->nr_leaf && i < PY_STACK_MAX)
		owner = s->walk.owners[i];
	if (frame.position < first_traceable && owner != OWNER_GENERATOR &&
	    c->process->layout.code_first_traceable != PY_ABSENT) {
		if (id->outcome == OUTCOME_OK)
			id->outcome = OUTCOME_MENDED;
		return 0;
	}
	s->frames[out] = frame;
	s->record.hash[0] = (s->record.hash[0] ^ frame.code) * HASH_A + (__u32)frame.position;
	s->record.hash[1] = (s->record.hash[1] ^ (__u32)frame.position) * HASH_B +
			    (frame.code ^ frame.identity);
	id->out = out + 1;
	return 0;
}

#endif
