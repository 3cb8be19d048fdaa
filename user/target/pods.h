/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of pods and containers, from the names of the log files that kubelet keeps on every
 * node, without the API server (kubernetes/pkg/kubelet/kuberuntime: BuildPodLogsDirectory,
 * logSymlink):
 *
 *	pods/NAMESPACE_POD_UID/              UID as in the cgroup's path, also of static pods
 *	containers/POD_NAMESPACE_CONTAINER-ID.log
 *
 * inotify(7) keeps them up to date; a folder that is not there yet is waited for.  No file is
 * opened and no link followed.  A name that is none by Kubernetes' rules is left out, and counted.
 */
#ifndef GOTIDE_TARGET_PODS_H
#define GOTIDE_TARGET_PODS_H

#include "base/err.h"

#define PODS_MAX       2048
#define CONTAINERS_MAX 8192

struct pods;

/*
 * log_root: "/var/log", copied.  0 also where there are no such folders: they may come.  If
 * inotify's watches are used up, what is there is known, and *ret_problem says -ENOSPC.
 */
int pods_new(const char *log_root, struct pods **ret, int *ret_problem) _must_check_;
void pods_free(struct pods *p);

/* Readable when pods_read() has something to do. */
int pods_fd(const struct pods *p);

/* Takes what has happened, without waiting; whether a name has come. */
bool pods_read(struct pods *p);

/* Good until pods_read().  Only of [-.a-z0-9], and no longer than Kubernetes allows. */
struct pod_names {
	const char *ns, *pod; /* NULL: not known */
	const char *container; /* NULL: not known, or the pod's sandbox */
};

/* "" for what is not known; id: of the pod's container. */
void pods_find(const struct pods *p, const char *uid, const char *id, struct pod_names *ret);

struct pods_account {
	size_t pods, containers;
	uint64_t bad; /* names that are none of Kubernetes' */
	uint64_t refused; /* for which there was no room */
	uint64_t rescans; /* more happened than inotify holds */
};
void pods_account(const struct pods *p, struct pods_account *ret);

#endif
