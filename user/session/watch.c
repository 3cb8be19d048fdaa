/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/watch.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/vec.h"
#include "session/heapread.h"
#include "session/resolve.h"
#include "session/sample.h"
#include "session/tally.h"
#include "target/procfs.h"

#define POD_LOGS "/var/log"
/* Executables kept open though no process runs them, for the next one that does. */
#define WATCH_CACHE_EXES 64

/* What is as large is given back to the kernel when it is freed: pages of executables above all. */
#define WATCH_LARGE_BYTES (64 << 10)

static uint32_t hooks_wanted(bool watch_parks)
{
	uint32_t mask = (1u << WIRE_HOOK_BOOKED) - 1;

	if (!watch_parks)
		mask &= ~(1u << WIRE_HOOK_PARK | 1u << WIRE_HOOK_READY);
	return mask;
}

static const char *const refusal_names[WATCH_REFUSALS] = {
	[WATCH_DENIED] = "denied",
	[WATCH_UNREADABLE] = "unreadable",
	[WATCH_TOO_OLD] = "too-old",
	[WATCH_MACHINE] = "machine",
	[WATCH_FUNCTION_TABLE] = "function-table",
	[WATCH_LAYOUT] = "layout",
	[WATCH_SITES] = "probe-sites",
	[WATCH_ATTACH] = "attach",
	[WATCH_TOO_MANY] = "too-many",
	[WATCH_OTHER] = "other",
};

static void keep_memory_small(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, WATCH_LARGE_BYTES);
	mallopt(M_ARENA_MAX, 1); /* threads here only wait for the kernel */
#endif
}

int watch_init(struct watch *w, const struct watch_opts *opts)
{
	keep_memory_small();
	*w = (struct watch){
		.probe = opts->probe,
		.model = opts->model,
		.proc_root = opts->proc_root,
		.is_shared = opts->is_shared,
		.watch_parks = opts->watch_parks,
		.census_interval_ns = (uint64_t)(opts->census_interval_s * NSEC_PER_SEC),
		.hook_mask = hooks_wanted(opts->watch_parks),
		.records_per_s = opts->records_per_s,
	};
	for (size_t i = 0; i < WATCH_REFUSALS; i++)
		w->refusals[i].name = refusal_names[i];
	exes_init(&w->exes, w->probe, w->hook_mask);

	int problem = 0;
	int err = gobin_cache_new(WATCH_CACHE_EXES, &w->cache);

	err = err ? err : cgroups_open(w->proc_root, "", getpid(), &w->cgroups);
	err = err ? err : pods_new(POD_LOGS, &w->pods, &problem);
	if (problem)
		log_warn("%s: names of pods that come from now on are not seen: %s", POD_LOGS,
			 strerror(-problem));
	return err;
}

struct watched *watch_find(const struct watch *w, pid_t pid)
{
	struct watched *p;

	HASH_FIND_INT(w->by_pid, &pid, p);
	return p;
}

size_t watch_alive(const struct watch *w)
{
	size_t n = 0;

	for (const struct watched *p = w->by_pid; p; p = p->hh.next)
		n += !p->is_gone;
	return n;
}

static int refuse(struct watch_error *e, bool is_go, int err, const char *fmt, ...) _printf_(4, 5);

static int refuse(struct watch_error *e, bool is_go, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	e->is_go = is_go;
	return err;
}

/* ---- links ---- */

static int attach(struct watch *w, struct watched *p, uint32_t *ret_hooks,
		  struct probe_error *ret_error)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "%s/%d/exe", w->proc_root, p->pid);
	if (!w->is_shared)
		return probe_attach(w->probe, p->target.bin, path, p->pid, w->hook_mask,
				    &p->own_link, ret_hooks, ret_error);
	err = exes_get(&w->exes, p->target.bin, path, &p->exe, ret_error);
	if (!err)
		*ret_hooks = p->exe->hooks;
	return err;
}

static void detach(struct watch *w, struct watched *p)
{
	probe_detach_later(w->probe, p->own_link);
	p->own_link = NULL;
	if (p->is_gone)
		exes_put(&w->exes, p->exe, clock_now_ns());
	else
		exes_drop(&w->exes, p->exe);
	p->exe = NULL;
}

/* ---- processes ---- */

static void watched_free(struct watch *w, struct watched *p)
{
	if (!p)
		return;
	detach(w, p);
	heapread_free(p->heapread);
	target_release(&p->target);
	free(p);
}

static bool is_denied(enum target_reason reason)
{
	return reason == TARGET_DENIED || reason == TARGET_CLOSED;
}

