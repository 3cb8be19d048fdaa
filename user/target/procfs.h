/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All reading of /proc, under a root given by the caller.  Pure parsing of what the kernel wrote;
 * fields that are absent (older kernels, stripped-down configurations) read as -1.  Names and paths
 * in it are the watched process's own choice.  A process that is not there, or no longer, is -ESRCH
 * everywhere.  Called by target and session; keeps nothing.
 */
#ifndef GOTIDE_TARGET_PROCFS_H
#define GOTIDE_TARGET_PROCFS_H

#include <stdio.h>
#include <sys/types.h>

#include "base/err.h"

struct procfs_stat {
	char comm[16]; /* scrubbed */
	char state;
	pid_t ppid;
	uint64_t utime_ticks, stime_ticks;
	uint32_t threads;
	uint64_t start_ticks;
	int exit_code; /* as wait(2) gives it, of one that has ended; -1: field not there */
};
int procfs_stat(const char *root, pid_t pid, struct procfs_stat *ret) _must_check_;
/* The same from text: comm may hold blanks and brackets, so the last ")" ends it.  -EBADMSG. */
int procfs_stat_parse(const char *text, struct procfs_stat *ret) _must_check_;

/* The thread group that a task belongs to: pid itself for a process. */
int procfs_tgid(const char *root, pid_t pid, pid_t *ret) _must_check_;

/* Resident memory by kind, in bytes, from status (RssAnon, RssFile, RssShmem, VmSwap). */
struct procfs_memory {
	int64_t anon_bytes, file_bytes, shmem_bytes, swap_bytes;
};
int procfs_memory(const char *root, pid_t pid, struct procfs_memory *ret) _must_check_;
void procfs_memory_parse(const char *text, struct procfs_memory *ret);

/*
 * What a walk over all pages tells and status does not: to whom resident memory belongs, and what
 * of it waits to be taken away.  Bytes; -1 where this kernel does not say.  The walk holds the
 * process's mmap_lock for reading and costs 9.4 ms per GiB of small pages, 0.3 ms of huge ones,
 * and 4 us per mapping (Linux 6.18): it is for slow turns only, and not for very large processes.
 */
struct procfs_rollup {
	/* Of the whole process.  lazyfree: given up by MADV_FREE, still counted in the others. */
	int64_t rss_bytes, anon_bytes, lazyfree_bytes, anon_huge_bytes, swap_bytes;
	/*
	 * Of the mappings that adjoin each other around heap_addr; -1 if that is 0, in no mapping,
	 * or in a process of more than PROCFS_MAPPINGS_MAX of them.  size: of those that are
	 * writable.
	 */
	int64_t heap_size_bytes, heap_anon_bytes, heap_lazyfree_bytes;
	/* Anonymous memory of mappings that have no name, without those of the heap; -1 likewise */
	int64_t unnamed_anon_bytes;
};

/*
 * From smaps, and from smaps_rollup if there is no heap to look for (heap_addr 0) or the mappings
 * are too many.  -ENOENT: a kernel without (smaps_rollup is of Linux 4.14).  -EACCES.
 */
#define PROCFS_MAPPINGS_MAX 16384
/* Whether the walk is short: over no more than 4 GiB that are there, of whatever kind. */
bool procfs_rollup_is_short(const struct procfs_memory *m);
int procfs_rollup(const char *root, pid_t pid, uint64_t heap_addr,
		  struct procfs_rollup *ret) _must_check_;
/* The same of a file's text.  -E2BIG: too many mappings.  -EIO. */
int procfs_rollup_parse(FILE *f, uint64_t heap_addr, struct procfs_rollup *ret) _must_check_;

/*
 * Bytes moved by read(2), write(2) and their kin since the process began, sockets included: Go's
 * net package uses no other calls for streams.
 */
struct procfs_io {
	int64_t read_bytes, written_bytes; /* rchar, wchar */
};
int procfs_io(const char *root, pid_t pid, struct procfs_io *ret) _must_check_;
void procfs_io_parse(const char *text, struct procfs_io *ret);

/*
 * Open descriptors by kind.  Past PROCFS_FDS_MAX they are counted as other, without being looked
 * at, and from Linux 6.2 on without being listed: a process that leaks a million of them must not
 * cost its observer a million calls.
 */
#define PROCFS_FDS_MAX 4096
struct procfs_fds {
	uint32_t total, sockets, pipes, files, other;
};
int procfs_fds(const char *root, pid_t pid, struct procfs_fds *ret) _must_check_;

/*
 * What descriptors link to, as the kernel writes it ("socket:[17]", "/etc/passwd"; "" if it cannot
 * be read), cut to 63 bytes: calls fn for each of the first PROCFS_FDS_MAX.  *ret_total: of all.
 */
typedef void procfs_fd_fn(const char *link, void *arg);
int procfs_fd_links(const char *root, pid_t pid, procfs_fd_fn *fn, void *arg,
		    uint32_t *ret_total) _must_check_;

/*
 * A mapping of the executable (same device and inode as /proc/PID/exe) with the lowest offset, and
 * of those the lowest address.  On overlayfs and btrfs maps shows another device than stat() gives:
 * if no mapping has the device and inode, the one whose path is what /proc/PID/exe links to is
 * taken.  -ENOENT if there is none.
 */
struct procfs_map {
	uint64_t start, end, offset;
};
int procfs_exe_map(const char *root, pid_t pid, struct procfs_map *ret) _must_check_;

/* The file maps, to be read line by line with procfs_map_parse().  The caller closes it. */
int procfs_maps_open(const char *root, pid_t pid, FILE **ret) _must_check_;

/* One line of maps, with or without its newline; path points into line and is cut there. */
struct procfs_map_line {
	struct procfs_map map;
	unsigned int major, minor;
	uint64_t ino;
	bool is_exec;
	const char *path; /* "" if none */
};
int procfs_map_parse(char *line, struct procfs_map_line *ret) _must_check_;

/*
 * Target of /proc/PID/exe without " (deleted)", scrubbed; *ret_deleted says whether it was there
 * (a file that is really named so reads as deleted).  -ENOENT for kernel threads.
 */
int procfs_exe_path(const char *root, pid_t pid, char *buf, size_t size,
		    bool *ret_deleted) _must_check_;

/*
 * The process's open executable, also where its file is deleted or in another mount namespace;
 * -ENOENT for kernel threads and zombies, -EACCES.
 */
int procfs_exe_open(const char *root, pid_t pid) _must_check_;

/* Lines of /proc/PID/cgroup, as text; -E2BIG if they do not fit. */
int procfs_cgroup(const char *root, pid_t pid, char *buf, size_t size) _must_check_;

/* MemTotal of the machine, bytes. */
int procfs_mem_total(const char *root, uint64_t *ret) _must_check_;

/*
 * MemAvailable of the machine, bytes: what programs can still take before it swaps or kills, by the
 * kernel's own estimate.  -EBADMSG: before Linux 3.14.
 */
int procfs_mem_available(const char *root, uint64_t *ret) _must_check_;

#endif
