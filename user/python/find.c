// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which of the candidates is alive, its version, and what the kernel's side has to know of it. The
 * one that has interpreters is it. Lists of the process are cut: it may have made them endless.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/cleanup.h"
#include "python/find.h"
#include "python/search.h"
#include "python/slot.h"
#include "target/process.h"

#define INTERPRETERS_MAX 16
#define THREADS_MAX	 4096
#define TYPE_THREADS	 16 /* whose frames are searched for a code object */
#define FRAMES_MAX	 64
#define DEBUG_OFFSETS	 4096 /* the most that is read of them */
#define DEBUG_COOKIE	 "xdebugpy"
#define DEBUG_HEAD	 40 /* where _Py_DebugOffsets keeps runtime_state.interpreters_head */
#define TYPE_NAME	 24 /* PyTypeObject.tp_name */

const char *const marker_names[NR_MARKERS] = {
	[MARKER_RUNTIME] = "_PyRuntime",
	[MARKER_CODE_TYPE] = "PyCode_Type",
	[MARKER_VERSION] = "Py_Version",
	[MARKER_INTERPRETER_HEAD] = "PyInterpreterState_Head",
	[MARKER_STRING_TYPE] = "PyString_Type",
	[MARKER_FS_PATH] = "PyOS_FSPath",
	[MARKER_POS_ONLY] = "PyCode_NewWithPosOnlyArgs",
	[MARKER_GET_CODE] = "PyFrame_GetCode",
	[MARKER_ITER_SEND] = "PyIter_Send",
	[MARKER_REF_TOTAL] = "_Py_RefTotal",
	[MARKER_NEGATIVE_REFCOUNT] = "_Py_NegativeRefcount",
	[MARKER_MERGE_ZERO] = "_Py_MergeZeroLocalRefcount",
	[MARKER_PYPY] = "PyPyObject_Type",
	[MARKER_PTHREAD_SIZE] = "_thread_db_sizeof_pthread",
};

/* What became of one candidate, better ones last. */
enum verdict {
	VERDICT_NONE,
	VERDICT_REFUSED,      /* not one that we know, and perhaps not in use */
	VERDICT_STARTING,     /* one that we know, not initialised */
	VERDICT_REFUSED_LIVE, /* in use, but not one that we know */
	VERDICT_FOUND,
};

/*
 * The version that a file's symbols speak of. Py_Version says it from 3.11 on; before, each minor
 * version exports something that the one before did not. 0: they don't tell.
 */
static __u32 hex_from_file(const struct python_file *file)
{
	static const struct {
		enum marker marker;
		__u32 hex;
	} ladder[] = {
		{MARKER_ITER_SEND, 0x030a0000}, {MARKER_GET_CODE, 0x03090000},
		{MARKER_POS_ONLY, 0x03080000},	{MARKER_RUNTIME, 0x03070000},
		{MARKER_FS_PATH, 0x03060000},	{MARKER_STRING_TYPE, 0x02070000},
	};
	size_t i;

	if (file->hex)
		return file->hex;
	/* Only the section is left of a stripped program that exports nothing: no evidence. */
	if (!file->markers[MARKER_INTERPRETER_HEAD])
		return 0;
	for (i = 0; i < ARRAY_SIZE(ladder); i++)
		if (file->markers[ladder[i].marker])
			return ladder[i].hex;
	return 0;
}

/* From 3.13 on, what stands in memory tells it, whatever became of the symbols. */
static __u32 hex_of(struct search *search, const struct candidate *candidate)
{
	struct {
		char cookie[8];
		__u64 version;
	} head;

	if (candidate->runtime && search_read(search, candidate->runtime, &head, sizeof(head)) &&
	    !memcmp(head.cookie, DEBUG_COOKIE, sizeof(head.cookie)) && head.version <= UINT32_MAX)
		return head.version;
	return hex_from_file(&candidate->file);
}

/* Threads that have begun to run, of all interpreters. Lists that never end are cut. */
static size_t list_threads(struct search *search, __u64 runtime,
			   const struct python_runtime *offsets,
			   struct slot_thread threads[THREADS_MAX])
{
	size_t nr = 0, i, k;
	__u64 interpreter, tstate, self;

	if (!search_read_u64(search, runtime + offsets->interpreters_head, &interpreter))
		return 0;
	for (i = 0; i < INTERPRETERS_MAX && interpreter; i++) {
		if (!search_read_u64(search, interpreter + offsets->threads_head, &tstate))
			break;
		for (k = 0; k < THREADS_MAX && tstate && nr < THREADS_MAX; k++) {
			if (!search_read_u64(search, tstate + offsets->thread_id, &self))
				break;
			if (self)
				threads[nr++] = (struct slot_thread){self, tstate};
			if (!search_read_u64(search, tstate + offsets->thread_next, &tstate))
				break;
		}
		if (!search_read_u64(search, interpreter + offsets->interpreter_next, &interpreter))
			break;
	}
	return nr;
}

