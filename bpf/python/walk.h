/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a thread state to its frames: code object and position of each, leaf first. Knows offsets
 * (struct py_layout), never versions, and needs no code object.
 *
 * Cost is per read, not per byte: from 3.11 on frames lie one after the other in the thread's data
 * stack, callers below, so one read of a window brings about nine. The same code runs natively in
 * the tests. Whatever is read may be hostile: every loop has a fixed end, the second read that
 * fails ends the walk.
 */
#ifndef PYTHON_WALK_H
#define PYTHON_WALK_H

#include "python/thread.h"

#define WINDOW_SIZE 1024
#define FAR_FRAME   WINDOW_SIZE /* where in bytes[] a frame outside the window is read to */
#define BYTES_MASK  (2 * WINDOW_SIZE - 1)
#define FIELD_MASK  (PY_FRAME_MAX - 1)
#define PAGE_MASK   (~4095ULL)

#define OWNER_GENERATOR	   1
#define OWNER_FRAME_OBJECT 2 /* must not be on a live chain */
#define OWNER_SHIM	   3 /* and above: an entry frame on the C stack, not Python's */

/* Chunks of the data stack that are hopped over at most, to get to the root: 150,000 frames. */
#define CHUNKS_MAX 1024
/* Frames visited: as many as are kept, and as many shims. */
#define STEPS_MAX (2 * PY_STACK_MAX + 16)

enum walk_end {
	WALK_WHOLE, /* all frames to the root */
	WALK_FAULT, /* memory was not resident, or no frame: the rest is missing */
	WALK_DEEP,  /* more than PY_STACK_MAX frames */
};

struct py_walk {
	__u64 next;	  /* frame to visit */
	__u64 resume;	  /* first frame that did not fit */
	__u64 window;	  /* address of bytes[0], 0: nothing there yet */
	__u64 window_end; /* address behind its last byte */
	__u64 far;	  /* the last frame that was read outside the window */
	__u64 chunk, chunk_above;
	__u32 nr_leaf;
	__u32 nr_root;	 /* visited in the root end, of which the last PY_ROOT_MAX are kept */
	__u32 end;	 /* enum walk_end */
	__u32 at_root;	 /* walking the root end */
	__u32 gap;	 /* frames are missing between leaf end and root end */
	__u32 owner;	 /* of the frame visited last */
	__u64 shim_code; /* of a shim that was visited: a frame that shows it is none of Python's */
	__u8 owners[PY_STACK_MAX];
	struct py_frame root[PY_ROOT_MAX]; /* a ring */
	__u8 bytes[2 * WINDOW_SIZE + PY_FRAME_MAX + 8];
};

struct walk_context {
	struct py_walk *walk;
	const struct py_layout *layout;
	struct py_frame *frames; /* PY_STACK_MAX of them */
};

/* The window ends with this frame and goes down, but not out of its page, where it could fault. */
static __always_inline int walk_fill(struct py_walk *walk, __u64 frame, __u32 size)
{
	__u64 end = frame + size, start = end - WINDOW_SIZE;
	__u64 page = frame & PAGE_MASK;
	__u64 len;

	if (start < page)
		start = page;
	len = end - start;
	if (len > WINDOW_SIZE)
		return -1;
	verifier_bound(len, BYTES_MASK);
	walk->window = 0;
	if (mem_read(walk->bytes, len, start))
		return -1;
	walk->window = start;
	walk->window_end = end;
	return 0;
}

/* Where in bytes[] the frame stands now, or negative. */
static __always_inline long walk_load(struct py_walk *walk, const struct py_layout *layout,
				      __u64 frame)
{
	__u32 size = layout->frame_size;

	if (size > PY_FRAME_MAX)
		return -1;
	if (walk->window && frame >= walk->window && frame + size <= walk->window_end)
		return frame - walk->window;
	/*
	 * A frame just below the window, or below the last one read alone, is on the data stack:
	 * its callers will be too. Any other (a generator's, a shim) is read alone and the window
	 * stays. Versions without a data stack have all their frames on the heap.
	 */
	if (layout->tstate_datastack_chunk != PY_ABSENT &&
	    (!walk->window || (frame < walk->window && frame + 4 * WINDOW_SIZE > walk->window) ||
	     (walk->far && frame < walk->far && frame + WINDOW_SIZE > walk->far))) {
		if (walk_fill(walk, frame, size))
			return -1;
		return frame - walk->window;
	}
	walk->far = frame;
	if (mem_read(&walk->bytes[FAR_FRAME], size, frame))
		return -1;
	return FAR_FRAME;
}

static __always_inline __u64 walk_field64(struct py_walk *walk, __u64 at, __u64 offset)
{
	verifier_bound(at, BYTES_MASK);
	verifier_bound(offset, FIELD_MASK);
	return mem_u64(&walk->bytes[at + offset]);
}

static __always_inline __u8 walk_field8(struct py_walk *walk, __u64 at, __u64 offset)
{
	verifier_bound(at, BYTES_MASK);
	verifier_bound(offset, FIELD_MASK);
	return walk->bytes[at + offset];
}

