/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heap by allocation site from the spans that one process allocates and frees while it is watched:
 * gotide heap --spans.  An observation of its own, with probes of its own, since it costs what
 * nobody pays who has not asked for it.
 */
#ifndef GOTIDE_SESSION_SPANS_H
#define GOTIDE_SESSION_SPANS_H

#include "probe/spans.h"
#include "target/target.h"

struct spans;

struct spans_opts {
	const char *proc_root; /* NULL: /proc */
	double for_s; /* spans_observe(): 0: until the process ends or the user interrupts */
	unsigned int shift; /* of the small spans one in 2^shift is kept at first */
	bool force_single; /* as probe_opts has it */
};

/*
 * Attaches.  t is borrowed and must outlive it.  ret_error says in words what failed; -ENOENT: a
 * place to probe was not found.
 */
int spans_open(const struct target *t, const struct spans_opts *opts, struct spans **ret,
	       struct probe_error *ret_error) _must_check_;
/* To be called every SPANS_TICK_S: follows the load.  False when the process has ended. */
#define SPANS_TICK_S 0.1
bool spans_tick(struct spans *s);
/* Counting ends; what was counted stays. */
void spans_stop(struct spans *s);
int spans_collect(struct spans *s, struct spans_result *ret) _must_check_;
void spans_close(struct spans *s); /* takes the probes out; NULL is fine */

/* All of it, until the time is up, the process ends or the user interrupts. */
int spans_observe(const struct target *t, const struct spans_opts *opts, struct spans_result *ret,
		  struct probe_error *ret_error) _must_check_;

#endif
