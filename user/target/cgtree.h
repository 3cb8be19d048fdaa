/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a tree of cgroups is mounted, and which folder of it a path of /proc/PID/cgroup is.  In
 * such a path the reader's own cgroup namespace is the root, as it is in /proc/self/mountinfo: in a
 * container of its own gotide reads "/../../podB/ID" of another container, and "/../../.." of a
 * mount of the whole tree (cgroup_namespaces(7)).  Which folders the ".."s lead over is found out
 * once, by looking for this process in the tree.
 */
#ifndef GOTIDE_TARGET_CGTREE_H
#define GOTIDE_TARGET_CGTREE_H

#include <sys/types.h>

#include "base/err.h"

enum cgtree_kind {
	CGTREE_V1_MEMORY, /* the hierarchy that the memory controller is in */
	CGTREE_V2,
};

/* All zero: not mounted. */
struct cgtree {
	char *dir; /* of the mount that shows most of it; NULL: none */
	char *root; /* the cgroup that dir is, from this process's namespace */
	char *base; /* the namespace's root, below dir; NULL: not known, or not below it */
};

/*
 * mountinfo: /proc/self/mountinfo, in which all paths have prefix before them ("" but in tests).
 * own_path: of the process pid, which is to be in this namespace; NULL: not known.  -ENOMEM; a tree
 * that is not mounted is no error.
 */
int cgtree_open(enum cgtree_kind kind, const char *mountinfo, const char *prefix,
		const char *own_path, pid_t pid, struct cgtree *ret) _must_check_;
void cgtree_release(struct cgtree *t);

/*
 * The folder below t->dir of a path of n bytes: "", or "/a/b" without "." and "..".  -EINVAL: no
 * such path as the kernel writes; -ENOENT: not below the mount, or not known to be;
 * -ENAMETOOLONG.
 */
int cgtree_resolve(const struct cgtree *t, const char *path, size_t n, char *buf,
		   size_t size) _must_check_;

#endif
