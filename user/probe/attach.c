/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/attach.h"

#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "probe/trial.h"

struct probe_link {
	int multi; /* descriptor of the link of all hooks, or -1; owned */
	struct bpf_link **single; /* or one each, some of them NULL; owned */
	size_t n;
};

static struct bpf_program *hook_program(struct probe *p, enum wire_hook h)
{
	struct bpf_program *const programs[WIRE_HOOK_MAX] = {
		[WIRE_HOOK_BIRTH] = p->skel->progs.hook_birth,
		[WIRE_HOOK_DEATH] = p->skel->progs.hook_death,
		[WIRE_HOOK_PARK] = p->skel->progs.hook_park,
		[WIRE_HOOK_READY] = p->skel->progs.hook_ready,
		[WIRE_HOOK_GC_START] = p->skel->progs.hook_gc_start,
		[WIRE_HOOK_MARK_END] = p->skel->progs.hook_mark_end,
		[WIRE_HOOK_GC_END] = p->skel->progs.hook_gc_end,
		[WIRE_HOOK_SPAN_ALLOC] = p->skel->progs.span_alloc,
		[WIRE_HOOK_SPAN_FREE] = p->skel->progs.span_free,
	};

	return programs[h];
}

/* The one program that serves all hooks of a plan: those of spans have their own. */
static struct bpf_program *plan_program(struct probe *p, const struct plan *plan)
{
	return plan->hooks[0].hook >= WIRE_HOOK_BOOKED ? p->skel->progs.span_any
						       : p->skel->progs.hook_any;
}

/* All places in one link; each hit learns from the cookie which one it is. */
static int multi_attach(struct bpf_program *prog, const struct cgo_place *places, size_t n,
			const char *path, pid_t pid, int *ret_fd)
{
	unsigned long offsets[CGO_PLACES_MAX];
	__u64 cookies[CGO_PLACES_MAX];
	LIBBPF_OPTS(bpf_link_create_opts, opts);

	for (size_t i = 0; i < n; i++) {
		offsets[i] = places[i].file_off;
		cookies[i] = places[i].cookie;
	}
	opts.uprobe_multi.path = path;
	opts.uprobe_multi.offsets = offsets;
	opts.uprobe_multi.cookies = cookies;
	opts.uprobe_multi.cnt = (__u32)n;
	opts.uprobe_multi.pid = (uint32_t)pid; /* 0: every process */
	int fd = bpf_link_create(bpf_program__fd(prog), 0, BPF_TRACE_UPROBE_MULTI, &opts);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

static int multi_attach_plan(struct probe *p, const struct plan *plan, const char *path, pid_t pid,
			     int *ret_fd)
{
	struct cgo_place places[WIRE_HOOK_MAX];

	for (size_t i = 0; i < plan->n; i++)
		places[i] = (struct cgo_place){ .file_off = plan->hooks[i].file_off,
						.cookie = plan->hooks[i].hook };
	return multi_attach(plan_program(p, plan), places, plan->n, path, pid, ret_fd);
}

/* A perf event's pid would be one thread: so every process, and the targets map decides. */
static int single_attach(struct bpf_program *prog, const char *path, uint64_t file_off,
			 uint64_t cookie, struct bpf_link **ret)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = cookie);
	struct bpf_link *link = bpf_program__attach_uprobe_opts(prog, -1, path, file_off, &opts);

	if (!link)
		return -errno;
	*ret = link;
	return 0;
}

static void error_say(struct probe_error *e, const struct probe *p, const char *what,
		      const char *path, int err)
{
	const char *advice = "";

	if (err == -EACCES || err == -EPERM)
		advice = p->features.uprobe_multi
				 ? "; needs CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE"
				 : "; needs CAP_SYS_ADMIN on this kernel (no uprobe.multi)";
	snprintf(e->text, sizeof(e->text), "cannot probe %s in %s: %s%s", what, path,
		 strerror(-err), advice);
}

static struct probe_link *link_new(size_t n)
{
	struct probe_link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->multi = -1;
	l->n = n;
	l->single = calloc(n, sizeof(*l->single));
	if (!l->single) {
		free(l);
		return NULL;
	}
	return l;
}

static void link_cleanup(struct probe_link **l)
{
	probe_detach(*l);
}

