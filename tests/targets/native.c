// SPDX-License-Identifier: BSD-2-Clause
/* A thread that spins and knows nothing of Python. One at a time. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static pthread_t thread;
static sem_t started;
static atomic_int tid, stop;
static long long cpu_ns;

static void *spin(void *unused)
{
	struct timespec ts;

	tid = gettid();
	sem_post(&started);
	while (!stop)
		;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	cpu_ns = ts.tv_sec * 1000000000LL + ts.tv_nsec;
	return NULL;
}

int native_start(void)
{
	stop = 0;
	sem_init(&started, 0, 0);
	if (pthread_create(&thread, NULL, spin, NULL))
		return -1;
	while (sem_wait(&started))
		;
	return tid;
}

long long native_stop(void)
{
	stop = 1;
	pthread_join(thread, NULL);
	return cpu_ns;
}
