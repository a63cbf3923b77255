// SPDX-License-Identifier: BSD-2-Clause
/* What happens while it records: signals, drains, CPUs that come and go, the end. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "session/report.h"
#include "session/source.h"
#include "session/state.h"

#define DRAIN_MS    100
#define CHECK_NS    (SECOND / 4) /* a CPU that comes back is not sampled for so long at most */
#define PROGRESS_NS SECOND

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

int epoll_watch(struct session *s, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Signals are read, not delivered. Before anything that they should end in good order. */
int session_signals(struct session *s)
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

static int session_check(struct session *s)
{
	int i, err = 0;

	for (i = 0; i < NR_SOURCES && !err; i++)
		if (s->source_open[i])
			err = sources[i]->check();
	return err ? fail(err, "cannot look at the CPUs: %s", strerror(-err)) : 0;
}

static void session_progress(struct session *s, __u64 now)
{
	struct ledger ledger;

	if (!ledger_read(&ledger, s->bpf, sources[SOURCE_CPU], s->nr_cpus))
		report_progress(s->options, now - s->begin_ns, &ledger,
				profile_nr_processes(s->profile));
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

int session_loop(struct session *s)
{
	__u64 now = clock_ns(CLOCK_MONOTONIC), next_drain = now, next_check = now + CHECK_NS;
	__u64 next_progress = now + PROGRESS_NS;
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
			err = session_check(s);
			next_check = now + CHECK_NS;
		}
		if (now >= next_progress) {
			session_progress(s, now);
			next_progress = now + PROGRESS_NS;
		}
		if (err)
			return err;
	}
}

/* The command goes on after what was asked for is recorded; then it is waited for. */
int launch_wait(struct session *s)
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
