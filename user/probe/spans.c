/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/spans.h"

#include <math.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe/object.h"
#include "probe/plan.h"

struct counts_map spans_map(const struct probe *p)
{
	return (struct counts_map){ .fd = bpf_map__fd(p->skel->maps.spans),
				    .key_size = sizeof(struct wire_span_key),
				    .value_size = sizeof(struct wire_span),
				    .max_entries = bpf_map__max_entries(p->skel->maps.spans) };
}

struct counts_map spans_sites_map(const struct probe *p)
{
	return (struct counts_map){ .fd = bpf_map__fd(p->skel->maps.span_sites),
				    .key_size = sizeof(struct wire_span_site_key),
				    .value_size = sizeof(struct wire_span_site),
				    .max_entries = bpf_map__max_entries(p->skel->maps.span_sites) };
}

static struct wire_span_state *state_find(const struct probe *p, pid_t pid)
{
	uint32_t slot;

	return p->span_states && !slots_find(p->slots, pid, &slot) ? &p->span_states[slot] : NULL;
}

int probe_spans_add(struct probe *p, pid_t pid, const struct gobin *b)
{
	struct wire_span_site_key others = { 0 };
	struct wire_span_site none = { 0 };

	if (!p->span_states)
		return -ENOTSUP;
	if (slots_find(p->slots, pid, &others.slot))
		return -ENOENT;
	plan_spans(gobin_sites(b), &p->span_states[others.slot]);
	if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.span_sites), &others, &none, BPF_ANY))
		return -errno;
	return 0;
}

const struct wire_span_state *probe_spans_state(const struct probe *p, pid_t pid)
{
	return state_find(p, pid);
}

void probe_spans_set_shift(struct probe *p, pid_t pid, unsigned int shift)
{
	struct wire_span_state *st = state_find(p, pid);

	if (st)
		__atomic_store_n(&st->sample_shift, MIN(shift, (unsigned int)SPANS_SHIFT_MAX),
				 __ATOMIC_RELAXED);
}

struct span_pass {
	uint32_t slot;
	probe_span_fn *fn;
	void *arg;
};

static void span_deliver(const void *key, const void *value, void *arg)
{
	const struct wire_span_site_key *k = key;
	const struct span_pass *pass = arg;

	if (k->slot == pass->slot)
		pass->fn(value, pass->arg);
}

int probe_spans_each(struct probe *p, pid_t pid, probe_span_fn *fn, void *arg)
{
	struct span_pass pass = { .fn = fn, .arg = arg };
	struct counts_map m;

	if (!p->span_states || slots_find(p->slots, pid, &pass.slot))
		return -ENOENT;
	m = spans_sites_map(p);
	return counts_each(&m, span_deliver, &pass);
}

static void runs_add(const struct bpf_program *prog, uint64_t *runs, uint64_t *ns)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd = bpf_program__fd(prog);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return;
	*runs += info.run_cnt;
	*ns += info.run_time_ns;
}

double probe_spans_run_ns(const struct probe *p)
{
	uint64_t runs = 0, ns = 0;

	if (p->stats_fd < 0)
		return -1;
	runs_add(p->skel->progs.span_any, &runs, &ns);
	runs_add(p->skel->progs.span_alloc, &runs, &ns);
	runs_add(p->skel->progs.span_free, &runs, &ns);
	return runs ? (double)ns / (double)runs : -1;
}

void spans_tune(struct spans_tuner *t, uint64_t kept, double seconds, uint64_t in_use)
{
	double rate = seconds > 0 ? (double)kept / seconds : 0;

	t->credit += SPANS_KEPT_PER_S * seconds - (double)kept;
	t->credit = fmin(t->credit, SPANS_KEPT_CREDIT);
	if (t->credit < 0) {
		t->credit = 0;
		for (; rate > SPANS_KEPT_PER_S && t->shift < SPANS_SHIFT_MAX; rate /= 2)
			t->shift++;
	}
	/* So the next half of what room is left lasts twice as long as this one did. */
	if (in_use < SPANS_MAX && in_use > t->full_mark + (SPANS_MAX - t->full_mark) / 2) {
		t->shift = MIN(t->shift + 2, (unsigned int)SPANS_SHIFT_MAX);
		t->full_mark = in_use;
	}
}

/* Counters are read while they move: a difference that is not there yet is 0. */
static uint64_t left(uint64_t allocs, uint64_t frees)
{
	return allocs > frees ? allocs - frees : 0;
}

struct spans_held spans_held(const struct wire_span_site *s)
{
	uint64_t small_spans = left(s->small.alloc_spans, s->small.free_spans);
	uint64_t small_bytes = left(s->small.alloc_pages, s->small.free_pages) * SPANS_PAGE_BYTES;
	struct spans_held h = {
		.large_spans = left(s->large.alloc_spans, s->large.free_spans),
		.large_bytes = left(s->large.alloc_pages, s->large.free_pages) * SPANS_PAGE_BYTES,
		.alloc_spans = s->large.alloc_spans + s->small.alloc_spans,
		.alloc_bytes = (s->large.alloc_pages + s->small.alloc_pages) * SPANS_PAGE_BYTES,
	};

	h.spans = h.large_spans + small_spans;
	h.bytes = h.large_bytes + small_bytes;
	/* Wrapped below zero where it was read between two additions. */
	if (small_spans && s->small.variance <= INT64_MAX)
		h.error_bytes = sqrt((double)s->small.variance) * SPANS_PAGE_BYTES;
	return h;
}

void spans_result_release(struct spans_result *r)
{
	vec_release(&r->records);
}
