/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What runs when a probed place in the Go runtime is reached.  Counts exactly, streams within the
 * process's budget, never follows more than a few pointers of the target.
 */
#include "regs.bpf.h"

#include "keep.bpf.h"
#include "stack.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct wire_site_key);
	__type(value, struct wire_site);
} sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct wire_park_key);
	__type(value, struct wire_park_count);
} parks SEC(".maps");

struct hit {
	struct wire_target *t;
	struct wire_state *st;
	__u32 tgid, slot;
};

/*
 * Whether the process that hit the probe is one we count.  The slot is read once: the kernel may
 * give the target's entry to another process while we run, and one hit is counted in one slot.
 */
static __always_inline bool hit_wanted(struct hit *h)
{
	h->tgid = bpf_get_current_pid_tgid() >> 32;
	h->t = bpf_map_lookup_elem(&targets, &h->tgid);
	if (!h->t)
		return false;
	h->slot = h->t->slot;
	h->st = bpf_map_lookup_elem(&states, &h->slot);
	return h->st;
}

/*
 * Reserves a record if the goroutine is in the sample and the process has budget left, and books
 * the hit in exactly one counter either way.  Two CPUs may both take the last token: the budget is
 * overdrawn by a few records, the books still balance.
 */
static __always_inline void *hit_stream(struct hit *h, enum wire_hook hook, __u64 goid, __u32 size)
{
	struct wire_state *st = h->st;
	void *rec;

	if ((st->sample_mask && wire_goid_hash(goid) & st->sample_mask) ||
	    *(volatile __s64 *)&st->tokens <= 0) {
		count_add(&st->sampled_out[hook], 1);
		return NULL;
	}
	rec = bpf_ringbuf_reserve(&ring, size, 0);
	if (!rec) {
		count_add(&st->lost[hook], 1);
		return NULL;
	}
	count_add(&st->tokens, -1);
	count_add(&st->streamed[hook], 1);
	return rec;
}

static __always_inline __u64 hit_wakeup(const struct hit *h, enum wire_hook hook)
{
	return h->st->streamed[hook] & 255 ? BPF_RB_NO_WAKEUP : ring_wakeup();
}

/*
 * Entries that one process may make in "sites", and in "parks": a program with go statements (or
 * forged creators) without end must not leave the others without.
 */
const volatile __u32 map_share = 4096;

/* Another CPU may be first: then this fails, and the look-up after it finds that one's entry. */
static __noinline int site_insert(const struct wire_site_key *key)
{
	struct wire_site fresh = { 0 };

	return bpf_map_update_elem(&sites, key, &fresh, BPF_NOEXIST);
}

static __always_inline struct wire_site *site_get(struct hit *h, __u64 gopc)
{
	struct wire_site_key key = { .slot = h->slot, .gopc = gopc };
	struct wire_site *s = bpf_map_lookup_elem(&sites, &key);

	if (s)
		return s;
	if (h->st->sites_own >= map_share)
		return NULL;
	if (!site_insert(&key))
		count_add(&h->st->sites_own, 1);
	return bpf_map_lookup_elem(&sites, &key);
}

static __noinline int park_insert(const struct wire_park_key *key)
{
	struct wire_park_count fresh = { 0 };

	return bpf_map_update_elem(&parks, key, &fresh, BPF_NOEXIST);
}

static __always_inline struct wire_park_count *park_get(struct hit *h, __u64 gopc, __u32 reason)
{
	struct wire_park_key key = { .slot = h->slot, .reason = reason, .gopc = gopc };
	struct wire_park_count *c = bpf_map_lookup_elem(&parks, &key);

	if (c)
		return c;
	if (h->st->parks_own >= map_share)
		return NULL;
	if (!park_insert(&key))
		count_add(&h->st->parks_own, 1);
	return bpf_map_lookup_elem(&parks, &key);
}

/* The first three of a kind, then ever fewer: at 4, 8, 16, ..., and once in 4096. */
static __always_inline bool stack_due(__u64 seen)
{
	return seen < 3 || !(seen & (seen - 1)) || !(seen & 4095);
}

/* What the hooks want of a goroutine. */
struct goroutine {
	__u64 goid;
	__u64 gopc;
	__u64 startpc;
	__u64 parent_goid;
	__u32 reason;
};

/* Words from goid: the reason; gopc where it comes first; words to read if gopc comes last. */
#define NEAR_REASON 3
#define NEAR_GOPC   16
#define NEAR_WORDS  (NEAR_GOPC + 2 + 3)

/*
 * One read of 168 bytes, since opening user memory costs several times what copying does.  gopc is
 * found by branches: Linux before 5.12 takes no computed offsets into the stack.
 */
