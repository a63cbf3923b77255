/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording. The order matters: process programs before the first look at /proc, so that no
 * start is missed between the two; the timer last, so that there is nothing yet to be lost; and
 * it stops first, so that what it took is still known.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "output/file.h"
#include "profile/fold.h"
#include "profile/model.h"
#include "pybpfprof.skel.h"
#include "session/cpus.h"
#include "session/drain.h"
#include "session/launch.h"
#include "session/ledger.h"
#include "session/refuse.h"
#include "session/report.h"
#include "session/session.h"
#include "session/source.h"
#include "session/watch.h"

#define SECOND	     1000000000ULL
#define DRAIN_MS     100
#define RING_MIN     (512u << 10)
#define RING_MAX     (8u << 20)
#define SAMPLE_BYTES 1024 /* a sample's usual size, for the size of rings */

struct session {
	const struct options *options;
	int nr_cpus;
	struct pybpfprof_bpf *bpf;
	struct drain *drain;
	struct watch *watch;
	struct profile *profile;
	struct fold *fold;
	struct output_file *file;
	struct launch launch;
	bool launched, launch_over;
	int launch_status;
	bool stopping, by_signal;
	bool source_open[NR_SOURCES];
	int epoll_fd, signal_fd;
	__u64 begin_ns, begin_utc_ns; /* when the sources were attached */
	__u64 end_ns;		      /* and stopped */
};

static __u64 clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[1024];

	if (log_level < LOG_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = 0;
	if (level != LIBBPF_DEBUG)
		log_debug("%s", line);
	return 0;
}

static int on_process(void *context, const void *record, size_t size)
{
	struct session *s = context;

	return watch_event(s->watch, record, size);
}

static int on_sample(void *context, const void *record, size_t size)
{
	struct session *s = context;

	return fold_record(s->fold, record, size);
}

static int need_ring(void *context, int cpu)
{
	struct session *s = context;

	return drain_add_rings(s->drain, &cpu, 1);
}

/* Two seconds of samples, in a power of two. */
static size_t ring_size(unsigned int frequency)
{
	size_t size = RING_MIN;

	while (size < 2ULL * frequency * SAMPLE_BYTES && size < RING_MAX)
		size *= 2;
	return size;
}

static struct source_settings source_settings(struct session *s)
{
	return (struct source_settings){
		.frequency = s->options->frequency,
		.nr_cpus = s->nr_cpus,
		.need_ring = need_ring,
		.context = s,
	};
}

static int session_load(struct session *s)
{
	struct source_settings settings = source_settings(s);
	int i, err;

	libbpf_set_print(print_libbpf);
	s->nr_cpus = cpus_possible();
	if (s->nr_cpus <= 0)
		return fail(-EINVAL, "cannot tell how many CPUs there are");
	s->bpf = pybpfprof_bpf__open();
	if (!s->bpf)
		return fail(-errno, "cannot open the BPF programs: %s", strerror(errno));
	s->bpf->rodata->cfg_all = s->options->all;
	for (i = 0; i < NR_SOURCES; i++)
		if (s->options->sources[i])
			sources[i]->prepare(s->bpf, &settings);
	bpf_map__set_max_entries(s->bpf->maps.rings, s->nr_cpus);
	err = pybpfprof_bpf__load(s->bpf);
	if (err)
		return fail(err, "the kernel does not take the BPF programs: %s (run with -v)",
			    strerror(-err));
	return 0;
}

static int rings_make(struct session *s)
{
	_cleanup_free_ bool *online = calloc(s->nr_cpus, sizeof(*online));
	_cleanup_free_ int *cpus = calloc(s->nr_cpus, sizeof(*cpus));
	int i, nr = 0, err;

	if (!online || !cpus)
		return -ENOMEM;
	err = cpus_online(online, s->nr_cpus);
	if (err)
		return err;
	for (i = 0; i < s->nr_cpus; i++)
		if (online[i])
			cpus[nr++] = i;
	return drain_add_rings(s->drain, cpus, nr);
}