/* Is there the type of code objects? */
static bool is_code_type(struct search *search, __u64 type)
{
	char name[5];
	__u64 at;

	return type && search_read_u64(search, type + TYPE_NAME, &at) &&
	       search_read(search, at, name, sizeof(name)) && !memcmp(name, "code", sizeof(name));
}

/* The type of the code that a thread runs, for an interpreter that exports no symbol. */
static __u64 code_type_of_thread(struct search *search, const struct py_layout *layout,
				 __u64 tstate)
{
	__u64 frame, code, type;
	int i;

	if (!search_read_u64(search, tstate + layout->tstate_frame, &frame))
		return 0;
	if (layout->cframe_current_frame != PY_ABSENT &&
	    !search_read_u64(search, frame + layout->cframe_current_frame, &frame))
		return 0;
	for (i = 0; i < FRAMES_MAX && frame; i++) {
		if (search_read_u64(search, frame + layout->frame_code, &code) &&
		    search_read_u64(search, code + layout->ob_type, &type) &&
		    is_code_type(search, type))
			return type;
		if (!search_read_u64(search, frame + layout->frame_previous, &frame))
			return 0;
	}
	return 0;
}

static __u64 find_code_type(struct search *search, const struct candidate *candidate,
			    const struct py_layout *layout, const struct slot_thread *threads,
			    size_t nr_threads)
{
	__u64 type = candidate->file.markers[MARKER_CODE_TYPE];
	size_t i;

	if (is_code_type(search, search->copied_code_type))
		return search->copied_code_type;
	if (type && is_code_type(search, type + candidate->bias))
		return type + candidate->bias;
	type = 0;
	for (i = 0; !type && i < nr_threads && i < TYPE_THREADS; i++)
		type = code_type_of_thread(search, layout, threads[i].tstate);
	return type;
}

/* Has it interpreters, and is it past its start? */
static bool is_initialized(struct search *search, __u64 runtime,
			   const struct python_runtime *offsets)
{
	__u32 initialized, has_key;
	__u64 head;

	/* Py_tss_t is { int _is_initialized; pthread_key_t _key; } */
	return search_read_u32(search, runtime + offsets->initialized, &initialized) &&
	       search_read_u64(search, runtime + offsets->interpreters_head, &head) &&
	       search_read_u32(search, runtime + offsets->tss_key - 4, &has_key) &&
	       initialized == 1 && head && has_key == 1;
}

/*
 * Is one in use that we don't know? A guess, that only decides which of several copies is named:
 * from 3.13 on the list's place is told by the interpreter, before 3.10 all was zero at first.
 */
static bool seems_live(struct search *search, const struct candidate *candidate)
{
	static const char zero[64];
	char start[64];
	__u64 at, head;

	if (!candidate->runtime || !search_read(search, candidate->runtime, start, sizeof(start)))
		return false;
	if (memcmp(start, DEBUG_COOKIE, strlen(DEBUG_COOKIE)))
		return memcmp(start, zero, sizeof(zero)) != 0;
	memcpy(&at, start + DEBUG_HEAD, sizeof(at));
	return at < 1 << 24 && search_read_u64(search, candidate->runtime + at, &head) && head;
}

static enum verdict refuse(struct search *search, const struct candidate *candidate,
			   struct python *ret, const char *reason)
{
	snprintf(ret->refusal, sizeof(ret->refusal), "%s", reason);
	return seems_live(search, candidate) ? VERDICT_REFUSED_LIVE : VERDICT_REFUSED;
}

static enum verdict refuse_build(struct search *search, const struct candidate *candidate,
				 struct python *ret, const char *reason)
{
	char text[sizeof(ret->refusal)];

	snprintf(text, sizeof(text), "CPython %u.%u: %s", candidate->hex >> 24,
		 candidate->hex >> 16 & 0xff, reason);
	return refuse(search, candidate, ret, text);
}

static enum verdict refuse_version(struct search *search, const struct candidate *candidate,
				   struct python *ret)
{
	_cleanup_free_ char *reason = candidate->hex ? version_refusal(candidate->hex) : NULL;

	return refuse(search, candidate, ret,
		      reason ? reason : "a CPython whose version its symbols don't tell");
}

