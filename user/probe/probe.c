/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/probe.h"

#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "probe/attach.h"
#include "probe/cgo.h"
#include "probe/counts.h"
#include "probe/object.h"
#include "probe/plan.h"
#include "probe/spans.h"
#include "probe/trial.h"

#define MAX_TARGETS_DEFAULT 1024
#define MAX_SITES_DEFAULT   16384
#define SITES_SHARES	    4 /* the part of them that one process may have */
#define RING_BYTES_DEFAULT  (4U << 20)
#define RING_BYTES_MAX	    (1U << 30)

/*
 * Slots are emptied when no program that knew of them can still run, and together, since it takes a
 * pass over the maps: so long after they were given up, and so often.
 */
#define STALE_SURELY_NS (10 * NSEC_PER_SEC)
#define STALE_PASS_NS	(5 * NSEC_PER_SEC)

/*
 * libbpf hands its messages to one function for the whole process and gives it no argument, so
 * what it said last has to live here.
 */
static char last_warning[160];

const char *probe_last_warning(void)
{
	return last_warning;
}

void probe_forget_warning(void)
{
	last_warning[0] = '\0';
}

static int libbpf_say(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("%s", line);
	if (level == LIBBPF_WARN)
		snprintf(last_warning, sizeof(last_warning), "%.*s", (int)sizeof(last_warning) - 1,
			 line);
	return 0;
}

static const char *load_advice(int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
		return "needs root, or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE (CAP_SYS_ADMIN where "
		       "the kernel has no uprobe.multi: before Linux 6.6); in a container also a "
		       "seccomp profile that allows bpf()";
	case -ENOTSUP:
		return "this kernel lacks something gotide needs: gotide doctor says what";
	case -ENOMEM:
	case -E2BIG:
		return "not enough memory for the maps: raise RLIMIT_MEMLOCK or watch fewer processes";
	default:
		return probe_last_warning();
	}
}

static int open_failed(int err, const char *what, struct probe_error *ret_error)
{
	snprintf(ret_error->text, sizeof(ret_error->text), "%s: %s; %s", what, strerror(-err),
		 load_advice(err));
	return err;
}

static bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

static int opts_check(const struct probe_opts *in, struct probe_opts *ret)
{
	struct probe_opts o = *in;

	if (!o.max_targets)
		o.max_targets = MAX_TARGETS_DEFAULT;
	if (!o.max_sites)
		o.max_sites = MAX_SITES_DEFAULT;
	if (!o.ring_bytes)
		o.ring_bytes = RING_BYTES_DEFAULT;
	if (!is_power_of_two(o.ring_bytes) || o.ring_bytes > RING_BYTES_MAX ||
	    o.ring_bytes < (size_t)sysconf(_SC_PAGESIZE))
		return -EINVAL;
	*ret = o;
	return 0;
}

/* Not even made unless wanted: the maps alone are tens of megabytes. */
static int skel_configure_spans(struct gotide_bpf *skel, const struct probe_opts *o, bool use_multi)
{
	struct bpf_map *const maps[] = { skel->maps.span_states, skel->maps.spans,
					 skel->maps.span_sites };
	int err;

	bpf_program__set_autoload(skel->progs.span_any, o->use_spans && use_multi);
	bpf_program__set_autoload(skel->progs.span_alloc, o->use_spans && !use_multi);
	bpf_program__set_autoload(skel->progs.span_free, o->use_spans && !use_multi);
	bpf_program__set_expected_attach_type(skel->progs.span_any, BPF_TRACE_UPROBE_MULTI);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		err = bpf_map__set_autocreate(maps[i], o->use_spans);
		if (err)
			return err;
	}
	err = bpf_map__set_max_entries(skel->maps.span_states, o->max_targets);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.spans, SPANS_MAX);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.span_sites, SPANS_SITES_MAX);
	return err;
}

