// SPDX-License-Identifier: BSD-2-Clause
/*
 * A sample whose frames all have names is counted at once. One that shows a code object nobody has
 * named yet waits: another CPU's ring may bring the name, or the next sample. After a second the
 * process's memory is asked, if that is allowed, and what has no name by then is [unknown code].
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/text.h"
#include "outcomes.h"
#include "profile/folding.h"

#define WAIT_NS	    1000000000ULL
#define WAITING_MAX (64u << 20)	 /* bytes of samples that wait */
#define WEIGHT_MAX  (1ULL << 53) /* ns: 104 days */
#define FRAMES_MAX  (PY_STACK_MAX + PY_ROOT_MAX)

static const char *const our_names[NR_OURS] = {
	"[truncated]",
	"[unknown code]",
	"[no python frame]",
	"[exiting]",
};

struct waiting {
	struct waiting *next;
	__u64 since; /* 0: since before the next flush */
	size_t size;
	struct sample_record record; /* with its frames behind it */
};

struct fold *fold_new(struct profile *profile)
{
	struct fold *fold = calloc(1, sizeof(*fold));

	if (!fold)
		return NULL;
	fold->profile = profile;
	fold->last = &fold->first;
	fold->locations = calloc(FRAMES_MAX + 2, sizeof(*fold->locations));
	if (!fold->locations) {
		free(fold);
		return NULL;
	}
	for (int i = 0; i < NR_OURS; i++)
		fold->ours[i] = -1;
	return fold;
}

void fold_free(struct fold *fold)
{
	struct process *process, *next;
	struct waiting *waiting;

	if (!fold)
		return;
	while ((waiting = fold->first)) {
		fold->first = waiting->next;
		free(waiting);
	}
	HASH_ITER(hh, fold->processes, process, next)
		process_free(fold, process);
	free(fold->locations);
	free(fold);
}

const struct fold_counts *fold_counts(const struct fold *fold)
{
	return &fold->counts;
}

int ours_location(struct fold *fold, enum ours which)
{
	const struct profile_function function = {our_names[which], "", 0};
	int number;

	if (fold->ours[which] < 0) {
		number = profile_add_function(fold->profile, &function);
		if (number < 0)
			return number;
		fold->ours[which] = profile_add_location(fold->profile, number, 0);
	}
	return fold->ours[which];
}

/* A stack without frames says why it has none. */
static enum ours no_frames(const struct sample_record *record)
{
	if (record->outcome == OUTCOME_PARTIAL)
		return TRUNCATED;
	if (record->outcome != OUTCOME_NO_PYTHON)
		return UNKNOWN_CODE;
	return record->flags & SAMPLE_EXITING ? EXITING : NO_PYTHON;
}

/* Takes over a location, or the error that stands for it. */
static int put_location(struct fold *fold, int *nr, int location)
{
	if (location < 0)
		return location;
	fold->locations[(*nr)++] = location;
	return 0;
}

/* Leaf end, gap, root end. How many locations, or negative. */
static int sample_locations(struct fold *fold, struct process *process,
			    const struct sample_record *record, bool last)
{
	int nr = record->nr_leaf + record->nr_root, out = 0, err = 0;

	for (int i = 0; i < nr && !err; i++) {
		if (i == record->nr_leaf && record->flags & SAMPLE_GAP)
			err = put_location(fold, &out, ours_location(fold, TRUNCATED));
		if (!err)
			err = put_location(fold, &out,
					   frame_location(fold, process, &record->frames[i], last));
	}
	if (err)
		return err;
	if (!nr)
		err = put_location(fold, &out, ours_location(fold, no_frames(record)));
	else if (record->outcome == OUTCOME_PARTIAL ||
		 (record->flags & SAMPLE_GAP && !record->nr_root))
		err = put_location(fold, &out, ours_location(fold, TRUNCATED));
	return err ? err : out;
}