static int session_make(struct session *s)
{
	struct drain_handlers handlers = {on_process, on_sample, s};
	struct watch_settings settings = {
		.next_id = &s->bpf->data->next_process,
		.processes_fd = bpf_map__fd(s->bpf->maps.processes),
		.all = s->options->all,
	};
	int err;

	s->profile = profile_new();
	s->fold = s->profile ? fold_new(s->profile) : NULL;
	if (!s->fold)
		return -ENOMEM;
	settings.fold = s->fold;
	err = watch_new(&settings, &s->watch);
	if (err)
		return err;
	err = drain_new(s->bpf, s->nr_cpus, ring_size(s->options->frequency), &handlers,
			&s->drain);
	if (!err)
		err = rings_make(s);
	return err ? fail(err, "cannot make the rings: %s", strerror(-err)) : 0;
}

static int session_attach(struct session *s)
{
	struct source_settings settings = source_settings(s);
	size_t i;
	int err;

	/* The sources' programs are attached by their sources: one event for each CPU. */
	bpf_program__set_autoattach(s->bpf->progs.on_cpu_clock, false);
	err = pybpfprof_bpf__attach(s->bpf);
	if (err)
		return fail(err, "cannot watch processes: %s", strerror(-err));
	if (s->launched)
		err = watch_add(s->watch, s->launch.pid);
	for (i = 0; i < s->options->nr_pids && !err; i++)
		err = watch_add(s->watch, s->options->pids[i]);
	if (!err)
		err = watch_scan(s->watch);
	if (err)
		return fail(err, "cannot look at the processes: %s", strerror(-err));
	s->begin_ns = clock_ns(CLOCK_MONOTONIC);
	s->begin_utc_ns = clock_ns(CLOCK_REALTIME);
	for (i = 0; i < NR_SOURCES && !err; i++) {
		if (!s->options->sources[i])
			continue;
		s->source_open[i] = true;
		err = sources[i]->open(s->bpf, &settings);
	}
	return err;
}

static void session_stop_sources(struct session *s)
{
	int i;

	for (i = 0; i < NR_SOURCES; i++)
		if (s->source_open[i])
			sources[i]->stop();
	s->end_ns = clock_ns(CLOCK_MONOTONIC);
}

static int session_drain(struct session *s, bool last)
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

static int session_snapshot(struct session *s)
{
	struct ledger ledger;
	int err;

	err = session_drain(s, false);
	if (err)
		return err;
	if (session_write(s, &ledger))
		return 0; /* it has been said; the recording goes on */
	report_progress_end();
	log_info("wrote a snapshot to %s", output_file_path(s->file));
	return 0;
}

static int on_signal(struct session *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGUSR1)
		return session_snapshot(s);
	if (s->stopping) { /* the second one: at once, nothing is left behind */
		report_progress_end();
		_exit(128 + info.ssi_signo);
	}
	s->stopping = s->by_signal = true;
	/* From the terminal the command has got it too; from kill, it has not. */
	if (s->launched && info.ssi_code != SI_KERNEL)
		launch_signal(&s->launch, info.ssi_signo);
	return 0;
}

static int epoll_watch(struct session *s, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Signals are read, not delivered. Before anything that they should end in good order. */
static int session_signals(struct session *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->signal_fd < 0 || s->epoll_fd < 0)
		return -errno;
	return epoll_watch(s, s->signal_fd);
}

static int session_check(struct session *s, __u64 now)
{
	struct ledger ledger;
	int i, err = 0;

	for (i = 0; i < NR_SOURCES && !err; i++)
		if (s->source_open[i])
			err = sources[i]->check();
	if (err)
		return fail(err, "cannot look at the CPUs: %s", strerror(-err));
	if (!ledger_read(&ledger, s->bpf, sources[SOURCE_CPU], s->nr_cpus))
		report_progress(s->options, now - s->begin_ns, &ledger,
				profile_nr_processes(s->profile));
	return 0;
}

