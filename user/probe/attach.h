/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Carries out a plan: one uprobe.multi link for all hooks where the kernel has them, else one perf
 * event per hook.  Called by probe; decides nothing about what to attach.
 */
#ifndef GOTIDE_PROBE_ATTACH_H
#define GOTIDE_PROBE_ATTACH_H

#include "probe/cgo.h"
#include "probe/object.h"
#include "probe/plan.h"

/*
 * Attaches what it can of the plan; *ret_hooks has a bit per hook that is on.  A negative errno
 * only if none is, with *ret_error saying why the first one failed; ret_error is also filled when
 * some are missing.
 */
int attach_plan(struct probe *p, const struct plan *plan, const char *exe_path, pid_t pid,
		struct probe_link **ret, uint32_t *ret_hooks,
		struct probe_error *ret_error) _must_check_;

/* The same for n places that one program serves, each with a cookie of its own: all or none. */
int attach_places(struct probe *p, struct bpf_program *prog, const struct cgo_place *places,
		  size_t n, const char *path, pid_t pid, struct probe_link **ret,
		  struct probe_error *ret_error) _must_check_;

/* Attaches, once, to a place in our own executable that is never come by. */
int attach_rehearse(struct probe *p) _must_check_;

/* A link of which fd, which it takes over, is all that there is; NULL: closed for want of memory.
 */
struct probe_link *attach_adopt(int fd);

#endif
