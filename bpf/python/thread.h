/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which PyThreadState is this thread's: the one that its gilstate slot holds, whether or not the
 * thread holds the GIL, if that one agrees that it is this thread's (its thread_id).
 */
#ifndef PYTHON_THREAD_H
#define PYTHON_THREAD_H

#include "mem.h"
#include "pybpfprof.h"

/* What a walk starts from. */
struct py_thread {
	__u64 tstate;
	__u64 frame; /* the frame that runs, 0 where there is none */
};

static __always_inline int thread_slot(const struct py_slot *slot, __u64 tp, __u64 *ret)
{
	__u64 base;
	int err;

	if (slot->kind == PY_SLOT_CONST)
		return mem_read(ret, sizeof(*ret), tp + (__s64)slot->offset);

	err = mem_read(&base, sizeof(base), tp + (__s64)slot->offset);
	if (err)
		return err;
	if (!base) {
		*ret = 0;
		return 0;
	}
	return mem_read(ret, sizeof(*ret), base + slot->second);
}

/*
 * 0 and the thread's state in *ret; 1: the thread has no Python; negative: memory could not be
 * read.
 */
static __always_inline int thread_find(const struct py_slot *slot, const struct py_layout *layout,
				       __u64 tp, struct py_thread *ret)
{
	__u64 tstate = 0, id = 0, frame = 0;

	if (!tp || thread_slot(slot, tp, &tstate))
		return -1;
	if (!tstate)
		return 1;
	if (mem_read(&id, sizeof(id), tstate + layout->tstate_thread_id))
		return -1;
	if (id != tp - slot->self_delta)
		return 1;
	if (mem_read(&frame, sizeof(frame), tstate + layout->tstate_frame))
		return -1;
	if (layout->cframe_current_frame != PY_ABSENT && frame &&
	    mem_read(&frame, sizeof(frame), frame + layout->cframe_current_frame))
		return -1;
	ret->tstate = tstate;
	ret->frame = frame;
	return 0;
}

#endif
