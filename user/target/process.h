/* SPDX-License-Identifier: BSD-2-Clause */
/* Who a process is: identity, names that people know it by, its relatives. All from /proc. */
#ifndef TARGET_PROCESS_H
#define TARGET_PROCESS_H

#include <linux/types.h>
#include <sys/types.h>
#include <stddef.h>

struct process_stat {
	pid_t pid;
	pid_t parent;
	char state;	   /* 'R', 'S', 'Z', ... */
	__u64 start_ticks; /* since boot, in 1/100 s: with the pid, the identity */
	__u64 cpu_ticks;   /* user and system time of all its threads, in 1/100 s */
	char comm[16 + 1]; /* of its leader */
};

/* -ESRCH where there is no such process (or the pid is that of a thread that is no leader). */
int process_stat(pid_t pid, struct process_stat *ret);

/* CPU time of all threads, nanoseconds (/proc/PID/task/T/schedstat where it exists, else stat). */
int process_cpu_ns(pid_t pid, __u64 *ret);

/*
 * Arguments, NUL between and after them, at most 4096 bytes. Returns their number (0: a kernel
 * thread or a zombie) and the bytes in *ret_size, or a negative errno.
 */
int process_arguments(pid_t pid, char ret[4096], size_t *ret_size);

/*
 * A name that a person knows: the script ("manage.py"), the module of -m ("gunicorn"), the title
 * that it gave itself ("gunicorn: worker [app]"), else the program. The caller frees it.
 * NULL only where memory ran out.
 */
char *process_name(pid_t pid);

/* The same from given arguments, so that it can be tested. */
char *process_name_from_arguments(const char *arguments, size_t size, const char *comm);

/* First 12 hex digits of the container's id out of /proc/PID/cgroup; "" where there is none. */
void process_container_id(pid_t pid, char ret[13]);

/*
 * Directories below which a module's file path reads as its dotted name: the script's directory
 * and the working directory (never "/"). ret[i] is "" where there is none; the caller frees both.
 */
void process_source_roots(pid_t pid, char *ret[2]);

/* Pids of all processes, or of the descendants of one, itself included. The caller frees *ret. */
int process_list(pid_t **ret, size_t *ret_len);
int process_descendants(pid_t pid, pid_t **ret, size_t *ret_len);

#endif
