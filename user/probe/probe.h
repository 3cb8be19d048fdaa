/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs in the kernel: loaded once, attached to executables, told which processes to count.
 * The only room that knows libbpf.  Called by session; never prints, never reads a target.
 */
#ifndef GOTIDE_PROBE_PROBE_H
#define GOTIDE_PROBE_PROBE_H

#include <linux/types.h>
#include <sys/types.h>

#include "base/err.h"
#include "gobin/gobin.h"
#include "wire.h"

struct probe;

struct probe_opts {
	uint32_t max_targets; /* processes at once; 0: 1024 */
	uint32_t max_sites; /* creation sites over all processes; 0: 16384.  One process may
			       have a quarter of them; what it makes beyond is counted as other */
	size_t ring_bytes; /* power of two; 0: 4 MiB */
	bool use_rss; /* attach kmem:rss_stat */
	bool use_exec; /* report every exec on the machine, not only exits of targets */
	bool use_spans; /* load what probe/spans.h needs */
	bool use_cgo; /* load what probe/cgo.h needs */
	bool force_single; /* do without uprobe.multi even where the kernel has it */
};

/* Where loading or attaching stopped, for people. */
struct probe_error {
	char text[256];
};

/*
 * Loads and attaches the programs that are not per executable.  What the kernel lacks of the
 * optional parts (rss_stat, oom) is left out and shows in probe_features().  -EPERM: privileges;
 * -ENOTSUP: this kernel cannot (no BTF, no ring buffer); ret_error says it in words.
 */
int probe_open(const struct probe_opts *opts, struct probe **ret,
	       struct probe_error *ret_error) _must_check_;
void probe_close(struct probe *p); /* detaches everything; NULL is fine */

struct probe_features {
	bool uprobe_multi; /* one link for all hooks of an executable */
	bool multi_pid; /* ... and its pid filter sees all threads of the process */
	bool rss_stat, exec_exit, oom;
};
const struct probe_features *probe_features(const struct probe *p);

/*
 * Attaches the hooks in mask (1 << enum wire_hook) of an executable; exe_path is how this process
 * can open it (/proc/PID/exe).  pid 0: all processes that run it, else that one alone where the
 * kernel can (the counting is by target in any case).  Hooks whose site is missing are left out;
 * *ret_hooks says which ones are on.  The handle serves until probe_detach().  The hooks of spans
 * need use_spans and a link of their own.
 */
struct probe_link;
int probe_attach(struct probe *p, const struct gobin *b, const char *exe_path, pid_t pid,
		 uint32_t mask, struct probe_link **ret, uint32_t *ret_hooks,
		 struct probe_error *ret_error) _must_check_;
/* Blocks for 40 ms, and for seconds on a machine that is very busy.  NULL is fine. */
void probe_detach(struct probe_link *l);
/* The same in the background; probe_close() waits for all that is under way. */
void probe_detach_later(struct probe *p, struct probe_link *l);

/*
 * Starts counting a process under a fresh, zeroed slot, with no budget yet.  -ENOSPC: max_targets
 * reached; -EEXIST; -ENOTSUP: the executable's layout is not known.  Counting stops by itself when
 * the process execs or ends (the counters stay readable); remove it then, and add it again if the
 * new image is to be watched.
 */
int probe_target_add(struct probe *p, pid_t pid, const struct gobin *b) _must_check_;
/* The same ahead of time: b is what the process will run after its next exec. */
int probe_target_expect(struct probe *p, pid_t pid, const struct gobin *b) _must_check_;
/*
 * Stops counting it, all hooks at the same instant, which detaching does not do; what was counted
 * stays readable.
 */
void probe_target_stop(struct probe *p, pid_t pid);
/*
 * Waits until no program that began before the call still runs: after probe_target_stop(), the
 * counters are at rest and the ring holds all that will come.
 */
void probe_settle(void);
/* Stops counting it and gives up its slot, its sites and its parks ... */
void probe_target_remove(struct probe *p, pid_t pid);
/* ... which are emptied some seconds later by this: to be called now and then. */
void probe_reap(struct probe *p);

/* Whether it is still counted: not after an exec or its end, even if that record was lost. */
bool probe_target_is_counted(const struct probe *p, pid_t pid);

/* Records of exec, exit and OOM kills so far that found the ring full. */
uint64_t probe_tasks_lost(const struct probe *p);

/* The live counters of a target, mapped from the kernel.  NULL if it is none.  Borrowed. */
const struct wire_state *probe_state(const struct probe *p, pid_t pid);

/*
 * Records this process may stream from now on (refill it once a second, say), and only of one
 * goroutine in 2^sample_shift: the same ones at birth and at death.
 */
void probe_set_budget(struct probe *p, pid_t pid, uint32_t tokens, unsigned int sample_shift);

/* Calls fn for every creation site counted so far, of every target: one pass over the map. */
typedef void probe_site_fn(pid_t pid, uint64_t gopc, const struct wire_site *s, void *arg);
int probe_sites(struct probe *p, probe_site_fn *fn, void *arg) _must_check_;
typedef void probe_park_fn(pid_t pid, uint64_t gopc, uint32_t reason,
			   const struct wire_park_count *c, void *arg);
int probe_parks(struct probe *p, probe_park_fn *fn, void *arg) _must_check_;

/*
 * Does once what every new target takes, on ourselves and without effect: 0, or the negative errno
 * of what these privileges do not allow.  For finding out which ones can be given up.
 */
int probe_rehearse(struct probe *p) _must_check_;

/* Descriptor of the ring buffer map, for event/ring; owned by the probe. */
int probe_ring_fd(const struct probe *p);

#endif
