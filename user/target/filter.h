/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes are wanted, by rules "KEY=GLOB" of what is known before the executable is opened:
 * its name, its cgroup, the Kubernetes namespace of its pod.  Pure; patterns are fnmatch(3)'s, in
 * which '*' stands for slashes, too.
 */
#ifndef GOTIDE_TARGET_FILTER_H
#define GOTIDE_TARGET_FILTER_H

#include "base/err.h"
#include "base/vec.h"

enum filter_key {
	FILTER_NAME = 0, /* of the process, or of its executable without folders */
	FILTER_CGROUP, /* its path in any hierarchy */
	FILTER_NAMESPACE, /* Kubernetes' */
	FILTER_KEYS,
};

#define FILTER_RULES_MAX   256
#define FILTER_PATTERN_MAX 512

struct filter_rule {
	enum filter_key key;
	bool is_exclude;
	char *pattern; /* owned */
};

/* Zeroed, it wants everything. */
struct filter {
	VEC(struct filter_rule) rules;
};

/*
 * Adds "KEY=GLOB".  -EINVAL: no such key, or no pattern; -E2BIG: the pattern is too long, or there
 * are too many rules; -ENOMEM.
 */
int filter_add(struct filter *f, bool is_exclude, const char *rule) _must_check_;
void filter_release(struct filter *f);

/* Whether a rule goes by that key, so that it is worth finding out. */
bool filter_asks(const struct filter *f, enum filter_key key);

struct filter_subject {
	const char *comm, *exe; /* exe: base name; both may be "" */
	const char *cgroup; /* lines as of /proc/PID/cgroup */
	const char *pod_namespace; /* NULL: none, or not known yet */
};

/*
 * Of each key that has includes, one must match; and no exclude may.  What is not known matches
 * nothing.
 */
bool filter_wants(const struct filter *f, const struct filter_subject *s);

#endif
