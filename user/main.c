// SPDX-License-Identifier: BSD-2-Clause
/* Joins the parts. */
#include "base/log.h"
#include "options.h"
#include "session/refuse.h"
#include "session/session.h"

int main(int argc, char **argv)
{
	struct options options = {};
	int status;

	status = options_parse(&options, argc, argv);
	if (status)
		return status < 0 ? EXIT_WRITTEN : status;
	if (options.quiet)
		log_level = LOG_WARNING;
	if (options.verbose)
		log_level = LOG_DEBUG;
	status = refuse_kernel();
	if (!status)
		status = refuse_targets(&options);
	if (!status)
		status = session_run(&options);
	options_done(&options);
	return status;
}
