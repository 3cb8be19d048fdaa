/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files from which a process has code in its memory: its executable, and the shared objects
 * that C brought.  They are opened while the process is there, so that names can be found when it
 * is gone.  What is in them is as hostile as the executable.
 */
#ifndef GOTIDE_TARGET_OBJECTS_H
#define GOTIDE_TARGET_OBJECTS_H

#include <limits.h>
#include <sys/types.h>

#include "gobin/csyms.h"
#include "gobin/elf.h"

/* More are left out; each keeps a file open. */
#define OBJECTS_MAX 256

struct object {
	char path[PATH_MAX]; /* as the process sees it, not scrubbed */
	int fd;
	struct elf *elf;
	uint64_t bias; /* run-time address - link-time address */
	uint64_t start, end; /* of its code in memory */
	bool is_exe;
	struct csyms *syms; /* NULL until object_syms() */
	bool has_no_syms;
};

struct objects;

/* -ESRCH, -EACCES; an object that cannot be opened or is no ELF file is left out. */
int objects_open(const char *proc_root, pid_t pid, struct objects **ret) _must_check_;
/* Adds what has been mapped since. */
int objects_update(struct objects *o) _must_check_;
void objects_close(struct objects *o); /* NULL is fine */

/* In the order of addresses as they were found.  Borrowed. */
size_t objects_count(const struct objects *o);
struct object *objects_at(struct objects *o, size_t i);
/* That address in memory lies in the code of; NULL. */
struct object *objects_find(struct objects *o, uint64_t addr);

/* Its functions, read once; NULL: they could not be.  Borrowed. */
const struct csyms *object_syms(struct object *o);

#endif
