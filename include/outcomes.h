/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one list of ways an event can end. Every event ends in exactly one of them; the ledger
 * prints and stores the counts (laws, 1).
 *
 * To add one: add a line here. X(NAME, KIND, "key in the profile", "what a person reads").
 * KIND says what became of the event's weight:
 *   SAMPLED  a sample of a Python process, in the profile
 *   MISSED   a Python process's time that is not in the profile
 *   OUTSIDE  nobody's Python: idle, other programs
 * DROPPED, STOLEN and THROTTLED are not counted in the kernel but computed when the ledger is
 * closed, from what the perf events themselves have counted.
 */
#ifndef PYBPFPROF_OUTCOMES_H
#define PYBPFPROF_OUTCOMES_H

#define PYBPFPROF_OUTCOMES(X)                                                           \
	X(OK, SAMPLED, "ok", "whole stacks")                                            \
	X(MENDED, SAMPLED, "mended", "whole but for a frame that was not complete yet") \
	X(TRUNCATED, SAMPLED, "truncated", "stacks deeper than is kept")                \
	X(PARTIAL, SAMPLED, "partial", "stacks cut where the rest could not be read")   \
	X(NO_PYTHON, SAMPLED, "no_python", "in threads that run no Python")             \
	X(STARTING, MISSED, "starting", "in programs too young to tell what they are")  \
	X(REFUSED, MISSED, "refused", "in interpreters that this build does not know")  \
	X(RING_FULL, MISSED, "ring_full", "lost because a ring was full")               \
	X(DROPPED, MISSED, "dropped", "dropped by the kernel before BPF")               \
	X(OTHER, OUTSIDE, "other", "in programs that are not profiled")                 \
	X(IDLE, OUTSIDE, "idle", "while a CPU was idle")                                \
	X(STOLEN, OUTSIDE, "stolen", "while the hypervisor ran others")                 \
	X(THROTTLED, OUTSIDE, "throttled", "while the kernel had throttled the timer")

enum outcome {
#define X(name, kind, key, text) OUTCOME_##name,
	PYBPFPROF_OUTCOMES(X)
#undef X
		NR_OUTCOMES
};

#endif
