/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Heap memory by allocation site: what runs when the Go heap hands out a span and takes one back.
 * Programs and maps of their own, loaded only when asked for.  A span that is kept is remembered
 * with the stack that asked for it until it is freed; per stack, what was allocated and freed is
 * summed up, so that user space reads stacks, not spans.
 */
#include "regs.bpf.h"

#include "keep.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32); /* slot */
	__type(value, struct wire_span_state);
} span_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, struct wire_span_key);
	__type(value, struct wire_span);
} spans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct wire_span_site_key);
	__type(value, struct wire_span_site);
} span_sites SEC(".maps");

/* What wire_span can hold: 32 TiB, more than any heap. */
#define SPAN_PAGES_MAX (1ULL << 32)

/*
 * The heap works on the thread's system stack; where its user left is in the g (see
 * stack_send_creator()).  0 if no goroutine is running: the runtime allocates for itself.
 */
static __always_inline __u64 curg_bp(const struct wire_target *t, __u64 g0)
{
	__u64 m, curg;

	if (!(t->flags & WIRE_TARGET_GREG) || t->g_m == WIRE_NO_FIELD ||
	    t->m_curg == WIRE_NO_FIELD || t->g_sched_bp == WIRE_NO_FIELD)
		return 0;
	m = user_u64(g0 + t->g_m);
	curg = m ? user_u64(m + t->m_curg) : 0;
	return curg ? user_u64(curg + t->g_sched_bp) : 0;
}

static __always_inline __u64 stack_hash_add(__u64 hash, __u64 pc)
{
	hash = (hash ^ pc) * 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 29);
}

/*
 * Follows bp into site->pc and returns the stack's hash, never 0.  Unrolled: Linux before 5.12
 * takes no computed offsets into the program's stack.
 */
static __always_inline __u64 span_walk(struct wire_span_site *site, __u64 bp)
{
	__u64 hash = 0;
	struct frame f;

#pragma clang loop unroll(full)
	for (int i = 0; i < WIRE_SPAN_DEPTH; i++) {
		if (!bp || bpf_probe_read_user(&f, sizeof(f), (void *)bp) || !f.ret) {
			bp = 0;
			break;
		}
		site->pc[i] = f.ret;
		site->depth = i + 1;
		hash = stack_hash_add(hash, f.ret);
		bp = f.next > bp ? f.next : 0;
	}
	site->is_cut = bp != 0;
	return hash ? hash : 1;
}

struct span_new {
	__u64 base;
	__u64 bp;
	__u32 slot;
	struct wire_span span;
};

static __always_inline struct wire_span_count *count_of(struct wire_span_site *site,
							const struct wire_span *s)
{
	return s->is_large ? &site->large : &site->small;
}

/* What the span adds to the variance; large ones stand for themselves alone and add nothing. */
static __always_inline __u64 span_variance(const struct wire_span *s)
{
	__u64 w = 1ULL << (s->shift & 31);

	return w * (w - 1) * s->pages * s->pages;
}

static __always_inline void span_book_free(__u32 slot, const struct wire_span *s)
{
	struct wire_span_site_key key = { .slot = slot, .stack = s->stack };
	struct wire_span_site *site = bpf_map_lookup_elem(&span_sites, &key);
	struct wire_span_count *c;

	if (!site)
		return;
	c = count_of(site, s);
	count_add(&c->frees, 1);
	count_add(&c->free_spans, 1ULL << (s->shift & 31));
	count_add(&c->free_pages, (__u64)s->pages << (s->shift & 31));
	count_add(&c->variance, -span_variance(s));
}

/* The site of this stack: an old one, a new one, or where there is no room the one of all others.
 */
static __noinline int span_site_find(struct wire_span_state *st, struct span_new *n)
{
	struct wire_span_site fresh = { 0 };
	struct wire_span_site_key key = { .slot = n->slot };

	if (!st)
		return 0;
	key.stack = span_walk(&fresh, n->bp);
	if (!bpf_map_lookup_elem(&span_sites, &key) &&
	    bpf_map_update_elem(&span_sites, &key, &fresh, BPF_NOEXIST) &&
	    !bpf_map_lookup_elem(&span_sites, &key)) { /* another CPU may have been first */
		key.stack = 0;
		count_add(&st->sites_full, 1);
	}
	n->span.stack = key.stack;
	return 0;
}