static enum watch_refusal refusal_of(enum target_reason reason, enum gobin_reason bin_reason)
{
	switch (bin_reason) {
	case GOBIN_UNREADABLE:
		return is_denied(reason) ? WATCH_DENIED : WATCH_UNREADABLE;
	case GOBIN_TOO_OLD:
		return WATCH_TOO_OLD;
	case GOBIN_MACHINE:
		return WATCH_MACHINE;
	case GOBIN_NO_PCLNTAB:
		return WATCH_FUNCTION_TABLE;
	case GOBIN_NO_MODULEDATA:
	case GOBIN_NO_OFFSETS:
		return WATCH_LAYOUT;
	case GOBIN_NO_SITES:
		return WATCH_SITES;
	default:
		return is_denied(reason) ? WATCH_DENIED : WATCH_OTHER;
	}
}

static int open_target(struct watch *w, pid_t pid, struct target *ret,
		       struct watch_error *ret_error)
{
	enum gobin_reason bin_reason = GOBIN_OK;
	enum target_reason reason = TARGET_OK;
	int err = target_open(w->proc_root, w->cache, pid, ret, &reason, &bin_reason);

	if (!err)
		return 0;
	bool is_go = reason == TARGET_UNSUPPORTED;

	ret_error->why = refusal_of(reason, bin_reason);
	ret_error->is_gone = reason == TARGET_GONE;
	if (bin_reason == GOBIN_UNREADABLE)
		return refuse(ret_error, is_go, err, "pid %d: %s: %s", pid,
			      gobin_reason_str(bin_reason), strerror(-err));
	if (bin_reason != GOBIN_OK)
		return refuse(ret_error, is_go, err, "pid %d: %s", pid,
			      gobin_reason_str(bin_reason));
	return refuse(ret_error, is_go, err, "pid %d: %s", pid, target_reason_str(reason));
}

/* Whoever is no Go process is not refused; whoever may not be looked at might be one. */
static void count_refusal(struct watch *w, const struct watch_error *e)
{
	if (w->is_rescan)
		return;
	if (e->is_go || e->why == WATCH_DENIED)
		w->refusals[e->why].n++;
	w->refused += e->is_go;
}

/* Whole clock ticks, as the kernel tells when it was started (field 22 of /proc/PID/stat). */
static double age_of(const struct target *t)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t now = clock_boot_ns() / (NSEC_PER_SEC / hz);

	return now > t->start_ticks ? (double)(now - t->start_ticks) / (double)hz : 0;
}

/* ---- names ---- */

static void identify(const struct watch *w, pid_t pid, struct cgroup_identity *ret)
{
	char text[CGROUP_TEXT_MAX];

	*ret = (struct cgroup_identity){ 0 };
	if (!procfs_cgroup(w->proc_root, pid, text, sizeof(text)))
		cgroup_identify(&w->cgroups, text, ret);
}

static const char *known(const char *text)
{
	return *text ? text : NULL;
}

/* A container outside of a pod has no name that kubelet would know. */
static struct pod_names pod_names_of(const struct watch *w, const struct cgroup_identity *id)
{
	struct pod_names names = { 0 };

	if (*id->pod_uid)
		pods_find(w->pods, id->pod_uid, id->member, &names);
	return names;
}

const char *watch_namespace(const struct watch *w, pid_t pid)
{
	struct cgroup_identity id;

	identify(w, pid, &id);
	return pod_names_of(w, &id).ns;
}

/* Good until pods_read(). */
static struct model_names names_of(const struct watch *w, const struct watched *p)
{
	const struct cgroup_identity *id = &p->cgroup;
	struct pod_names names = pod_names_of(w, id);

	return (struct model_names){ .container = known(id->container),
				     .container_name = names.container,
				     .pod = names.pod,
				     .pod_namespace = names.ns,
				     .pod_uid = known(id->pod_uid) };
}

static unsigned int known_names(const struct model_names *names)
{
	return (names->pod != NULL) + (names->container_name != NULL);
}

void watch_cgroups(const struct watch *w, pid_t pid, char *buf, size_t size)
{
	char text[CGROUP_TEXT_MAX];

	buf[0] = '\0';
	if (!procfs_cgroup(w->proc_root, pid, text, sizeof(text)))
		cgroup_from_root(&w->cgroups, text, buf, size);
}

int watch_names_fd(const struct watch *w)
{
	return pods_fd(w->pods);
}

bool watch_names(struct watch *w)
{
	if (!pods_read(w->pods))
		return false;
	for (struct watched *p = w->by_pid; p; p = p->hh.next) {
		struct model_names names = names_of(w, p);
		unsigned int known = known_names(&names);

		if (known > p->named)
			model_process_named(w->model, p->pid, &names);
		p->named = MAX(p->named, known);
	}
	return true;
}

/* ---- into the model ---- */