static bool session_over(struct session *s, __u64 now)
{
	if (s->stopping || s->launch_over)
		return true;
	if (s->options->duration_ns && now - s->begin_ns >= s->options->duration_ns)
		return true;
	return s->options->nr_pids && !watch_nr_alive(s->watch);
}

/* How long to sleep: until the next drain, the next look at a process, or the end. */
static int wait_ms(struct session *s, __u64 now, __u64 next_drain, int watch_ms)
{
	__u64 until = next_drain;
	int ms;

	if (s->options->duration_ns && s->begin_ns + s->options->duration_ns < until)
		until = s->begin_ns + s->options->duration_ns;
	ms = until > now ? (until - now + 999999) / 1000000 : 0;
	return ms < watch_ms ? ms : watch_ms;
}

static int session_loop(struct session *s)
{
	__u64 now = clock_ns(CLOCK_MONOTONIC), next_drain = now, next_check = now + SECOND;
	struct epoll_event events[4];
	int i, nr, watch_ms, err;

	for (;;) {
		now = clock_ns(CLOCK_MONOTONIC);
		if (session_over(s, now))
			return 0;
		watch_ms = watch_run(s->watch);
		if (watch_ms < 0)
			return watch_ms;
		nr = epoll_wait(s->epoll_fd, events, ARRAY_SIZE(events),
				wait_ms(s, now, next_drain, watch_ms));
		now = clock_ns(CLOCK_MONOTONIC);
		err = 0;
		for (i = 0; i < nr && !err; i++) {
			if (events[i].data.fd == s->signal_fd)
				err = on_signal(s);
			else if (s->launched && events[i].data.fd == s->launch.pid_fd)
				s->launch_over = launch_ended(&s->launch, &s->launch_status);
			else /* something happened to a process */
				next_drain = now;
		}
		if (!err && now >= next_drain) {
			err = session_drain(s, false);
			next_drain = now + DRAIN_MS * 1000000ULL;
		}
		if (!err && now >= next_check) {
			err = session_check(s, now);
			next_check = now + SECOND;
		}
		if (err)
			return err;
	}
}

/* The command goes on after what was asked for is recorded; then it is waited for. */
static int launch_wait(struct session *s)
{
	struct epoll_event event;

	while (!s->launch_over) {
		if (epoll_wait(s->epoll_fd, &event, 1, -1) < 0)
			continue;
		if (event.data.fd == s->signal_fd)
			on_signal(s);
		else if (event.data.fd == s->launch.pid_fd)
			s->launch_over = launch_ended(&s->launch, &s->launch_status);
	}
	return s->launch_status;
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
			  watch_nr_refused(s->watch) ? "no Python that this build knows ran"
						     : "no Python used the CPU");
		return s->launched ? launch_wait(s) : EXIT_NOTHING;
	}
	if (session_write(s, &ledger))
		return EXIT_FAILED;
	report_end(s->options, output_file_path(s->file), s->profile, &ledger,
		   fold_counts(s->fold));
	return s->launched ? launch_wait(s) : EXIT_WRITTEN;
}

static int session_prepare(struct session *s)
{
	_cleanup_free_ char *name = report_default_name(s->options);
	const char *path = s->options->output ? s->options->output : name, *reason;
	int err;

	if (!path)
		return -ENOMEM;
	err = output_file_open(path, s->options->output, &s->file, &reason);
	if (err)
		return fail(err, "cannot write %s: %s", path, reason);
	err = session_signals(s);
	if (err)
		return fail(err, "cannot wait for signals: %s", strerror(-err));
	if (!s->options->command)
		return 0;
	err = launch_start(&s->launch, s->options->command);
	s->launched = !err;
	return err;
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

static void session_done(struct session *s)
{
	int i;

	for (i = 0; i < NR_SOURCES; i++)
		if (s->source_open[i])
			sources[i]->close();
	if (s->launched)
		launch_done(&s->launch);
	drain_free(s->drain);
	watch_free(s->watch);
	fold_free(s->fold);
	profile_free(s->profile);
	pybpfprof_bpf__destroy(s->bpf);
	output_file_close(s->file);
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
	session_done(&s);
	return status;
}