static int skel_configure_cgo(struct gotide_bpf *skel, const struct probe_opts *o, bool use_multi)
{
	struct bpf_map *const maps[] = { skel->maps.cgo_states, skel->maps.cgo_calls,
					 skel->maps.cgo_blocks, skel->maps.cgo_sites };
	int err;

	bpf_program__set_autoload(skel->progs.cgo_any, o->use_cgo);
	if (use_multi)
		bpf_program__set_expected_attach_type(skel->progs.cgo_any, BPF_TRACE_UPROBE_MULTI);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		err = bpf_map__set_autocreate(maps[i], o->use_cgo);
		if (err)
			return err;
	}
	err = bpf_map__set_max_entries(skel->maps.cgo_states, o->max_targets);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.cgo_blocks, CGO_BLOCKS_MAX);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.cgo_sites, CGO_SITES_MAX);
	return err;
}

static int skel_configure(struct gotide_bpf *skel, const struct probe_opts *o, bool use_multi)
{
	struct bpf_program *const alone[] = {
		skel->progs.hook_birth,	 skel->progs.hook_death,    skel->progs.hook_park,
		skel->progs.hook_ready,	 skel->progs.hook_gc_start, skel->progs.hook_mark_end,
		skel->progs.hook_gc_end,
	};
	int err = 0;

	skel->rodata->ring_quarter_bytes = o->ring_bytes / 4;
	skel->rodata->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	skel->rodata->use_exec = o->use_exec;
	skel->rodata->map_share = MAX(o->max_sites / SITES_SHARES, 1U);
	for (size_t i = 0; i < ARRAY_SIZE(alone); i++)
		bpf_program__set_autoload(alone[i], !use_multi);
	bpf_program__set_autoload(skel->progs.hook_any, use_multi);
	bpf_program__set_expected_attach_type(skel->progs.hook_any, BPF_TRACE_UPROBE_MULTI);
	bpf_program__set_autoload(skel->progs.on_rss_stat, o->use_rss);
	err = bpf_map__set_max_entries(skel->maps.targets, o->max_targets);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.states, o->max_targets);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.sites, o->max_sites);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.parks, o->max_sites);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.ring, (uint32_t)o->ring_bytes);
	if (!err)
		err = skel_configure_spans(skel, o, use_multi);
	if (!err)
		err = skel_configure_cgo(skel, o, use_multi);
	return err;
}

/* Loading itself is the trial; a missing type of map shows as EINVAL, which helps nobody. */
static int kernel_suffices(const struct probe_opts *o, struct probe_error *ret_error)
{
	int err;

	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		snprintf(ret_error->text, sizeof(ret_error->text),
			 "no /sys/kernel/btf/vmlinux: gotide needs a kernel built with "
			 "CONFIG_DEBUG_INFO_BTF (every distribution's since about Linux 5.10)");
		return -ENOTSUP;
	}
	if (trial_pid_namespace()) {
		snprintf(ret_error->text, sizeof(ret_error->text),
			 "gotide runs in a pid namespace of its own, where it cannot tell whose "
			 "events it sees: run it in the host's (hostPID: true, --pid=host)");
		return -ENOTSUP;
	}
	err = trial_load();
	if (err)
		return open_failed(err, "cannot load a program into the kernel", ret_error);
	err = trial_ring(o->ring_bytes);
	if (err)
		return open_failed(err == -EINVAL ? -ENOTSUP : err, "cannot make a ring buffer",
				   ret_error);
	return 0;
}

/* Maps all n values of an array into memory; *ret_bytes is for munmap(). */
static int array_map(const struct bpf_map *map, uint32_t n, void **ret, size_t *ret_bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (n * bpf_map__value_size(map) + page - 1) / page * page;
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (mem == MAP_FAILED)
		return -errno;
	*ret = mem;
	*ret_bytes = bytes;
	return 0;
}

static int states_map(struct probe *p, const struct probe_opts *o)
{
	void *mem = NULL;
	int err = array_map(p->skel->maps.states, o->max_targets, &mem, &p->states_bytes);

	if (err)
		return err;
	p->states = mem;
	if (o->use_spans) {
		err = array_map(p->skel->maps.span_states, o->max_targets, &mem,
				&p->span_states_bytes);
		if (err)
			return err;
		p->span_states = mem;
	}
	if (o->use_cgo) {
		err = array_map(p->skel->maps.cgo_states, o->max_targets, &mem,
				&p->cgo_states_bytes);
		if (err)
			return err;
		p->cgo_states = mem;
	}
	if (o->use_spans || o->use_cgo)
		p->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	return 0;
}

