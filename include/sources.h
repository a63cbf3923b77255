/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one list of event sources. X(NAME, name); the name is what -e takes.
 *
 * To add one: a line here, bpf/<name>.bpf.c that calls sample_take(), user/session/<name>.c that
 * opens and attaches it (struct source <name>_source, see user/session/source.h).
 */
#ifndef PYBPFPROF_SOURCES_H
#define PYBPFPROF_SOURCES_H

#define PYBPFPROF_SOURCES(X) X(CPU, cpu)

enum source_id {
#define X(NAME, name) SOURCE_##NAME,
	PYBPFPROF_SOURCES(X)
#undef X
		NR_SOURCES
};

#endif
