/* SPDX-License-Identifier: BSD-2-Clause */
/* One recording from beginning to end: attach, drain, stop, write, report. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "options.h"

/* Messages are printed. Returns the program's exit status. */
int session_run(const struct options *options);

#endif