static __always_inline int g_fetch_near(const struct wire_target *t, __u64 g, struct goroutine *to)
{
	__u64 w[NEAR_WORDS];
	__u64 *gopc;

	if (bpf_probe_read_user(w, sizeof(w), (void *)(g + t->g_goid)))
		return -1;
	switch (t->g_gopc - t->g_goid) {
	case 8 * NEAR_GOPC:
		gopc = &w[NEAR_GOPC];
		break;
	case 8 * (NEAR_GOPC + 1):
		gopc = &w[NEAR_GOPC + 1];
		break;
	default:
		gopc = &w[NEAR_GOPC + 2];
	}
	to->goid = w[0];
	to->reason = (__u8)w[NEAR_REASON];
	to->gopc = gopc[0];
	to->parent_goid = t->g_parent_goid == WIRE_NO_FIELD ? 0 : gopc[-1];
	to->startpc = gopc[2];
	return 0;
}

/* A field that this Go lacks reads as 0. */
static __always_inline int g_field(void *to, __u32 size, __u64 g, __u16 off)
{
	return off == WIRE_NO_FIELD ? 0 : bpf_probe_read_user(to, size, (void *)(g + off));
}

/* Field by field, for a runtime whose g is laid out in some new way. */
static __noinline int g_fetch_far(const struct wire_target *t, __u64 g, struct goroutine *to)
{
	struct goroutine got = { 0 };

	if (!t || !to)
		return -1;
	if (g_field(&got.goid, sizeof(got.goid), g, t->g_goid) ||
	    g_field(&got.gopc, sizeof(got.gopc), g, t->g_gopc) ||
	    g_field(&got.startpc, sizeof(got.startpc), g, t->g_startpc) ||
	    g_field(&got.parent_goid, sizeof(got.parent_goid), g, t->g_parent_goid) ||
	    g_field(&got.reason, 1, g, t->g_waitreason))
		return -1;
	*to = got;
	return 0;
}

static __always_inline int g_fetch(const struct wire_target *t, __u64 g, struct goroutine *to)
{
	return t->flags & WIRE_TARGET_NEAR ? g_fetch_near(t, g, to) : g_fetch_far(t, g, to);
}

static __always_inline int birth_hit(regs_t *ctx)
{
	struct wire_birth *r;
	struct wire_site *site;
	struct goroutine go;
	struct hit h;
	__u64 births;

	if (!hit_wanted(&h))
		return 0;
	if (g_fetch(h.t, loc_read(ctx, &h.t->loc[WIRE_HOOK_BIRTH]), &go)) {
		count_add(&h.st->bad[WIRE_HOOK_BIRTH], 1);
		return 0;
	}
	site = site_get(&h, go.gopc);
	if (site) {
		births = site->births;
		count_add(&site->births, 1);
		/* New, or made by the death of a goroutine older than our probes. */
		if (!site->startpc)
			site->startpc = go.startpc;
		if (stack_due(births))
			stack_send_creator(ctx, h.t, h.st, h.tgid, go.gopc);
	} else {
		count_add(&h.st->births_other, 1);
	}
	r = hit_stream(&h, WIRE_HOOK_BIRTH, go.goid, sizeof(*r));
	if (!r)
		return 0;
	hdr_fill(&r->hdr, WIRE_BIRTH, sizeof(*r), h.tgid, tick_ns());
	r->goid = go.goid;
	r->gopc = go.gopc;
	r->startpc = go.startpc;
	r->parent_goid = go.parent_goid;
	bpf_ringbuf_submit(r, hit_wakeup(&h, WIRE_HOOK_BIRTH));
	return 0;
}

static __always_inline int death_hit(regs_t *ctx)
{
	struct wire_death *r;
	struct wire_site *site;
	struct goroutine go;
	struct hit h;

	if (!hit_wanted(&h))
		return 0;
	if (g_fetch(h.t, loc_read(ctx, &h.t->loc[WIRE_HOOK_DEATH]), &go)) {
		count_add(&h.st->bad[WIRE_HOOK_DEATH], 1);
		return 0;
	}
	site = site_get(&h, go.gopc);
	if (site)
		count_add(&site->deaths, 1);
	else
		count_add(&h.st->deaths_other, 1);
	r = hit_stream(&h, WIRE_HOOK_DEATH, go.goid, sizeof(*r));
	if (!r)
		return 0;
	hdr_fill(&r->hdr, WIRE_DEATH, sizeof(*r), h.tgid, tick_ns());
	r->goid = go.goid;
	r->gopc = go.gopc;
	bpf_ringbuf_submit(r, hit_wakeup(&h, WIRE_HOOK_DEATH));
	return 0;
}

static __always_inline void park_submit(struct hit *h, enum wire_hook hook, __u16 kind,
					const struct goroutine *go)
{
	struct wire_park *r = hit_stream(h, hook, go->goid, sizeof(*r));

	if (!r)
		return;
	hdr_fill(&r->hdr, kind, sizeof(*r), h->tgid, tick_ns());
	r->goid = go->goid;
	r->gopc = go->gopc;
	r->reason = go->reason;
	r->pad = 0;
	bpf_ringbuf_submit(r, hit_wakeup(h, hook));
}

