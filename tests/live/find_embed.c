// SPDX-License-Identifier: BSD-2-Clause
/*
 * A program that has CPython in it, for find.t. It waits for a line before it initialises it, says
 * where things are, and stays inside Python until its input ends. Declares what it calls itself:
 * there need be no headers.
 *
 *     find_embed [-k] [LIBRARY]    -k: with more pthread keys taken than fit in struct pthread;
 *                                  LIBRARY is opened with dlopen()
 * -DLINKED: linked with libpython. -DCOPY: refers to a type, so that a program with fixed addresses
 * gets a copy of it.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef LINKED
void Py_Initialize(void);
void *PyGILState_GetThisThreadState(void);
int PyRun_SimpleString(const char *text);
#endif
#ifdef COPY
extern char PyCode_Type[];
#endif

static const char program[] = "import sys\n"
			      "print('code_type=%d' % id(type(compile('1', 'x', 'eval'))))\n"
			      "sys.stdout.flush()\n"
			      "sys.stdin.readline()\n";

int main(int argc, char **argv)
{
	void (*initialize)(void);
	void *(*this_state)(void);
	int (*run)(const char *text);
	pthread_key_t key;
	char byte = 0;
	int i, keys = argc > 1 && !strcmp(argv[1], "-k");

#ifdef LINKED
	initialize = Py_Initialize;
	this_state = PyGILState_GetThisThreadState;
	run = PyRun_SimpleString;
#else
	void *library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return 1;
	initialize = dlsym(library, "Py_Initialize");
	this_state = dlsym(library, "PyGILState_GetThisThreadState");
	run = dlsym(library, "PyRun_SimpleString");
	if (!initialize || !this_state || !run)
		return 2;
#endif
#ifdef COPY
	if (!PyCode_Type[24])
		return 3;
#endif
	for (i = 0; keys && i < 40; i++)
		pthread_key_create(&key, NULL);
	puts("waiting");
	fflush(stdout);
	/* Not through stdio: what it reads ahead would be lost to Python. */
	while (byte != '\n' && read(0, &byte, 1) == 1)
		;
	initialize();
	printf("self=%lu\ntstate=%lu\n", (unsigned long)pthread_self(),
	       (unsigned long)this_state());
	fflush(stdout);
	return run(program);
}