/* A span at this address was kept and its end not seen: its end is now. */
static __always_inline int span_overwrite(struct wire_span_state *st,
					  const struct wire_span_key *key, const struct span_new *n)
{
	struct wire_span *old = bpf_map_lookup_elem(&spans, key);

	if (!old)
		return -1;
	span_book_free(n->slot, old);
	count_add(&st->overwritten, 1);
	return bpf_map_update_elem(&spans, key, &n->span, BPF_ANY);
}

static __noinline int span_keep(struct wire_span_state *st, struct span_new *n)
{
	struct wire_span_site_key site_key = { .slot = n->slot };
	struct wire_span_key key = { .slot = n->slot, .base = n->base };
	__u64 pages = (__u64)n->span.pages << (n->span.shift & 31);
	struct wire_span_site *site;
	struct wire_span_count *c;

	if (!st)
		return 0;
	site_key.stack = n->span.stack;
	site = bpf_map_lookup_elem(&span_sites, &site_key);
	if (!site) {
		count_add(&st->bad, 1);
		return 0;
	}
	if (bpf_map_update_elem(&spans, &key, &n->span, BPF_NOEXIST) &&
	    span_overwrite(st, &key, n)) {
		count_add(&st->spans_full, 1);
		count_add(&st->spans_full_pages, pages);
		return 0;
	}
	c = count_of(site, &n->span);
	count_add(&c->allocs, 1);
	count_add(&c->alloc_spans, 1ULL << (n->span.shift & 31));
	count_add(&c->alloc_pages, pages);
	count_add(&c->variance, span_variance(&n->span));
	count_add(&st->kept, 1);
	return 0;
}

/* Which process, and what is known of it. */
static __always_inline struct wire_span_state *span_wanted(struct wire_target **ret)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, slot;
	struct wire_target *t = bpf_map_lookup_elem(&targets, &tgid);

	if (!t)
		return NULL;
	*ret = t;
	slot = t->slot;
	return bpf_map_lookup_elem(&span_states, &slot);
}

static __always_inline int span_alloc_hit(regs_t *ctx)
{
	struct wire_target *t;
	struct wire_span_state *st = span_wanted(&t);
	struct span_new n = { 0 };
	__u64 pages;
	__u32 shift;

	if (!st)
		return 0;
	if ((loc_read(ctx, &st->type) & 0xff) != WIRE_SPAN_HEAP) {
		count_add(&st->others, 1);
		return 0;
	}
	n.slot = t->slot;
	n.base = loc_read(ctx, &st->base);
	pages = loc_read(ctx, &st->pages);
	if (!n.base || !pages || pages >= SPAN_PAGES_MAX) {
		count_add(&st->bad, 1);
		return 0;
	}
	count_add(&st->alloc_pages, pages);
	n.span.pages = pages;
	n.span.is_large = !((loc_read(ctx, &st->sizeclass) & 0xff) >> 1);
	shift = *(volatile __u32 *)&st->sample_shift & 31;
	if (!n.span.is_large && shift) {
		if (wire_goid_hash(n.base) & ((1ULL << shift) - 1)) {
			count_add(&st->sampled_out, 1);
			return 0;
		}
		n.span.shift = shift;
	}
	n.bp = curg_bp(t, REGS_G(ctx));
	if (!n.bp)
		n.bp = REGS_BP(ctx);
	span_site_find(st, &n);
	return span_keep(st, &n);
}

static __always_inline int span_free_hit(regs_t *ctx)
{
	struct wire_target *t;
	struct wire_span_state *st = span_wanted(&t);
	struct wire_span_key key = { 0 };
	struct wire_span *found, was;

	if (!st)
		return 0;
	count_add(&st->frees, 1);
	key.slot = t->slot;
	key.base = loc_read(ctx, &st->free_base);
	found = bpf_map_lookup_elem(&spans, &key);
	if (!found)
		return 0;
	was = *found;
	if (bpf_map_delete_elem(&spans, &key))
		return 0;
	count_add(&st->freed, 1);
	span_book_free(key.slot, &was);
	return 0;
}

/* As hook_any and its like in hooks.bpf.c. */
SEC("uprobe")
int span_any(regs_t *ctx)
{
	stack_keep(ctx);
	switch (bpf_get_attach_cookie(ctx)) {
	case WIRE_HOOK_SPAN_ALLOC:
		return span_alloc_hit(ctx);
	case WIRE_HOOK_SPAN_FREE:
		return span_free_hit(ctx);
	}
	return 0;
}

SEC("uprobe")
int span_alloc(regs_t *ctx)
{
	stack_keep(ctx);
	return span_alloc_hit(ctx);
}

SEC("uprobe")
int span_free(regs_t *ctx)
{
	stack_keep(ctx);
	return span_free_hit(ctx);
}

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";