static uint32_t plan_mask(const struct plan *plan)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < plan->n; i++)
		mask |= 1U << plan->hooks[i].hook;
	return mask;
}

/* What attaches, attaches; the first refusal is told, and is an error if nothing did. */
static int single_attach_all(struct probe *p, const struct plan *plan, const char *path,
			     struct probe_link *l, uint32_t *ret_hooks,
			     struct probe_error *ret_error)
{
	uint32_t hooks = 0;
	int first_err = 0;

	for (size_t i = 0; i < plan->n; i++) {
		enum wire_hook h = plan->hooks[i].hook;
		int err = single_attach(hook_program(p, h), path, plan->hooks[i].file_off, 0,
					&l->single[h]);

		if (!err) {
			hooks |= 1U << h;
		} else if (!first_err) {
			first_err = err;
			error_say(ret_error, p, code_hook_name(h), path, err);
		}
	}
	*ret_hooks = hooks;
	return hooks ? 0 : first_err;
}

int attach_plan(struct probe *p, const struct plan *plan, const char *exe_path, pid_t pid,
		struct probe_link **ret, uint32_t *ret_hooks, struct probe_error *ret_error)
{
	_cleanup_(link_cleanup) struct probe_link *l = link_new(WIRE_HOOK_MAX);
	uint32_t hooks = plan_mask(plan);
	int err;

	if (!l)
		return -ENOMEM;
	if (!plan->n)
		return -ENOENT;
	if (!p->features.uprobe_multi) {
		err = single_attach_all(p, plan, exe_path, l, &hooks, ret_error);
	} else {
		err = multi_attach_plan(p, plan, exe_path, p->features.multi_pid ? pid : 0,
					&l->multi);
		if (err)
			error_say(ret_error, p, "the runtime's functions", exe_path, err);
	}
	if (err)
		return err;
	*ret = TAKE_PTR(l);
	*ret_hooks = hooks;
	return 0;
}

static int single_attach_places(struct bpf_program *prog, const struct cgo_place *places, size_t n,
				const char *path, struct probe_link *l)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = single_attach(prog, path, places[i].file_off, places[i].cookie,
				    &l->single[i]);
	return err == -EOPNOTSUPP ? -ENOTSUP : err;
}

int attach_places(struct probe *p, struct bpf_program *prog, const struct cgo_place *places,
		  size_t n, const char *path, pid_t pid, struct probe_link **ret,
		  struct probe_error *ret_error)
{
	_cleanup_(link_cleanup) struct probe_link *l = link_new(MAX(n, (size_t)1));
	int err;

	if (!l)
		return -ENOMEM;
	if (!n)
		return -ENOENT;
	if (n > CGO_PLACES_MAX)
		return -E2BIG;
	if (p->features.uprobe_multi)
		err = multi_attach(prog, places, n, path, p->features.multi_pid ? pid : 0,
				   &l->multi);
	else
		err = single_attach_places(prog, places, n, path, l);
	if (err) {
		error_say(ret_error, p, "the C allocator", path, err);
		return err;
	}
	*ret = TAKE_PTR(l);
	return 0;
}

int attach_rehearse(struct probe *p)
{
	static const char self[] = "/proc/self/exe";
	struct cgo_place place = { .cookie = WIRE_HOOK_BIRTH };
	struct probe_link **l = &p->trials[TRIAL_LINKS];
	int err = trial_place(&place.file_off);

	if (err)
		return err;
	probe_detach(TAKE_PTR(*l)); /* of the rehearsal before */
	*l = link_new(1);
	if (!*l)
		return -ENOMEM;
	if (!p->features.uprobe_multi)
		return single_attach(p->skel->progs.hook_birth, self, place.file_off, 0,
				     &(*l)->single[0]);
	return multi_attach(p->skel->progs.hook_any, &place, 1, self, 0, &(*l)->multi);
}

struct probe_link *attach_adopt(int fd)
{
	struct probe_link *l = link_new(1);

	if (l)
		l->multi = fd;
	else
		close(fd);
	return l;
}

void probe_detach(struct probe_link *l)
{
	if (!l)
		return;
	if (l->multi >= 0)
		close(l->multi);
	for (size_t i = 0; i < l->n; i++)
		bpf_link__destroy(l->single[i]);
	free(l->single);
	free(l);
}