/* Attaches a program to its tracepoint; the skeleton owns the link. */
static bool system_attach(struct bpf_program *prog, struct bpf_link **link)
{
	*link = bpf_program__attach(prog);
	return *link != NULL;
}

static void system_attach_all(struct probe *p, const struct probe_opts *o)
{
	struct gotide_bpf *s = p->skel;

	p->features.exec_exit = system_attach(s->progs.on_exec, &s->links.on_exec) &&
				system_attach(s->progs.on_exit, &s->links.on_exit);
	p->features.oom = system_attach(s->progs.on_oom, &s->links.on_oom);
	p->features.rss_stat =
		o->use_rss && system_attach(s->progs.on_rss_stat, &s->links.on_rss_stat);
}

static void probe_cleanup(struct probe **p)
{
	probe_close(*p);
}

/*
 * A small program was loaded before, so privileges suffice: a refusal now is the verifier's, who
 * says EACCES too.
 */
static int programs_load(struct gotide_bpf *skel, struct probe_error *ret_error)
{
	int err = gotide_bpf__load(skel);

	if (err == -EACCES || err == -EINVAL)
		snprintf(
			ret_error->text, sizeof(ret_error->text),
			"this kernel's verifier refuses gotide's programs (%s): please report it, with "
			"what gotide -vv prints",
			strerror(-err));
	else if (err)
		(void)open_failed(err, "cannot load the programs into the kernel", ret_error);
	return err;
}

static bool try_multi(struct probe *p)
{
	int links[TRIAL_LINKS], err = trial_multi(&p->features.multi_pid, links);

	for (size_t i = 0; i < TRIAL_LINKS; i++)
		if (links[i] >= 0)
			p->trials[i] = attach_adopt(links[i]);
	return !err;
}

int probe_open(const struct probe_opts *opts, struct probe **ret, struct probe_error *ret_error)
{
	_cleanup_(probe_cleanup) struct probe *p = calloc(1, sizeof(*p));
	struct probe_opts o;
	int err;

	if (!p)
		return -ENOMEM;
	p->stats_fd = -1;
	detacher_init(&p->detacher);
	libbpf_set_print(libbpf_say);
	probe_forget_warning();
	err = opts_check(opts, &o);
	if (err)
		return open_failed(err, "size of the ring buffer", ret_error);
	err = kernel_suffices(&o, ret_error);
	if (err)
		return err;
	err = slots_new(o.max_targets, &p->slots);
	if (err)
		return err;
	p->features.uprobe_multi = !o.force_single && try_multi(p);
	p->skel = gotide_bpf__open();
	if (!p->skel)
		return open_failed(-errno, "cannot open the programs", ret_error);
	err = skel_configure(p->skel, &o, p->features.uprobe_multi);
	if (!err)
		err = programs_load(p->skel, ret_error);
	if (!err)
		err = states_map(p, &o);
	if (err)
		return ret_error->text[0] ? err
					  : open_failed(err, "cannot set up the maps", ret_error);
	system_attach_all(p, &o);
	*ret = TAKE_PTR(p);
	return 0;
}

void probe_close(struct probe *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(p->trials); i++)
		detacher_take(&p->detacher, p->trials[i]);
	detacher_release(&p->detacher);
	if (p->states)
		munmap(p->states, p->states_bytes);
	if (p->span_states)
		munmap(p->span_states, p->span_states_bytes);
	if (p->cgo_states)
		munmap(p->cgo_states, p->cgo_states_bytes);
	if (p->stats_fd >= 0)
		close(p->stats_fd);
	gotide_bpf__destroy(p->skel);
	slots_free(p->slots);
	free(p);
}

const struct probe_features *probe_features(const struct probe *p)
{
	return &p->features;
}

int probe_attach(struct probe *p, const struct gobin *b, const char *exe_path, pid_t pid,
		 uint32_t mask, struct probe_link **ret, uint32_t *ret_hooks,
		 struct probe_error *ret_error)
{
	struct plan plan;

	if (mask & SPANS_HOOKS && (mask & ~SPANS_HOOKS || !p->span_states))
		return -EINVAL;
	plan_hooks(gobin_sites(b), mask, &plan);
	if (!plan.n) {
		snprintf(ret_error->text, sizeof(ret_error->text),
			 "none of the places to probe was found in %s", exe_path);
		return -ENOENT;
	}
	return attach_plan(p, &plan, exe_path, pid, ret, ret_hooks, ret_error);
}

