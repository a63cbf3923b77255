/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The structs that the kernel's side and the user's side share, and nothing else. Both sides are
 * built from this header, so the sizes asserted below are the whole protocol.
 *
 * Offsets are bytes. An address in the target is a __u64. Whoever includes this has __u8..__u64
 * already (linux/types.h or vmlinux.h).
 */
#ifndef PYBPFPROF_H
#define PYBPFPROF_H

#define PY_ABSENT     0xffff /* an offset that this version of CPython does not have */
#define PY_FRAME_MAX  128    /* bytes of a frame struct that are read at most */
#define PY_CODE_MAX   192    /* bytes of a code object that are read at most */
#define PY_STACK_MAX  1024   /* frames kept exactly; of deeper stacks, the leaf end */
#define PY_ROOT_MAX   128    /* and this many of the root end */
#define PY_NAME_MAX   1024   /* bytes of a name or a file name that the kernel copies */
#define PY_LINES_MAX  8192   /* bytes of a line table that the kernel copies */
#define TASK_COMM_LEN 16
#define CLOCK_TICK_NS 10000000ULL /* /proc/PID/stat counts start times in 1/100 s */

/* Where a thread keeps the pointer to its PyThreadState, relative to its thread pointer. */
enum py_slot_kind {
	PY_SLOT_CONST = 1, /* *(tp + offset) */
	PY_SLOT_POINTER,   /* *(*(tp + offset) + second) */
};

struct py_slot {
	__u32 kind;
	__s32 offset;
	__u32 second;
	__u32 self_delta; /* pthread_self() == tp - self_delta; 0 on x86-64 */
};

/* How a frame says where it is in its code. */
enum py_position {
	PY_POSITION_UNITS = 1, /* int, in code units of two bytes; -1 before the first (3.10) */
	PY_POSITION_POINTER,   /* pointer into co_code_adaptive (3.11 and later) */
};

/*
 * One CPython's struct offsets. A row of the version table (user/python/version.c), or what the
 * process's own _Py_DebugOffsets say. Every field is set; one that the version lacks is PY_ABSENT.
 */
struct py_layout {
	/* PyThreadState */
	__u16 tstate_frame; /* its frame, or where `cframe` is set, its cframe */
	__u16 tstate_thread_id;
	__u16 tstate_datastack_chunk; /* absent before 3.11 */
	__u16 cframe_current_frame;   /* 3.11, 3.12 */
	/* _PyInterpreterFrame, or PyFrameObject before 3.11 */
	__u16 frame_size; /* bytes to read, at most PY_FRAME_MAX */
	__u16 frame_previous;
	__u16 frame_code;
	__u16 frame_position;
	__u16 frame_owner; /* absent before 3.11 */
	__u16 position;	   /* enum py_position */
	/* PyCodeObject */
	__u16 code_size; /* bytes to read, at most PY_CODE_MAX */
	__u16 code_first_line;
	__u16 code_file_name;
	__u16 code_name; /* co_qualname where there is one, else co_name */
	__u16 code_line_table;
	__u16 code_first_traceable; /* absent before 3.11; in code units */
	__u16 code_adaptive;	    /* absent before 3.11 */
	/* PyObject, PyBytesObject, PyASCIIObject */
	__u16 ob_type;
	__u16 bytes_length;
	__u16 bytes_data;
	__u16 str_length;
	__u16 str_state;
	__u16 str_ascii_data;
	__u16 str_compact_data;
	/* _PyStackChunk */
	__u16 chunk_previous;
	__u16 chunk_data;
	__u16 unused[2];
};

_Static_assert(sizeof(struct py_layout) == 56, "py_layout");

enum py_process_state {
	PY_PROCESS_STARTING = 1, /* not looked at yet, or not initialised yet */
	PY_PROCESS_READY,
	PY_PROCESS_REFUSED,
	PY_PROCESS_OTHER, /* no Python, but what it forks and executes may be */
};

/* Value of map `processes`, by process id (tgid). */
struct py_process {
	__u64 start_ticks; /* start time since boot, in CLOCK_TICK_NS; identity, with the pid */
	__u64 code_type;   /* address of PyCode_Type in the process */
	__u32 id;	   /* incarnation: unique for every process and every exec in it */
	__u32 state;	   /* enum py_process_state */
	struct py_slot slot;
	struct py_layout layout;
	__u32 quota_second; /* names captured in this second, so that no process floods the rings */
	__u32 quota_used;
};

