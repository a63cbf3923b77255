// SPDX-License-Identifier: BSD-2-Clause
/*
 * Programs that look like an interpreter to whoever reads their symbols, for find.t: -DHEX is the
 * version, -DMARKER one symbol more, -DENDLESS makes lists that lead back to themselves (offsets of
 * CPython 3.11). With an argument: no interpreter at all, but that file mapped as code.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HEX
__attribute__((used)) const unsigned long Py_Version = HEX;
__attribute__((used)) unsigned char _PyRuntime[4096];
__attribute__((used)) void PyInterpreterState_Head(void)
{
}

#ifdef ENDLESS
#ifndef INITIALIZED
#define INITIALIZED 1
#endif
static void *interpreter[64], *tstate[64];

static void make_endless(void)
{
	*(int *)(_PyRuntime + 16) = INITIALIZED;
	*(int *)(_PyRuntime + 592) = 1;	 /* the key is made, */
	*(int *)(_PyRuntime + 596) = 20; /* and it is 20 */
	*(void **)(_PyRuntime + 40) = interpreter;
	interpreter[0] = interpreter;
	interpreter[2] = tstate;
	tstate[1] = tstate;
	tstate[19] = tstate; /* thread_id: memory that can be read */
}
#endif
#endif
#ifdef MARKER
__attribute__((used)) int MARKER = 1;
#endif

int main(int argc, char **argv)
{
#ifdef ENDLESS
	make_endless();
#endif
	if (argc > 1)
		mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, open(argv[1], O_RDONLY), 0);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