void probe_detach_later(struct probe *p, struct probe_link *l)
{
	detacher_take(&p->detacher, l);
}

/* ---- slots, and what the kernel keeps under them ---- */

static struct counts_map sites_map(const struct probe *p)
{
	return (struct counts_map){ .fd = bpf_map__fd(p->skel->maps.sites),
				    .key_size = sizeof(struct wire_site_key),
				    .value_size = sizeof(struct wire_site),
				    .max_entries = bpf_map__max_entries(p->skel->maps.sites) };
}

static struct counts_map parks_map(const struct probe *p)
{
	return (struct counts_map){ .fd = bpf_map__fd(p->skel->maps.parks),
				    .key_size = sizeof(struct wire_park_key),
				    .value_size = sizeof(struct wire_park_count),
				    .max_entries = bpf_map__max_entries(p->skel->maps.parks) };
}

struct reap {
	const struct slots *slots;
	uint64_t before_ns;
};

/* All kinds of key begin with the slot. */
static bool key_is_stale(const void *key, void *arg)
{
	const struct reap *r = arg;
	uint32_t slot;

	memcpy(&slot, key, sizeof(slot));
	return slots_is_stale(r->slots, slot, r->before_ns);
}

static int stale_reap_spans(const struct probe *p, struct reap *r)
{
	struct counts_map maps[4];
	size_t n = 0;
	int err = 0;

	if (p->span_states) {
		maps[n++] = spans_map(p);
		maps[n++] = spans_sites_map(p);
	}
	if (p->cgo_states) {
		maps[n++] = cgo_blocks_map(p);
		maps[n++] = cgo_sites_map(p);
	}
	for (size_t i = 0; i < n && !err; i++)
		err = counts_delete(&maps[i], key_is_stale, r);
	return err;
}

/*
 * Empties the slots of processes that are gone.  Programs that were running when the target was
 * deleted may still hold pointers to its entries, and the kernel reuses an entry at once: hence
 * only those that were given up before before_ns.
 */
static void stale_reap(struct probe *p, uint64_t before_ns)
{
	struct reap r = { .slots = p->slots, .before_ns = before_ns };
	struct counts_map sites = sites_map(p), parks = parks_map(p);

	/* What cannot be emptied now stays stale, and is tried again. */
	if (!counts_delete(&sites, key_is_stale, &r) && !counts_delete(&parks, key_is_stale, &r) &&
	    !stale_reap_spans(p, &r))
		slots_reuse(p->slots, r.before_ns);
}

void probe_reap(struct probe *p)
{
	uint64_t now_ns = clock_now_ns();

	if (!slots_stale(p->slots) || now_ns < p->reaped_ns + STALE_PASS_NS)
		return;
	p->reaped_ns = now_ns;
	stale_reap(p, now_ns - STALE_SURELY_NS);
}

/*
 * All slots are taken: waits for those programs, which takes some 20 ms (not possible with
 * nohz_full, where age has to do).
 */
static void stale_reap_now(struct probe *p)
{
	uint64_t now_ns = clock_now_ns();

	if (!slots_stale(p->slots))
		return;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		now_ns -= STALE_SURELY_NS;
	stale_reap(p, now_ns);
}

static void state_reset(struct wire_state *st)
{
	memset(st, 0, sizeof(*st));
	for (size_t i = 0; i < WIRE_RSS_MAX; i++) {
		st->rss_bytes[i] = -1;
		st->rss_sent[i] = -1;
	}
}

static int target_add(struct probe *p, pid_t pid, const struct gobin *b, uint32_t flags)
{
	const struct offsets *o = gobin_offsets(b, NULL);
	const struct gobin_info *info = gobin_info(b);
	struct wire_target t;
	uint32_t tgid = (uint32_t)pid;
	int err;

	if (!o)
		return -ENOTSUP;
	err = plan_target(gobin_sites(b), o, info->machine, &info->version, &t);
	if (err)
		return err;
	err = slots_take(p->slots, pid, &t.slot);
	if (err == -ENOSPC) {
		stale_reap_now(p);
		err = slots_take(p->slots, pid, &t.slot);
	}
	if (err)
		return err;
	state_reset(&p->states[t.slot]);
	t.flags |= flags;
	if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.targets), &tgid, &t, BPF_ANY)) {
		err = -errno;
		slots_drop(p->slots, pid, clock_now_ns());
	}
	return err;
}

