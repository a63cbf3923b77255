// SPDX-License-Identifier: BSD-2-Clause
/* The processes of a fold. They enter the profile with their first sample, not when told of. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/text.h"
#include "profile/folding.h"

void process_free(struct fold *fold, struct process *process)
{
	fold->nr_codes -= HASH_COUNT(process->names.codes);
	fold->codes_size -= process->names.codes_size;
	HASH_DEL(fold->processes, process);
	names_done(&process->names);
	free(process->comm);
	free(process->name);
	free(process->container_id);
	free(process->roots[0]);
	free(process->roots[1]);
	free(process);
}

struct process *process_find(const struct fold *fold, __u32 id)
{
	struct process *process;

	HASH_FIND(hh, fold->processes, &id, sizeof(id), process);
	return process;
}

static char *clean(const char *s)
{
	return text_utf8(s ? s : "", s ? strlen(s) : 0);
}

static int process_fill(struct process *process, const struct fold_process *told)
{
	int i;

	process->id = told->id;
	process->pid = told->pid;
	process->start_ticks = told->start_ticks;
	process->number = -1;
	process->comm = clean(told->comm);
	process->name = clean(told->name);
	process->container_id = clean(told->container_id);
	for (i = 0; i < 2; i++)
		process->roots[i] = clean(told->roots ? told->roots[i] : NULL);
	return process->comm && process->name && process->container_id && process->roots[0] &&
			       process->roots[1]
		       ? 0
		       : -ENOMEM;
}

static int process_add(struct fold *fold, const struct fold_process *told, struct process **ret)
{
	struct process *process = process_find(fold, told->id);
	int err;

	if (process)
		process_free(fold, process);
	process = calloc(1, sizeof(*process));
	if (!process)
		return -ENOMEM;
	err = process_fill(process, told);
	HASH_ADD(hh, fold->processes, id, sizeof(process->id), process);
	if (err)
		process_free(fold, process);
	else
		*ret = process;
	return err;
}

int fold_add_process(struct fold *fold, const struct fold_process *told)
{
	struct process *process;
	int err = process_add(fold, told, &process);

	if (err)
		return err;
	process->line_table = told->version->line_table;
	snprintf(process->version, sizeof(process->version), "3.%u", told->version->minor);
	if (told->layout) {
		process->layout = *told->layout;
		process->code_type = told->code_type;
		process->has_layout = true;
	}
	return 0;
}

int fold_fork_process(struct fold *fold, __u32 parent_id, __u32 id, pid_t pid, __u64 start_ticks,
		      const char *comm)
{
	struct process *parent = process_find(fold, parent_id), *process;
	struct fold_process told = {.id = id, .pid = pid, .start_ticks = start_ticks, .comm = comm};
	int err;

	if (!parent || id == parent_id) /* a process is no child of its own */
		return -ENOENT;
	told.name = parent->name;
	told.container_id = parent->container_id;
	told.roots = parent->roots;
	err = process_add(fold, &told, &process);
	if (err)
		return err;
	process->line_table = parent->line_table;
	memcpy(process->version, parent->version, sizeof(process->version));
	process->layout = parent->layout;
	process->code_type = parent->code_type;
	process->has_layout = parent->has_layout;
	return 0;
}

void fold_end_process(struct fold *fold, __u32 id)
{
	struct process *process = process_find(fold, id);

	if (process)
		process->ended = true;
}

int process_number(struct fold *fold, struct process *process)
{
	_cleanup_free_ char *name = NULL;
	struct profile_process entry = {
		.pid = process->pid,
		.comm = process->comm,
		.python_version = process->version,
		.container_id = process->container_id,
	};

	if (process->number >= 0)
		return process->number;
	name = text_format("%s (%d)", process->name, process->pid);
	if (!name)
		return -ENOMEM;
	entry.name = name;
	process->number = profile_add_process(fold->profile, &entry);
	return process->number;
}
