// SPDX-License-Identifier: BSD-2-Clause
/*
 * Two sockets rather than pipes hold the child: writing to one whose reader has died is an error,
 * not a signal. The child ends if we end before it is let go; from its exec on it is on its own,
 * in our process group, so that Ctrl-C reaches both.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "session/caller.h"
#include "session/launch.h"
#include "session/refuse.h"
#include "session/which.h"

#define STATUS_NOT_FOUND 127
#define STATUS_NOT_RUN	 126

/* What the child says where it could not exec. */
struct report {
	int become; /* negative errno: it could not become the caller */
	int exec;   /* errno of exec */
};

/* What a command's name means under the PATH that sudo was called with, if that is another file. */
static char *hidden_by_sudo(const char *name, const char *file)
{
	_cleanup_free_ char *path = strchr(name, '/') ? NULL : caller_path();
	_cleanup_free_ char *theirs = NULL;

	if (!path || which_find(name, path, &theirs))
		return NULL;
	return file && !strcmp(file, theirs) ? NULL : take(theirs);
}

#define PATH_ADVICE "use sudo env \"PATH=$PATH\" pybpfprof ..."

static int not_found(const char *name)
{
	_cleanup_free_ char *hidden = hidden_by_sudo(name, NULL);

	if (hidden)
		return fail(STATUS_NOT_FOUND, "sudo's PATH hides %s: " PATH_ADVICE, hidden);
	if (strchr(name, '/'))
		return fail(STATUS_NOT_FOUND, "'%s' does not exist: check its path", name);
	return fail(STATUS_NOT_FOUND, "'%s' is not in PATH: give its whole path", name);
}

static int not_run(const char *name, int error)
{
	if (error == ENOENT) /* the file is there: what is not is what its first line names */
		return fail(STATUS_NOT_RUN,
			    "cannot run '%s': the interpreter that it names does not exist", name);
	return fail(STATUS_NOT_RUN, "cannot run '%s' (%s): check its permissions", name,
		    strerror(error));
}

int launch_check(char *const *command)
{
	_cleanup_free_ char *file = NULL;

	switch (which_find(command[0], getenv("PATH"), &file)) {
	case -ENOENT:
		return not_found(command[0]);
	case -EACCES:
		return not_run(command[0], EACCES);
	default: /* what cannot be looked into by us may still be run by the caller */
		return 0;
	}
}

/* As the caller finds it: what root may look into, they may not. */
static int which_as(const struct caller *caller, const char *name, char **ret)
{
	int err;

	if (caller->other) {
		setfsgid(caller->gid);
		setfsuid(caller->uid);
	}
	err = which_find(name, getenv("PATH"), ret);
	if (caller->other) {
		setfsuid(geteuid());
		setfsgid(getegid());
	}
	return err;
}

static void launch_hint(const struct caller *caller, const char *name)
{
	_cleanup_free_ char *file = NULL, *hidden = NULL;

	if (strchr(name, '/') || which_as(caller, name, &file))
		return;
	hidden = hidden_by_sudo(name, file);
	if (hidden)
		log_warning("%s is %s, because sudo's PATH hides %s: " PATH_ADVICE, name, file,
			    hidden);
	else
		log_info("%s is %s", name, file);
}

/*
 * The signal dispositions that a program expects. What we were started with as ignored stays so
 * (nohup), but for SIGPIPE, which we ignore ourselves. The mask goes last: what has arrived so far
 * then ends the child, as it should.
 */