/* What a live interpreter has to have so that it can be sampled. */
static enum verdict complete(struct search *search, const struct candidate *candidate,
			     const struct python_runtime *offsets, struct python *ret)
{
	_cleanup_free_ struct slot_thread *threads = calloc(THREADS_MAX, sizeof(*threads));
	size_t nr_threads;
	__u32 key;
	int err;

	if (!threads) {
		search->memory_error = -ENOMEM;
		return VERDICT_NONE;
	}
	if (!search_read_u32(search, candidate->runtime + offsets->tss_key, &key))
		return VERDICT_STARTING;
	nr_threads = list_threads(search, candidate->runtime, offsets, threads);
	err = slot_find(search->pid, key, search->pthread_size, threads, nr_threads, &ret->slot);
	if (err == -ENOTSUP)
		return refuse_build(search, candidate, ret,
				    "thread-local storage of this C library is not understood");
	if (err)
		return VERDICT_STARTING;
	ret->code_type = find_code_type(search, candidate, &ret->layout, threads, nr_threads);
	return ret->code_type ? VERDICT_FOUND : VERDICT_STARTING;
}

static enum verdict examine_known(struct search *search, const struct candidate *candidate,
				  struct python *ret)
{
	char debug_offsets[DEBUG_OFFSETS];
	size_t size = ret->version->debug_offsets_size;
	struct python_runtime offsets;
	const char *reason = NULL;

	if (size > sizeof(debug_offsets))
		return refuse_build(search, candidate, ret, "its table of offsets is too large");
	if (size && !search_read(search, candidate->runtime, debug_offsets, size))
		return VERDICT_STARTING;
	if (version_offsets(ret->version, size ? debug_offsets : NULL, &ret->layout, &offsets,
			    &reason))
		return refuse_build(search, candidate, ret, reason);
	if (!is_initialized(search, candidate->runtime, &offsets))
		return VERDICT_STARTING;
	return complete(search, candidate, &offsets, ret);
}

static enum verdict examine(struct search *search, struct candidate *candidate, struct python *ret)
{
	const __u64 *markers = candidate->file.markers;

	candidate->hex = hex_of(search, candidate);
	*ret = (struct python){
		.version = version_find(candidate->hex),
		.hex = candidate->hex,
		.runtime = candidate->runtime,
	};
	snprintf(ret->version_text, sizeof(ret->version_text), "%u.%u", ret->hex >> 24,
		 ret->hex >> 16 & 0xff);
	if (!ret->version || !candidate->runtime)
		return refuse_version(search, candidate, ret);
	/* Their structs are laid out otherwise. */
	if (markers[MARKER_REF_TOTAL] || markers[MARKER_NEGATIVE_REFCOUNT])
		return refuse_build(search, candidate, ret, "debug builds are not supported");
	if (markers[MARKER_MERGE_ZERO])
		return refuse_build(search, candidate, ret,
				    "free-threaded builds come in a later version of pybpfprof");
	return examine_known(search, candidate, ret);
}

/* An empty list of mappings is a kernel thread's, or that of a process which has just ended. */
static int nothing_mapped(pid_t pid)
{
	struct process_stat stat;
	int err = process_stat(pid, &stat);

	if (err)
		return err;
	return stat.state == 'Z' || stat.state == 'X' ? -ESRCH : -ENOENT;
}

/* The best of all candidates; the first of those that are as good. */
static int choose(struct search *search, struct python *ret)
{
	enum verdict best = VERDICT_NONE, verdict;
	struct python python;
	size_t i;

	if (search->other) {
		best = VERDICT_REFUSED;
		snprintf(ret->refusal, sizeof(ret->refusal), "%s", search->other);
	}
	for (i = 0; i < search->nr_candidates && best != VERDICT_FOUND; i++) {
		verdict = examine(search, &search->candidates[i], &python);
		if (verdict > best) {
			best = verdict;
			*ret = python;
		}
	}
	if (best == VERDICT_FOUND)
		return 0;
	if (search->memory_error == -ESRCH || search->file_error == -ESRCH)
		return -ESRCH;
	if (best == VERDICT_STARTING)
		return search->memory_error ? search->memory_error : -EAGAIN;
	if (best != VERDICT_NONE)
		return -ENOTSUP;
	return search->file_error ? search->file_error : -ENOENT;
}

int python_find(pid_t pid, struct python *ret)
{
	struct python python = {};
	struct search search;
	int err = search_init(&search, pid);

	if (err)
		return err;
	err = search.maps.nr_maps ? choose(&search, &python) : nothing_mapped(pid);
	search_done(&search);
	/* A refusal is an answer too. */
	if (!err || err == -ENOTSUP)
		*ret = python;
	return err;
}

void find_forget(void)
{
	python_file_forget();
}
