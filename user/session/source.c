// SPDX-License-Identifier: BSD-2-Clause
/* The source table, made from include/sources.h. */
#include "session/source.h"

#define X(NAME, name) extern const struct source name##_source;
PYBPFPROF_SOURCES(X)
#undef X

const struct source *const sources[NR_SOURCES] = {
#define X(NAME, name) [SOURCE_##NAME] = &name##_source,
	PYBPFPROF_SOURCES(X)
#undef X
};