static void restore_signals(void)
{
	struct sigaction action, standard = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		if (!sigaction(i, NULL, &action) && (action.sa_handler != SIG_IGN || i == SIGPIPE))
			sigaction(i, &standard, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* execvp() says EACCES of a folder in PATH that cannot be looked into; a shell says "not found". */
static int exec_error(const char *name, int error)
{
	_cleanup_free_ char *file = NULL;

	if (error != EACCES || strchr(name, '/'))
		return error;
	return which_find(name, getenv("PATH"), &file) == -EACCES ? EACCES : ENOENT;
}

static void __attribute__((noreturn))
run_child(const struct caller *caller, char *const *command, int go_fd, int error_fd)
{
	struct report report = {};
	char byte;

	restore_signals();
	report.become = caller_become(caller);
	/* A change of uid clears it, so not before; and who was killed before this closed go_fd. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(go_fd, &byte, 1) != 1)
		_exit(0);
	if (!report.become) {
		prctl(PR_SET_PDEATHSIG, 0); /* exec would keep it */
		execvp(command[0], command);
		report.exec = exec_error(command[0], errno);
	}
	if (write(error_fd, &report, sizeof(report)) < 0)
		_exit(STATUS_NOT_RUN);
	_exit(report.exec == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUN);
}

/* Fork with all signals blocked, so that no handler of ours ever runs in the child. */
static pid_t fork_child(const struct caller *caller, char *const *command, int go[2], int error[2])
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (!pid) {
		close(go[0]); /* else it would keep its own end open, and outlive us */
		run_child(caller, command, go[1], error[1]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

static int start_child(struct launch *launch, const struct caller *caller, char *const *command)
{
	int go[2], error[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go))
		return -errno;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, error)) {
		err = -errno;
		close(go[0]);
		close(go[1]);
		return err;
	}
	launch->go_fd = go[0];
	launch->error_fd = error[0];
	launch->pid = fork_child(caller, command, go, error);
	err = launch->pid < 0 ? -errno : 0;
	close(go[1]);
	close(error[1]);
	if (err)
		return err;
	launch->pid_fd = syscall(SYS_pidfd_open, launch->pid, 0);
	return launch->pid_fd < 0 ? -errno : 0;
}

int launch_start(struct launch *launch, char *const *command)
{
	struct caller caller;
	int err = caller_init(&caller);

	*launch = (struct launch){.pid = -1, .go_fd = -1, .error_fd = -1, .pid_fd = -1};
	if (err == -EINVAL)
		return fail(err, "cannot tell who called sudo: SUDO_UID and SUDO_GID must both "
				 "be numbers, or both unset to run the command as root");
	if (!err)
		err = start_child(launch, &caller, command);
	if (!err)
		launch_hint(&caller, command[0]);
	caller_done(&caller);
	if (err) {
		launch_done(launch);
		return fail(err, "cannot start '%s': %s", command[0], strerror(-err));
	}
	return 0;
}

static int explain(const struct report *report, const char *name)
{
	_cleanup_free_ char *file = NULL;

	if (report->become)
		return fail(EXIT_FAILED, "cannot run '%s' as the user who called sudo: %s", name,
			    strerror(-report->become));
	if (report->exec == ENOENT && which_find(name, getenv("PATH"), &file) == -ENOENT)
		return not_found(name);
	return not_run(name, report->exec);
}

int launch_go(struct launch *launch, char *const *command)
{
	struct report report;
	ssize_t n;

	/* Where it has been killed meanwhile, there is nobody to tell: launch_ended() says so. */
	send(launch->go_fd, "", 1, MSG_NOSIGNAL);
	close(take_fd(launch->go_fd));
	do
		n = recv(launch->error_fd, &report, sizeof(report), MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	close(take_fd(launch->error_fd));
	return n == sizeof(report) ? explain(&report, command[0]) : 0;
}

bool launch_ended(struct launch *launch, int *ret_status)
{
	siginfo_t info = {};

	if (waitid(P_PID, launch->pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
		return false;
	*ret_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	return true;
}

void launch_signal(struct launch *launch, int signal)
{
	kill(launch->pid, signal);
}

void launch_done(struct launch *launch)
{
	bool held = launch->go_fd >= 0;

	if (held && launch->pid > 0)
		kill(launch->pid,
		     SIGKILL); /* it may be stopped, and then would not see our end close */
	cleanup_close(&launch->go_fd);
	cleanup_close(&launch->error_fd);
	cleanup_close(&launch->pid_fd);
	if (launch->pid > 0)
		waitpid(launch->pid, NULL, held ? 0 : WNOHANG);
	*launch = (struct launch){.pid = -1, .go_fd = -1, .error_fd = -1, .pid_fd = -1};
}
