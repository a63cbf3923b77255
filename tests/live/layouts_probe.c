// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the version table says about one CPython, in the words of that CPython's own headers:
 * compiled against each by layouts.t, prints "field value" for every field of the table.
 */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <stddef.h>
#include <stdio.h>
#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_frame.h"
#else
#include "frameobject.h"
#endif
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"

#define ABSENT 65535

static size_t code_end;

static void put(const char *field, size_t value)
{
	printf("%s %zu\n", field, value);
}

/* A field of the code object that is read: code_size has to reach to its end. */
static void put_code(const char *field, size_t offset, size_t size)
{
	put(field, offset);
	if (offset + size > code_end)
		code_end = offset + size;
}

#define SIZE(type, member)  sizeof(((type *)0)->member)
#define PUT(field, type, m) put(#field, offsetof(type, m))
#define PUT_CODE(field, m)  put_code(#field, offsetof(PyCodeObject, m), SIZE(PyCodeObject, m))

static void put_thread(void)
{
#if PY_VERSION_HEX >= 0x030d0000
	PUT(tstate_frame, PyThreadState, current_frame);
#elif PY_VERSION_HEX >= 0x030b0000
	PUT(tstate_frame, PyThreadState, cframe);
#else
	PUT(tstate_frame, PyThreadState, frame);
#endif
	PUT(tstate_thread_id, PyThreadState, thread_id);
	PUT(thread_id, PyThreadState, thread_id);
	PUT(thread_next, PyThreadState, next);
#if PY_VERSION_HEX >= 0x030b0000
	PUT(tstate_datastack_chunk, PyThreadState, datastack_chunk);
	PUT(chunk_previous, _PyStackChunk, previous);
	PUT(chunk_data, _PyStackChunk, data);
#else
	put("tstate_datastack_chunk", ABSENT);
	put("chunk_previous", ABSENT);
	put("chunk_data", ABSENT);
#endif
#if PY_VERSION_HEX >= 0x030b0000 && PY_VERSION_HEX < 0x030d0000
	PUT(cframe_current_frame, _PyCFrame, current_frame);
#else
	put("cframe_current_frame", ABSENT);
#endif
}

static void put_frame(void)
{
#if PY_VERSION_HEX >= 0x030b0000
	put("frame_size", sizeof(_PyInterpreterFrame));
	PUT(frame_previous, _PyInterpreterFrame, previous);
	PUT(frame_owner, _PyInterpreterFrame, owner);
	put("position", 2);
#else
	put("frame_size",
	    (offsetof(PyFrameObject, f_lasti) + SIZE(PyFrameObject, f_lasti) + 7) / 8 * 8);
	PUT(frame_previous, PyFrameObject, f_back);
	put("frame_owner", ABSENT);
	put("position", 1);
	PUT(frame_code, PyFrameObject, f_code);
	PUT(frame_position, PyFrameObject, f_lasti);
	_Static_assert(SIZE(PyFrameObject, f_lasti) == 4, "int");
#endif
#if PY_VERSION_HEX >= 0x030d0000
	PUT(frame_code, _PyInterpreterFrame, f_executable);
	PUT(frame_position, _PyInterpreterFrame, instr_ptr);
#elif PY_VERSION_HEX >= 0x030b0000
	PUT(frame_code, _PyInterpreterFrame, f_code);
	PUT(frame_position, _PyInterpreterFrame, prev_instr);
#endif
}

static void put_code_object(void)
{
	PUT_CODE(code_first_line, co_firstlineno);
	PUT_CODE(code_file_name, co_filename);
	PUT_CODE(code_line_table, co_linetable);
#if PY_VERSION_HEX >= 0x030b0000
	PUT_CODE(code_name, co_qualname);
	PUT_CODE(code_first_traceable, _co_firsttraceable);
	PUT(code_adaptive, PyCodeObject, co_code_adaptive);
#else
	PUT_CODE(code_name, co_name);
	put("code_first_traceable", ABSENT);
	put("code_adaptive", ABSENT);
#endif
	put("code_size", code_end);
}

static void put_objects(void)
{
	PUT(ob_type, PyObject, ob_type);
	PUT(bytes_length, PyVarObject, ob_size);
	PUT(bytes_data, PyBytesObject, ob_sval);
	PUT(str_length, PyASCIIObject, length);
	PUT(str_state, PyASCIIObject, state);
	put("str_ascii_data", sizeof(PyASCIIObject));
	put("str_compact_data", sizeof(PyCompactUnicodeObject));
}

static void put_runtime(void)
{
#if PY_VERSION_HEX >= 0x030c0000
	size_t key = offsetof(_PyRuntimeState, autoTSSkey);
#else
	size_t key = offsetof(_PyRuntimeState, gilstate.autoTSSkey);
#endif

	put("tss_key", key + offsetof(Py_tss_t, _key));
	PUT(initialized, _PyRuntimeState, initialized);
	PUT(interpreters_head, _PyRuntimeState, interpreters.head);
	PUT(interpreter_next, PyInterpreterState, next);
#if PY_VERSION_HEX >= 0x030b0000
	PUT(threads_head, PyInterpreterState, threads.head);
#else
	PUT(threads_head, PyInterpreterState, tstate_head);
#endif
}

int main(void)
{
	put_thread();
	put_frame();
	put_code_object();
	put_objects();
	put_runtime();
	return 0;
}
