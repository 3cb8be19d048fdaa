/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process's cgroup says: the container it is in, and the memory limit that would kill it.
 * v1, v2 and hybrid; systemd and cgroupfs drivers; containerd, CRI-O, Docker, podman.  Cgroup names
 * are chosen by whoever may make cgroups: what is no plain path is refused.
 */
#ifndef GOTIDE_TARGET_CGROUP_H
#define GOTIDE_TARGET_CGROUP_H

#include "base/err.h"

/*
 * Container id (64 hex digits) from the text of /proc/PID/cgroup; -ENOENT if it names none.  Of
 * nested containers the innermost.  -ENOBUFS if size does not hold it.
 */
int cgroup_container_id(const char *cgroup_text, char *buf, size_t size) _must_check_;

struct cgroup_memory {
	uint64_t limit_bytes; /* the lowest on the way up; UINT64_MAX: none */
	uint64_t current_bytes;
	/*
	 * Of these, page cache that the kernel takes back before it kills anything: inactive_file
	 * of memory.stat (total_inactive_file in v1), as kubelet subtracts it; 0 unknown.
	 */
	uint64_t reclaimable_bytes;
	uint64_t oom_kills;
};

/*
 * sys_root: where the cgroup file systems are mounted ("/sys/fs/cgroup").  The process's own
 * cgroup, or the nearest above it that accounts memory.  -ENOENT if none does (the root cgroup of
 * v2 does not); -EINVAL for a path with "..", which is what a process outside of our cgroup
 * namespace shows.
 */
int cgroup_memory(const char *sys_root, const char *cgroup_text,
		  struct cgroup_memory *ret) _must_check_;

#endif
