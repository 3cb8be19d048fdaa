/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes are watched, and what each of them is: pid, start time, name, executable, load
 * bias.  Reads /proc under a root that the caller gives, so that tests use a tree of files.  Called
 * by session; does not know probes.
 */
#ifndef GOTIDE_TARGET_TARGET_H
#define GOTIDE_TARGET_TARGET_H

#include <sys/types.h>

#include "base/err.h"
#include "gobin/gobin.h"

#define TARGET_COMM_MAX 16
#define TARGET_PATH_MAX 512

/* A Go process, identified by pid and start time (a pid alone is reused). */
struct target {
	pid_t pid;
	uint64_t start_ticks; /* field 22 of /proc/PID/stat */
	uint64_t dev, ino; /* of the executable: which binary it is, whatever its path */
	char comm[TARGET_COMM_MAX];
	char exe[TARGET_PATH_MAX]; /* as the process sees it; " (deleted)" removed */
	bool exe_deleted;
	struct gobin *bin; /* owned reference */
	uint64_t bias; /* run-time address - link-time address */
};

/* Why a process is not a target. */
enum target_reason {
	TARGET_OK = 0,
	TARGET_GONE, /* exited, or was replaced by exec, while being looked at */
	TARGET_DENIED, /* ptrace(2)'s no */
	TARGET_CLOSED, /* the mode of its executable says no */
	TARGET_KERNEL, /* a kernel thread: no executable */
	TARGET_NOT_GO, /* gobin_reason tells more */
	TARGET_UNSUPPORTED /* Go, but gobin_reason says why it cannot be watched */
};

const char *target_reason_str(enum target_reason r);

/*
 * Looks at one process.  0 and a filled *ret (release with target_release()), or a negative errno
 * with both reasons set.  Consistent: pid, start time, executable and mapping are of one process
 * image, checked by reading the start time and the executable again at the end.
 */
int target_open(const char *proc_root, struct gobin_cache *cache, pid_t pid, struct target *ret,
		enum target_reason *ret_reason, enum gobin_reason *ret_bin_reason) _must_check_;
void target_release(struct target *t);

/*
 * Pids whose name matches: comm or base name of the executable equals name, or pid == name if it
 * is a number.  Only thread group leaders with an executable; own pid left out.  Returns how many
 * are in *ret (malloc'ed, caller frees), which may be 0.
 */
int target_match(const char *proc_root, const char *name, pid_t **ret, size_t *ret_n) _must_check_;

/* All pids, for top. */
int target_all(const char *proc_root, pid_t **ret, size_t *ret_n) _must_check_;

/* Whether pid is ancestor, or a descendant of it. */
bool target_descends(const char *proc_root, pid_t pid, pid_t ancestor);

#endif
