/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/cgo.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe/attach.h"
#include "probe/object.h"

struct counts_map cgo_blocks_map(const struct probe *p)
{
	return (struct counts_map){ .fd = bpf_map__fd(p->skel->maps.cgo_blocks),
				    .key_size = sizeof(struct wire_span_key),
				    .value_size = sizeof(struct wire_cgo_block),
				    .max_entries = bpf_map__max_entries(p->skel->maps.cgo_blocks) };
}

struct counts_map cgo_sites_map(const struct probe *p)
{
	return (struct counts_map){ .fd = bpf_map__fd(p->skel->maps.cgo_sites),
				    .key_size = sizeof(struct wire_span_site_key),
				    .value_size = sizeof(struct wire_cgo_site),
				    .max_entries = bpf_map__max_entries(p->skel->maps.cgo_sites) };
}

static struct wire_cgo_state *state_find(const struct probe *p, pid_t pid)
{
	uint32_t slot;

	return p->cgo_states && !slots_find(p->slots, pid, &slot) ? &p->cgo_states[slot] : NULL;
}

static uint16_t field(uint32_t off)
{
	return off < WIRE_NO_FIELD ? (uint16_t)off : WIRE_NO_FIELD;
}

static void state_set(struct wire_cgo_state *st, const struct offsets *o, int64_t tls_g)
{
	*st = (struct wire_cgo_state){
		.tls_g = tls_g,
		.g_m = field(o->g_m),
		.g_sched_sp = field(o->g_sched_sp),
		.g_sched_bp = field(o->g_sched_bp),
		.m_curg = field(o->m_curg),
		.period = cgo_period(0),
	};
}

int probe_cgo_attach(struct probe *p, pid_t pid, const struct gobin *b, int64_t tls_g,
		     const char *path, const struct cgo_place *places, size_t n,
		     struct probe_link **ret, struct probe_error *ret_error)
{
	const struct offsets *o = gobin_offsets(b, NULL);
	struct wire_span_site_key others = { 0 };
	struct wire_cgo_site none = { 0 };
	struct wire_cgo_state *st;
	int err;

	if (!p->cgo_states || !o)
		return -ENOTSUP;
	if (slots_find(p->slots, pid, &others.slot))
		return -ENOENT;
	st = &p->cgo_states[others.slot];
	state_set(st, o, tls_g);
	if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.cgo_sites), &others, &none, BPF_ANY))
		return -errno;
	err = attach_places(p, p->skel->progs.cgo_any, places, n, path, pid, ret, ret_error);
	if (!err)
		__atomic_store_n(&st->is_on, 1, __ATOMIC_RELEASE);
	return err;
}

int probe_cgo_attach_idle(struct probe *p, const char *path, uint64_t file_off,
			  struct probe_link **ret)
{
	const struct cgo_place place = { .file_off = file_off };
	struct probe_error ignored;

	if (!p->cgo_states)
		return -ENOTSUP;
	return attach_places(p, p->skel->progs.cgo_any, &place, 1, path, getpid(), ret, &ignored);
}

const struct wire_cgo_state *probe_cgo_state(const struct probe *p, pid_t pid)
{
	return state_find(p, pid);
}

void probe_cgo_set_level(struct probe *p, pid_t pid, unsigned int level)
{
	struct wire_cgo_state *st = state_find(p, pid);

	if (st)
		__atomic_store_n(&st->period, cgo_period(level), __ATOMIC_RELAXED);
}

struct cgo_pass {
	uint32_t slot;
	probe_cgo_fn *fn;
	void *arg;
};

static void site_deliver(const void *key, const void *value, void *arg)
{
	const struct wire_span_site_key *k = key;
	const struct cgo_pass *pass = arg;

	if (k->slot == pass->slot)
		pass->fn(value, pass->arg);
}

int probe_cgo_each(struct probe *p, pid_t pid, probe_cgo_fn *fn, void *arg)
{
	struct cgo_pass pass = { .fn = fn, .arg = arg };
	struct counts_map m;

	if (!p->cgo_states || slots_find(p->slots, pid, &pass.slot))
		return -ENOENT;
	m = cgo_sites_map(p);
	return counts_each(&m, site_deliver, &pass);
}

double probe_cgo_run_ns(const struct probe *p)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd = bpf_program__fd(p->skel->progs.cgo_any);

	if (p->stats_fd < 0 || fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) || !info.run_cnt)
		return -1;
	return (double)info.run_time_ns / (double)info.run_cnt;
}

/* ---- pure ---- */

uint32_t cgo_period(unsigned int level)
{
	/* Most blocks are smaller than the first step. */
	return level ? 1U << (MIN(level, (unsigned int)CGO_LEVEL_MAX) + 8) : 1;
}

void cgo_tune(struct cgo_tuner *t, uint64_t kept, double seconds, uint64_t in_use)
{
	double rate = seconds > 0 ? (double)kept / seconds : 0;

	t->credit += CGO_KEPT_PER_S * seconds - (double)kept;
	t->credit = fmin(t->credit, CGO_KEPT_CREDIT);
	if (t->credit < 0) {
		t->credit = 0;
		for (; rate > CGO_KEPT_PER_S && t->level < CGO_LEVEL_MAX; rate /= 2)
			t->level++;
	}
	/* So the next half of what room is left lasts twice as long as this one did. */
	if (in_use < CGO_BLOCKS_MAX &&
	    in_use > t->full_mark + (CGO_BLOCKS_MAX - t->full_mark) / 2) {
		t->level = MIN(t->level + 2, (unsigned int)CGO_LEVEL_MAX);
		t->full_mark = in_use;
	}
}

/* Counters are read while they move: a difference that is not there yet is 0. */
static uint64_t left(uint64_t allocs, uint64_t frees)
{
	return allocs > frees ? allocs - frees : 0;
}

static uint64_t blocks_of(uint64_t units)
{
	return (units + WIRE_CGO_UNIT / 2) / WIRE_CGO_UNIT;
}

struct cgo_held cgo_held(const struct wire_cgo_site *s)
{
	uint64_t small = left(s->small.alloc_units, s->small.free_units);
	struct cgo_held h = {
		.large_blocks = left(s->large.allocs, s->large.frees),
		.large_bytes = left(s->large.alloc_bytes, s->large.free_bytes),
		.alloc_blocks = s->large.allocs + blocks_of(s->small.alloc_units),
		.alloc_bytes = s->large.alloc_bytes + s->small.alloc_bytes,
	};

	h.blocks = h.large_blocks + blocks_of(small);
	h.bytes = h.large_bytes + left(s->small.alloc_bytes, s->small.free_bytes);
	/* Wrapped below zero where it was read between two additions. */
	if (small && s->small.variance <= INT64_MAX)
		h.error_bytes = sqrt((double)s->small.variance * WIRE_CGO_VARIANCE_UNIT);
	return h;
}

void cgo_result_release(struct cgo_result *r)
{
	vec_release(&r->records);
}