/* Bytes from the start of the bytecode to the instruction; negative before the first. */
static __always_inline __s32 walk_position(struct py_walk *walk, const struct py_layout *layout,
					   __u64 at, __u64 code)
{
	__u64 value = walk_field64(walk, at, layout->frame_position);

	if (layout->position == PY_POSITION_UNITS)
		return 2 * (__s32)value;
	return (__s32)(value - code - layout->code_adaptive);
}

static __always_inline void walk_keep(struct walk_context *c, const struct py_frame *frame,
				      __u8 owner)
{
	struct py_walk *walk = c->walk;
	__u64 i;

	if (walk->at_root) {
		i = walk->nr_root++;
		verifier_bound(i, PY_ROOT_MAX - 1);
		walk->root[i] = *frame;
	} else {
		i = walk->nr_leaf++;
		verifier_bound(i, PY_STACK_MAX - 1);
		c->frames[i] = *frame;
		walk->owners[i] = owner;
	}
}

/* Visit one frame; 1 ends the walk. */
static long walk_step(__u32 i, void *data)
{
	struct walk_context *c = data;
	struct py_walk *walk = c->walk;
	const struct py_layout *layout = c->layout;
	struct py_frame kept = {};
	__u64 frame = walk->next;
	__u8 owner = 0;
	long at;

	if (!frame)
		return 1;
	if (frame & 7)
		goto fault;
	at = walk_load(walk, layout, frame);
	if (at < 0)
		goto fault;
	if (layout->frame_owner != PY_ABSENT)
		owner = walk_field8(walk, at, layout->frame_owner);
	walk->owner = owner;
	if (owner < OWNER_SHIM) {
		if (owner == OWNER_FRAME_OBJECT)
			goto fault;
		if (!walk->at_root && walk->nr_leaf >= PY_STACK_MAX) {
			walk->end = WALK_DEEP;
			walk->resume = frame;
			return 1;
		}
		if (walk->at_root && frame == walk->resume) {
			/* The leaf end reaches up to here: what came before is told already. */
			walk->nr_root = 0;
			walk->gap = 0;
		}
		kept.code = walk_field64(walk, at, layout->frame_code);
		kept.position = walk_position(walk, layout, at, kept.code);
		walk_keep(c, &kept, owner);
	}
	if (owner >= OWNER_SHIM)
		walk->shim_code = walk_field64(walk, at, layout->frame_code);
	walk->next = walk_field64(walk, at, layout->frame_previous);
	if (walk->next == frame)
		goto fault;
	return 0;
fault:
	walk->end = WALK_FAULT;
	return 1;
}

static long walk_hop(__u32 i, void *data)
{
	struct walk_context *c = data;
	struct py_walk *walk = c->walk;
	__u64 previous = 0;

	if (mem_read(&previous, sizeof(previous), walk->chunk + c->layout->chunk_previous)) {
		walk->chunk = 0;
		return 1;
	}
	if (!previous)
		return 1;
	walk->chunk_above = walk->chunk;
	walk->chunk = previous;
	if (i == CHUNKS_MAX - 1)
		walk->chunk = 0;
	return 0;
}

/*
 * The root end of a stack that is too deep: the first frame of the second chunk has the whole
 * first chunk as its callers. Where there is but one chunk, its first frame is the thread's first.
 */
static __always_inline void walk_root(struct walk_context *c, __u64 tstate)
{
	struct py_walk *walk = c->walk;

	walk->gap = 1;
	walk->chunk = walk->chunk_above = 0;
	if (c->layout->tstate_datastack_chunk == PY_ABSENT ||
	    mem_read(&walk->chunk, sizeof(walk->chunk),
		     tstate + c->layout->tstate_datastack_chunk) ||
	    !walk->chunk)
		return;
	repeat(CHUNKS_MAX, walk_hop, c);
	if (!walk->chunk)
		return;
	if (walk->chunk_above)
		walk->next = walk->chunk_above + c->layout->chunk_data;
	else /* CPython skips the first word of a thread's first chunk */
		walk->next = walk->chunk + c->layout->chunk_data + 8;
	walk->at_root = 1;
	walk->end = WALK_WHOLE;
	repeat(STEPS_MAX, walk_step, c);
	if (walk->end != WALK_WHOLE || walk->next)
		walk->nr_root = 0; /* it did not end at a root */
	if (walk->nr_root > PY_ROOT_MAX)
		walk->gap = 1;
	walk->end = WALK_DEEP;
}

/* c->frames[0 .. nr_leaf) and the ring walk->root[] are filled; walk->end says how it went. */
static __always_inline void walk_thread(struct walk_context *c, const struct py_thread *thread)
{
	struct py_walk *walk = c->walk;

	walk->next = thread->frame;
	walk->resume = walk->window = walk->window_end = walk->far = walk->shim_code = 0;
	walk->nr_leaf = walk->nr_root = walk->at_root = walk->gap = walk->owner = 0;
	walk->end = WALK_WHOLE;
	repeat(STEPS_MAX, walk_step, c);
	if (walk->end == WALK_WHOLE && walk->next)
		walk->end = WALK_FAULT; /* shims without an end */
	if (walk->end == WALK_WHOLE && walk->owner == OWNER_GENERATOR)
		walk->end = WALK_FAULT; /* it yields, and has let go of its caller already */
	if (walk->end == WALK_DEEP)
		walk_root(c, thread->tstate);
}

#endif
