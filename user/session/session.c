// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "pybpfprof.skel.h"
#include "session/refuse.h"
#include "session/report.h"
#include "session/session.h"
#include "session/source.h"
#include "session/state.h"

int session_drain(struct session *s, bool last)
{
	int err = drain_run(s->drain);

	if (!err)
		err = fold_flush(s->fold, clock_ns(CLOCK_MONOTONIC), last);
	return err ? fail(err, "cannot take in the samples: %s", strerror(-err)) : 0;
}

static int session_write(struct session *s, struct ledger *ledger)
{
	size_t nr = profile_nr_processes(s->profile);
	_cleanup_free_ char *comment = report_comment(s->options, nr), *json = NULL;
	struct profile_header header = {
		.start_ns = s->begin_utc_ns,
		.duration_ns = (s->end_ns ? s->end_ns : clock_ns(CLOCK_MONOTONIC)) - s->begin_ns,
		.period_ns = SECOND / s->options->frequency,
		.title = nr == 1 ? profile_process(s->profile, 0)->name : "[python]",
		.comment = comment,
	};
	int err;

	err = ledger_read(ledger, s->bpf, sources[SOURCE_CPU], s->nr_cpus);
	if (err)
		return fail(err, "cannot read the counters: %s", strerror(-err));
	header.json = json = ledger_json(ledger, fold_counts(s->fold));
	if (!comment || !json)
		return -ENOMEM;
	err = profile_set_header(s->profile, &header);
	if (!err)
		err = output_file_write(s->file, s->options->format, s->profile);
	return err ? fail(err, "cannot write %s: %s", output_file_path(s->file), strerror(-err))
		   : 0;
}

int session_snapshot(struct session *s)
{
	struct ledger ledger;
	int err;

	if (!output_file_takes_snapshots(s->file)) {
		log_warning("no snapshot: %s takes one profile, which is written at the end",
			    output_file_path(s->file));
		return 0;
	}
	err = session_drain(s, false);
	if (err)
		return err;
	if (session_write(s, &ledger))
		return 0; /* it has been said; the recording goes on */
	report_progress_end();
	log_info("wrote a snapshot to %s", output_file_path(s->file));
	return 0;
}

static int session_end(struct session *s)
{
	struct ledger ledger;
	int err;

	session_stop_sources(s);
	report_progress_end();
	err = session_drain(s, true);
	if (err)
		return EXIT_FAILED;
	if (!profile_nr_samples(s->profile)) {
		log_error("nothing was sampled: %s",
			  watch_nr_refused(s->watch)
				  ? "no Python that this build knows ran"
				  : "no Python used enough CPU: record longer, or with a higher "
				    "-F");
		return EXIT_NOTHING;
	}
	if (session_write(s, &ledger))
		return EXIT_FAILED;
	report_end(s->options, output_file_path(s->file), s->profile, &ledger,
		   fold_counts(s->fold));
	return EXIT_WRITTEN;
}

static int session_open_output(struct session *s)
{
	_cleanup_free_ char *name = report_default_name(s->options, s->launch.pid);
	const char *path = s->options->output ? s->options->output : name, *reason;
	int err;

	if (!path)
		return -ENOMEM;
	err = output_file_open(path, s->options->output, &s->file, &reason);
	return err ? fail(err, "cannot write %s: %s", path, reason) : 0;
}

static int session_prepare(struct session *s)
{
	int err = session_signals(s);

	if (err)
		return fail(err, "cannot wait for signals: %s", strerror(-err));
	if (s->options->command) {
		err = launch_start(&s->launch, s->options->command);
		s->launched = !err;
	}
	return err ? err : session_open_output(s);
}

static int session_record(struct session *s)
{
	int err, status;

	err = session_load(s);
	if (err)
		return EXIT_NOT_ABLE;
	err = session_make(s);
	if (!err)
		err = session_attach(s);
	if (!err)
		err = epoll_watch(s, drain_process_fd(s->drain));
	if (err)
		return EXIT_FAILED;
	if (s->launched) {
		status = launch_go(&s->launch, s->options->command);
		if (status)
			return status;
		err = epoll_watch(s, s->launch.pid_fd);
	}
	if (!err)
		err = session_loop(s);
	if (err)
		return EXIT_FAILED;
	return session_end(s);
}

/* Nothing is attached from here on. */
static void session_release(struct session *s)
{
	int i;

	for (i = 0; i < NR_SOURCES; i++)
		if (s->source_open[i])
			sources[i]->close();
	drain_free(s->drain);
	watch_free(s->watch);
	fold_free(s->fold);
	profile_free(s->profile);
	pybpfprof_bpf__destroy(s->bpf);
	output_file_close(s->file);
}

static void session_done(struct session *s)
{
	if (s->launched)
		launch_done(&s->launch);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
}

int session_run(const struct options *options)
{
	struct session s = {.options = options, .epoll_fd = -1, .signal_fd = -1};
	int status;

	status = session_prepare(&s) ? EXIT_FAILED : session_record(&s);
	session_release(&s);
	if (s.launched && (status == EXIT_WRITTEN || status == EXIT_NOTHING))
		status = launch_wait(&s);
	session_done(&s);
	return status;
}