static int add_to_model(struct watch *w, struct watched *p, uint32_t hooks, bool is_from_start)
{
	const struct target *t = &p->target;
	const struct gobin_info *bin = gobin_info(t->bin);
	struct model_process_info info = {
		.pid = p->pid,
		.comm = t->comm,
		.exe = t->exe,
		.go_version = bin->version.text,
		.module = bin->module,
		.names = names_of(w, p),
		.is_stripped = bin->is_stripped,
		.is_park_watched = w->watch_parks && (hooks & 1u << WIRE_HOOK_PARK),
		.is_from_start = is_from_start,
		.hooks_on = hooks,
		.start_ns = clock_now_ns(),
		.age_s = age_of(t),
	};
	int err = resolve_target(t, &info.resolver);

	if (err)
		return err;
	p->named = known_names(&info.names);
	err = model_process_add(w->model, &info);
	if (err)
		info.resolver.release(info.resolver.arg);
	return err;
}

/* A slot may be there already: watch_prepare() made it before the process became this program. */
static int count_target(struct watch *w, const struct watched *p, bool *ret_from_start)
{
	int err = probe_target_add(w->probe, p->pid, p->target.bin);

	*ret_from_start = err == -EEXIST;
	return *ret_from_start ? 0 : err;
}

static const char *count_problem(int err)
{
	switch (err) {
	case -ENOSPC:
		return "too many processes";
	case -ENOTSUP:
		return gobin_reason_str(GOBIN_NO_OFFSETS);
	default:
		return strerror(-err);
	}
}

static int start_watching(struct watch *w, struct watched *p, struct watch_error *ret_error)
{
	struct probe_error pe = { 0 };
	bool is_from_start = false;
	uint32_t hooks = 0;
	int err = attach(w, p, &hooks, &pe);

	ret_error->why = WATCH_ATTACH;
	if (err)
		return refuse(ret_error, true, err, "pid %d (%s): cannot attach: %s", p->pid,
			      p->target.comm, pe.text[0] ? pe.text : strerror(-err));
	err = count_target(w, p, &is_from_start);
	ret_error->why = err == -ENOSPC ? WATCH_TOO_MANY : WATCH_LAYOUT;
	if (err)
		return refuse(ret_error, true, err, "pid %d (%s, %s): cannot count goroutines: %s",
			      p->pid, p->target.comm, gobin_info(p->target.bin)->version.text,
			      count_problem(err));
	err = add_to_model(w, p, hooks, is_from_start);
	ret_error->why = WATCH_OTHER;
	if (err) {
		probe_target_remove(w->probe, p->pid);
		return refuse(ret_error, true, err, "pid %d (%s): %s", p->pid, p->target.comm,
			      strerror(-err));
	}
	return 0;
}

/* The prepared link has been taken over by the process it was made for, or will never be. */
static void drop_prepared(struct watch *w)
{
	exes_put(&w->exes, w->prepared, clock_now_ns());
	w->prepared = NULL;
}

/* A slot made ahead counts with the layout of the executable foreseen: of no use to another. */
static void check_prepared(struct watch *w, pid_t pid, const struct target *t)
{
	if (!w->prepared || w->prepared_pid != pid)
		return;
	if (!t || t->dev != w->prepared->key[0] || t->ino != w->prepared->key[1]) {
		probe_target_remove(w->probe, pid);
		drop_prepared(w);
	}
}

static int add_opened(struct watch *w, struct watched *p, struct watch_error *ret_error)
{
	int err;

	check_prepared(w, p->pid, &p->target);
	err = start_watching(w, p, ret_error);
	if (w->prepared && w->prepared_pid == p->pid)
		drop_prepared(w);
	if (err)
		return err;
	mem_of_process(&p->mem, p->pid, 0); /* each reading brings its own budget */
	HASH_ADD_INT(w->by_pid, pid, p);
	return 0;
}

static double ms_between(uint64_t from_ns, uint64_t to_ns)
{
	return (double)(to_ns - from_ns) / NSEC_PER_MSEC;
}

int watch_add(struct watch *w, pid_t pid, struct watch_error *ret_error)
{
	uint64_t start_ns = clock_now_ns(), opened_ns, attached_ns;
	struct watched *p;
	int err;

	if (watch_find(w, pid))
		return -EEXIST;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->pid = pid;
	p->model = w->model;
	err = open_target(w, pid, &p->target, ret_error);
	if (err) {
		count_refusal(w, ret_error);
		w->traffic.unseen += ret_error->is_gone && !w->is_scan;
		check_prepared(w, pid, NULL);
		free(p);
		return err;
	}
	identify(w, pid, &p->cgroup);
	opened_ns = clock_now_ns();
	err = add_opened(w, p, ret_error);
	if (err) {
		count_refusal(w, ret_error);
		watched_free(w, p);
		return err;
	}
	p->phase = (uint32_t)w->traffic.begun++;
	attached_ns = clock_now_ns();
	/* Once all that was there is watched, who comes may be gone as soon. */
	if (w->samples && w->is_shared)
		tally_later(p);
	else
		tally_first(w, p);
	sample_budget(w, p);
	log_verbose("pid %d (%s): read in %.1f ms, attached in %.1f ms, census in %.1f ms", pid,
		    p->target.comm, ms_between(start_ns, opened_ns),
		    ms_between(opened_ns, attached_ns), ms_between(attached_ns, clock_now_ns()));
	return 0;
}