_Static_assert(sizeof(struct py_process) == 104, "py_process");

/* One frame of a sample. The code object is known by address and identity together. */
struct py_frame {
	__u64 code;
	__s32 position; /* bytes from the start of the bytecode; negative before the first */
	__u32 identity; /* of first line, name, file and line table: code_identity(); 0: unread */
};

_Static_assert(sizeof(struct py_frame) == 16, "py_frame");

/* What stands in a ring. All but processes' events go to the ring of the CPU they happened on. */
enum record_type {
	RECORD_SAMPLE = 1,
	RECORD_CODE,
	RECORD_PROCESS,
};

/*
 * A sample: nr_leaf frames from the leaf, then nr_root frames that end at the root. Where both are
 * set, or where SAMPLE_GAP is, there are frames between them that are not told.
 */
struct sample_record {
	__u32 type;
	__u32 process; /* incarnation */
	__u32 pid;
	__u32 tid;
	__u8 source;  /* enum source_id */
	__u8 outcome; /* enum outcome */
	__u8 state;   /* what the thread did; sources give it a meaning */
	__u8 flags;
	__u16 nr_leaf;
	__u16 nr_root;
	__u64 weight;		  /* ns */
	__u64 hash[2];		  /* of the frames */
	char comm[TASK_COMM_LEN]; /* the thread's name */
	struct py_frame frames[];
};

_Static_assert(sizeof(struct sample_record) == 64, "sample_record");

#define SAMPLE_GAP     1 /* frames are missing between leaf end and root end */
#define SAMPLE_EXITING 2 /* the thread was on its way out */

/*
 * A code object, on first sight. data holds name, file name and line table, one after the other.
 * Sizes are bytes; what was cut or could not be read is flagged and has its address, so that user
 * space can read it as a fall-back.
 */
struct code_record {
	__u32 type;
	__u32 process;
	__u64 code;
	__u32 identity;
	__u32 first_line;
	__u64 name; /* addresses of the objects in the target */
	__u64 file_name;
	__u64 line_table;
	__u16 name_size;
	__u16 file_name_size;
	__u32 line_table_size;
	__u8 name_width; /* bytes per character: 1 (latin-1 or ASCII), 2, 4 */
	__u8 file_name_width;
	__u16 missing; /* CODE_MISSING_* */
	__u32 unused;
	__u8 data[];
};

_Static_assert(sizeof(struct code_record) == 64, "code_record");

#define CODE_MISSING_NAME	1
#define CODE_MISSING_FILE_NAME	2
#define CODE_MISSING_LINE_TABLE 4

/* What happened to a process. These go through a ring of their own, `process_events`. */
enum process_event {
	PROCESS_FORK = 1, /* id is the child's, parent its parent's; it has inherited all else */
	PROCESS_EXEC,	  /* a new program: id is new, parent the id before or 0 */
	PROCESS_EXIT,	  /* its last thread is gone */
};

struct process_record {
	__u32 type;
	__u32 event; /* enum process_event */
	__u32 pid;
	__u32 id;
	__u32 parent;
	__u32 unused;
	__u64 start_ticks;
	char comm[TASK_COMM_LEN];
};

_Static_assert(sizeof(struct process_record) == 48, "process_record");

/* Value of the per-CPU array `counters`: the kernel's half of the ledger. */
struct cpu_counters {
	__u64 outcomes[16]; /* events, by enum outcome */
	__u64 lost_weight;  /* ns of samples that a full ring refused */
	__u64 runs;	    /* samples of Python processes, and the time spent in BPF on them */
	__u64 run_ns;
	__u64 captured;	       /* code objects sent */
	__u64 capture_lost;    /* code objects that a full ring refused */
	__u64 capture_over;    /* code objects left for later by a quota */
	__u64 code_faults;     /* code objects that could not be read */
	__u64 run_lengths[64]; /* runs by their length in 1024 ns; the last takes all longer ones */
};

#endif