int probe_target_add(struct probe *p, pid_t pid, const struct gobin *b)
{
	return target_add(p, pid, b, 0);
}

int probe_target_expect(struct probe *p, pid_t pid, const struct gobin *b)
{
	return target_add(p, pid, b, WIRE_TARGET_AT_EXEC);
}

void probe_target_stop(struct probe *p, pid_t pid)
{
	uint32_t tgid = (uint32_t)pid;

	/* Gone already if the process has exited: the program at the tracepoint deletes it. */
	(void)bpf_map_delete_elem(bpf_map__fd(p->skel->maps.targets), &tgid);
}

/* membarrier() waits for an RCU grace period; kernels with nohz_full CPUs do not offer it. */
void probe_settle(void)
{
	const struct timespec longer_than_any_program = { .tv_nsec = 10 * NSEC_PER_MSEC };

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&longer_than_any_program, NULL);
}

void probe_target_remove(struct probe *p, pid_t pid)
{
	uint32_t slot;

	if (slots_find(p->slots, pid, &slot))
		return;
	probe_target_stop(p, pid);
	slots_drop(p->slots, pid, clock_now_ns());
}

bool probe_target_is_counted(const struct probe *p, pid_t pid)
{
	uint32_t tgid = (uint32_t)pid;
	struct wire_target t;

	return !bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.targets), &tgid, &t);
}

uint64_t probe_tasks_lost(const struct probe *p)
{
	return __atomic_load_n(&p->skel->bss->tasks_lost, __ATOMIC_RELAXED);
}

const struct wire_state *probe_state(const struct probe *p, pid_t pid)
{
	uint32_t slot;

	return slots_find(p->slots, pid, &slot) ? NULL : &p->states[slot];
}

void probe_set_budget(struct probe *p, pid_t pid, uint32_t tokens, unsigned int sample_shift)
{
	uint32_t slot;

	if (slots_find(p->slots, pid, &slot))
		return;
	/* The kernel's hash has 32 bits. */
	__atomic_store_n(&p->states[slot].sample_mask, (1ULL << MIN(sample_shift, 32U)) - 1,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&p->states[slot].tokens, tokens, __ATOMIC_RELAXED);
}

struct site_pass {
	const struct slots *slots;
	probe_site_fn *fn;
	void *arg;
};

static void site_deliver(const void *key, const void *value, void *arg)
{
	const struct site_pass *pass = arg;
	const struct wire_site_key *k = key;
	pid_t pid = slots_owner(pass->slots, k->slot);

	if (pid)
		pass->fn(pid, k->gopc, value, pass->arg);
}

int probe_sites(struct probe *p, probe_site_fn *fn, void *arg)
{
	struct site_pass pass = { .slots = p->slots, .fn = fn, .arg = arg };
	struct counts_map m = sites_map(p);

	return counts_each(&m, site_deliver, &pass);
}

struct park_pass {
	const struct slots *slots;
	probe_park_fn *fn;
	void *arg;
};

static void park_deliver(const void *key, const void *value, void *arg)
{
	const struct park_pass *pass = arg;
	const struct wire_park_key *k = key;
	pid_t pid = slots_owner(pass->slots, k->slot);

	if (pid)
		pass->fn(pid, k->gopc, k->reason, value, pass->arg);
}

int probe_parks(struct probe *p, probe_park_fn *fn, void *arg)
{
	struct park_pass pass = { .slots = p->slots, .fn = fn, .arg = arg };
	struct counts_map m = parks_map(p);

	return counts_each(&m, park_deliver, &pass);
}

/* What the kernel asks for with one command on a map, it asks for with all. */
int probe_rehearse(struct probe *p)
{
	uint32_t nobody = 0; /* no process has this number */
	struct wire_target t;

	if (bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.targets), &nobody, &t) && errno != ENOENT)
		return -errno;
	return attach_rehearse(p);
}

int probe_ring_fd(const struct probe *p)
{
	return bpf_map__fd(p->skel->maps.ring);
}