static __always_inline int park_hit(regs_t *ctx)
{
	struct wire_park_count *c;
	struct goroutine go;
	struct hit h;
	__u64 parks_seen;

	if (!hit_wanted(&h))
		return 0;
	if (g_fetch(h.t, loc_read(ctx, &h.t->park_g), &go)) {
		count_add(&h.st->bad[WIRE_HOOK_PARK], 1);
		return 0;
	}
	/* The g has its previous reason still.  The rest of the register is anything. */
	go.reason = loc_read(ctx, &h.t->loc[WIRE_HOOK_PARK]) & 0xff;
	c = park_get(&h, go.gopc, go.reason);
	if (c) {
		parks_seen = c->parks;
		count_add(&c->parks, 1);
		if (stack_due(parks_seen)) {
			struct parked p = { go.goid, go.gopc, go.reason, h.tgid };

			stack_send_parked(ctx, h.t, h.st, &p);
		}
	} else {
		count_add(&h.st->parks_other, 1);
	}
	park_submit(&h, WIRE_HOOK_PARK, WIRE_PARK, &go);
	return 0;
}

static __always_inline int ready_hit(regs_t *ctx)
{
	struct wire_park_count *c;
	struct goroutine go;
	struct hit h;

	if (!hit_wanted(&h))
		return 0;
	if (g_fetch(h.t, loc_read(ctx, &h.t->loc[WIRE_HOOK_READY]), &go)) {
		count_add(&h.st->bad[WIRE_HOOK_READY], 1);
		return 0;
	}
	c = park_get(&h, go.gopc, go.reason);
	if (c)
		count_add(&c->readies, 1);
	else
		count_add(&h.st->readies_other, 1);
	park_submit(&h, WIRE_HOOK_READY, WIRE_READY, &go);
	return 0;
}

/* A few times a second at most, so outside the budget. */
static __always_inline void gc_submit(struct hit *h, enum wire_hook hook, __u16 kind, __u64 now,
				      __u64 heap_live)
{
	struct wire_gc *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r) {
		count_add(&h->st->lost[hook], 1);
		return;
	}
	count_add(&h->st->streamed[hook], 1);
	hdr_fill(&r->hdr, kind, sizeof(*r), h->tgid, now);
	r->heap_live = heap_live;
	bpf_ringbuf_submit(r, ring_wakeup());
}

static __always_inline int gc_start_hit(regs_t *ctx)
{
	struct hit h;

	if (!hit_wanted(&h))
		return 0;
	h.st->gc_start_ns = bpf_ktime_get_ns();
	gc_submit(&h, WIRE_HOOK_GC_START, WIRE_GC_START, h.st->gc_start_ns, 0);
	return 0;
}

static __always_inline int mark_end_hit(regs_t *ctx)
{
	__u64 heap_live;
	struct hit h;

	if (!hit_wanted(&h))
		return 0;
	heap_live = loc_read(ctx, &h.t->loc[WIRE_HOOK_MARK_END]);
	/* Something always lives: a floor of nothing would be an argument that was not read. */
	if ((__s64)heap_live <= 0) {
		count_add(&h.st->bad[WIRE_HOOK_MARK_END], 1);
		return 0;
	}
	h.st->heap_live = heap_live;
	h.st->mark_end_ns = bpf_ktime_get_ns();
	gc_submit(&h, WIRE_HOOK_MARK_END, WIRE_MARK_END, h.st->mark_end_ns, heap_live);
	return 0;
}

static __always_inline int gc_end_hit(regs_t *ctx)
{
	struct hit h;

	if (!hit_wanted(&h))
		return 0;
	h.st->gc_end_ns = bpf_ktime_get_ns();
	gc_submit(&h, WIRE_HOOK_GC_END, WIRE_GC_END, h.st->gc_end_ns, 0);
	return 0;
}

/*
 * One program for all hooks of an executable, so that one uprobe.multi link holds them: taking a
 * link out costs the kernel a grace period, whatever it holds.  The cookie is the hook.
 */
SEC("uprobe")
int hook_any(regs_t *ctx)
{
	stack_keep(ctx);
	switch (bpf_get_attach_cookie(ctx)) {
	case WIRE_HOOK_BIRTH:
		return birth_hit(ctx);
	case WIRE_HOOK_DEATH:
		return death_hit(ctx);
	case WIRE_HOOK_PARK:
		return park_hit(ctx);
	case WIRE_HOOK_READY:
		return ready_hit(ctx);
	case WIRE_HOOK_GC_START:
		return gc_start_hit(ctx);
	case WIRE_HOOK_MARK_END:
		return mark_end_hit(ctx);
	case WIRE_HOOK_GC_END:
		return gc_end_hit(ctx);
	}
	return 0;
}

/* And one for each hook, for kernels that have no uprobe.multi, and maybe no cookies. */
#define HOOK_ALONE(name)                \
	SEC("uprobe")                   \
	int hook_##name(regs_t *ctx)    \
	{                               \
		stack_keep(ctx);        \
		return name##_hit(ctx); \
	}

HOOK_ALONE(birth)
HOOK_ALONE(death)
HOOK_ALONE(park)
HOOK_ALONE(ready)
HOOK_ALONE(gc_start)
HOOK_ALONE(mark_end)
HOOK_ALONE(gc_end)

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";
