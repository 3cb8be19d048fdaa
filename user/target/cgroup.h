/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process's cgroup says: the container and the pod it is in, and the memory limits that
 * would kill it.  v1, v2 and hybrid; systemd and cgroupfs drivers; containerd, CRI-O, Docker,
 * podman; also from inside a cgroup namespace (target/cgtree).  Cgroup names are chosen by whoever
 * may make cgroups: what is no plain path is refused.
 */
#ifndef GOTIDE_TARGET_CGROUP_H
#define GOTIDE_TARGET_CGROUP_H

#include "target/cgtree.h"

/* Of /proc/PID/cgroup: some ten lines, of 350 bytes where Kubernetes runs in a container. */
#define CGROUP_TEXT_MAX 16384

#define CGROUP_ID_SIZE	65 /* 64 hex digits */
#define CGROUP_UID_SIZE 37 /* 36 characters with dashes, or, of static pods, 32 hex digits */

/* The trees that are mounted; all zero: none. */
struct cgroups {
	struct cgtree v1, v2;
};

/*
 * Of this process, whose pid is self, by proc_root/self; prefix: see cgtree_open().  -ENOMEM; what
 * is not mounted is no error.
 */
int cgroups_open(const char *proc_root, const char *prefix, pid_t self,
		 struct cgroups *ret) _must_check_;
void cgroups_release(struct cgroups *c);

/* "" where there is none. */
struct cgroup_identity {
	char container[CGROUP_ID_SIZE]; /* of nested ones the innermost */
	/*
	 * As Kubernetes writes it.  Of nested ones the outermost, since what is below it may be
	 * made by who is in it.
	 */
	char pod_uid[CGROUP_UID_SIZE];
	char member[CGROUP_ID_SIZE]; /* the pod's container; others may be within it */
};

/* text: of /proc/PID/cgroup. */
void cgroup_identify(const struct cgroups *c, const char *text, struct cgroup_identity *ret);

/*
 * The text with each path from the root of its tree, as the node has it, where that is known; else
 * as it is.  A line that has no room is left out.
 */
void cgroup_from_root(const struct cgroups *c, const char *text, char *buf, size_t size);

struct cgroup_memory {
	uint64_t limit_bytes; /* the lowest on the way up; UINT64_MAX: none */
	uint64_t current_bytes;
	/*
	 * Of these, page cache that the kernel takes back before it kills anything: inactive_file
	 * of memory.stat (total_inactive_file in v1), as kubelet subtracts it; 0 unknown.
	 */
	uint64_t reclaimable_bytes;
	uint64_t oom_kills;
	uint64_t pod_limit_bytes; /* of the pod's cgroup alone; UINT64_MAX: none */
	uint64_t pod_current_bytes; /* UINT64_MAX: not in a pod, or unknown */
};

/*
 * The process's own cgroup, or the nearest above it that accounts memory.  -ENOENT if none does
 * (the root cgroup of v2 does not), or if it is not below what is mounted; -EINVAL for a path that
 * the kernel does not write.
 */
int cgroup_memory(const struct cgroups *c, const char *text,
		  struct cgroup_memory *ret) _must_check_;

#endif