static int sample_count(struct fold *fold, struct process *process,
			const struct sample_record *record, bool last)
{
	_cleanup_free_ char *comm = NULL;
	struct profile_sample sample = {
		.tid = record->tid,
		.locations = fold->locations,
		.values = {[PROFILE_SAMPLES] = 1, [PROFILE_CPU] = record->weight},
	};
	int nr, number, err;

	nr = sample_locations(fold, process, record, last);
	if (nr < 0)
		return nr;
	number = process_number(fold, process);
	if (number < 0)
		return number;
	comm = text_utf8(record->comm, strnlen(record->comm, sizeof(record->comm)));
	if (!comm)
		return -ENOMEM;
	sample.nr_locations = nr;
	sample.process = number;
	sample.thread_name = comm;
	err = profile_add_sample(fold->profile, &sample);
	if (err)
		return err;
	fold->counts.samples++;
	fold->counts.sample_ns += record->weight;
	return 0;
}

static int sample_wait(struct fold *fold, const struct sample_record *record, size_t size)
{
	struct waiting *waiting = malloc(sizeof(*waiting) - sizeof(waiting->record) + size);

	if (!waiting)
		return -ENOMEM;
	waiting->next = NULL;
	waiting->since = 0;
	waiting->size = sizeof(*waiting) + size;
	memcpy(&waiting->record, record, size);
	*fold->last = waiting;
	fold->last = &waiting->next;
	fold->waiting_size += waiting->size;
	return 0;
}

static bool sample_makes_sense(const struct sample_record *record, size_t size)
{
	return size >= sizeof(*record) && record->outcome < NR_OUTCOMES &&
	       record->weight <= WEIGHT_MAX && record->nr_leaf <= PY_STACK_MAX &&
	       record->nr_root <= PY_ROOT_MAX &&
	       size == sizeof(*record) +
			       (record->nr_leaf + record->nr_root) * sizeof(struct py_frame);
}

static int fold_sample(struct fold *fold, const struct sample_record *record, size_t size)
{
	struct process *process;
	int err;

	if (!sample_makes_sense(record, size)) {
		fold->counts.bad_records++;
		return 0;
	}
	process = process_find(fold, record->process);
	if (!process) {
		fold->counts.unknown_process++;
		return 0;
	}
	err = sample_count(fold, process, record, fold->waiting_size > WAITING_MAX);
	return err == -EAGAIN ? sample_wait(fold, record, size) : err;
}

int fold_record(struct fold *fold, const void *record, size_t size)
{
	__u32 type = 0;

	if (size >= sizeof(type))
		memcpy(&type, record, sizeof(type));
	switch (type) {
	case RECORD_SAMPLE:
		return fold_sample(fold, record, size);
	case RECORD_CODE:
		return fold_code(fold, record, size);
	default:
		fold->counts.bad_records++;
		return 0;
	}
}

/* Those that have got all their names are counted, and those that have waited long enough. */
static int waiting_flush(struct fold *fold, __u64 now_ns, bool last)
{
	struct waiting **at = &fold->first, *waiting;
	int err = 0;

	while ((waiting = *at) && !err) {
		struct process *process = process_find(fold, waiting->record.process);

		if (!waiting->since)
			waiting->since = now_ns;
		if (process)
			err = sample_count(fold, process, &waiting->record,
					   last || process->ended ||
						   now_ns - waiting->since >= WAIT_NS);
		else
			fold->counts.unknown_process++;
		if (err == -EAGAIN) {
			err = 0;
			at = &waiting->next;
			continue;
		}
		*at = waiting->next;
		fold->waiting_size -= waiting->size;
		free(waiting);
	}
	for (; *at; at = &(*at)->next)
		;
	fold->last = at;
	return err;
}

int fold_flush(struct fold *fold, __u64 now_ns, int last)
{
	struct process *process, *next;
	int err = waiting_flush(fold, now_ns, last);

	if (err)
		return err;
	HASH_ITER(hh, fold->processes, process, next)
		if (process->ended)
			process_free(fold, process);
	return 0;
}