int watch_prepare(struct watch *w, const char *path, pid_t pid, struct watch_error *ret_error)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum gobin_reason reason = GOBIN_OK;
	struct probe_error pe = { 0 };
	struct gobin *bin = NULL;
	int err;

	if (fd < 0)
		return refuse(ret_error, false, -errno, "%s: %s", path, strerror(errno));
	if (gobin_cache_open(w->cache, fd, &bin, &reason))
		return 0; /* a script or a launcher: what it starts is found by its exec */
	if (reason == GOBIN_OK) {
		err = exes_get(&w->exes, bin, path, &w->prepared, &pe);
		if (!err)
			err = probe_target_expect(w->probe, pid, bin);
		w->prepared_pid = pid;
		if (err)
			err = refuse(ret_error, true, err, "%s: cannot attach: %s", path,
				     pe.text[0] ? pe.text : strerror(-err));
	} else {
		err = refuse(ret_error, true, -ENOTSUP, "%s: %s", path, gobin_reason_str(reason));
	}
	gobin_unref(bin);
	return err;
}

/* ---- processes that come ---- */

/* Programs that nobody knows yet are looked at when they have lived for so long. */
#define NEWCOMER_NS  (100 * NSEC_PER_MSEC)
#define NEWCOMER_MAX 4096

/* -ENOENT: its executable was not seen before. */
static int peek(struct watch *w, pid_t pid, enum gobin_reason *ret)
{
	_cleanup_close_ int fd = procfs_exe_open(w->proc_root, pid);

	return fd < 0 ? fd : gobin_cache_peek(w->cache, fd, ret);
}

bool watch_put_off(struct watch *w, pid_t pid)
{
	enum gobin_reason reason = GOBIN_OK;
	int err = peek(w, pid, &reason);

	if (!err)
		return reason == GOBIN_NOT_GO || reason == GOBIN_NOT_ELF;
	if (err != -ENOENT || w->newcomers.n >= NEWCOMER_MAX)
		return false;
	return !vec_push(&w->newcomers, ((struct newcomer){ pid, clock_now_ns() + NEWCOMER_NS }));
}

pid_t watch_newcomer(struct watch *w, uint64_t now_ns)
{
	struct newcomer *first = w->newcomers.items;
	pid_t pid;

	if (!w->newcomers.n || first->due_ns > now_ns)
		return 0;
	pid = first->pid;
	memmove(first, first + 1, --w->newcomers.n * sizeof(*first));
	return pid;
}

/* ---- and go ---- */

static void bury(struct watch *w, struct watched *p)
{
	if (p->is_buried)
		return;
	p->is_buried = true;
	probe_target_remove(w->probe, p->pid);
}

void watch_bury(struct watch *w)
{
	for (struct watched *p = w->by_pid; p; p = p->hh.next)
		if (p->is_gone)
			bury(w, p);
}

void watch_gone(struct watch *w, struct watched *p, uint64_t ts_ns, int exit_code)
{
	if (p->is_gone)
		return;
	p->is_gone = true;
	w->traffic.ended++;
	tally_cancel(w, p);
	heapread_cancel(p);
	probe_target_stop(w->probe, p->pid); /* all hooks at once, where an exec has not done so */
	detach(w, p);
	model_process_exited(w->model, p->pid, ts_ns, exit_code);
	if (!w->is_stopped)
		return;
	if (sample_counters(w)) /* no other sample will come */
		log_debug("pid %d: its last counters could not be read", p->pid);
	bury(w, p);
}

void watch_stop_all(struct watch *w)
{
	for (struct watched *p = w->by_pid; p; p = p->hh.next)
		probe_target_stop(w->probe, p->pid);
	probe_settle();
	w->is_stopped = true;
}

void watch_remove(struct watch *w, struct watched *p)
{
	tally_cancel(w, p);
	bury(w, p);
	model_process_remove(w->model, p->pid);
	HASH_DEL(w->by_pid, p);
	watched_free(w, p);
}

void watch_release(struct watch *w)
{
	struct watched *p, *p_next;

	HASH_ITER (hh, w->by_pid, p, p_next)
		watch_remove(w, p);
	drop_prepared(w);
	exes_release(&w->exes);
	vec_release(&w->newcomers);
	gobin_cache_free(w->cache);
	w->cache = NULL;
	pods_free(w->pods);
	w->pods = NULL;
	cgroups_release(&w->cgroups);
}
