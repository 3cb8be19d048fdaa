/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/timers.h"

#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"

#define CHUNK	     MEM_BATCH_MAX
#define TIMER_MAX    256 /* of struct timer; 96 in Go 1.27 */
#define ENTRY_MAX    64 /* of an entry of a heap; 16 in Go 1.27 */
#define GROUP_SLOTS  (TIMERS_GROUPS_MAX * 2) /* a power of two */
#define FUNCS_MAX    1024 /* func values remembered; a power of two */
#define STRIDE_MAX   512 /* from one timer to the next in a shared range */
#define RANGE_MAX    16384
#define PASSES	     2 /* over a heap's array */
#define HEADER_TRIES 3

/* timer.status up to Go 1.22 (runtime/time.go). */
enum status {
	STATUS_NONE = 0,
	STATUS_DELETED = 3,
	STATUS_REMOVING = 4,
	STATUS_REMOVED = 5,
	STATUS_MODIFIED_EARLIER = 7,
	STATUS_MODIFIED_LATER = 8,
	STATUS_LAST = 9,
};

/* timer.state from Go 1.23 on. */
#define STATE_HEAPED 1
#define STATE_ZOMBIE 4
#define STATE_ALL    7

/* type slice of runtime/slice.go. */
struct header {
	uint64_t array, len, cap;
};

/* A timer as it is in a heap. */
struct found {
	uint64_t fn, arg;
	int64_t when, period;
	bool is_go_func;
};

struct known_func {
	uint64_t value; /* address of the func value; 0: empty */
	uint64_t pc;
	bool is_go_func;
};

/* Where in the buffer a timer is, once range is read. */
struct place {
	const struct mem_range *range;
	const uint8_t *timer;
};

struct walk {
	struct mem *mem;
	const struct timers_source *src;
	struct timers timers;
	VEC(uint64_t) pointers; /* to what is in the heap at hand */
	uint64_t seen; /* timers in heaps */
	uint32_t slots[GROUP_SLOTS]; /* number + 1 of a group, 0: empty */
	struct known_func known[FUNCS_MAX];
	struct mem_range ranges[CHUNK];
	struct place places[CHUNK];
	uint64_t unread[CHUNK]; /* timers that shared a range that could not be read */
	struct found found[CHUNK];
	uint64_t words[CHUNK];
	uint8_t buf[CHUNK * STRIDE_MAX];
};

enum verdict {
	TIMER_SET,
	TIMER_GONE,
	TIMER_ODD,
};

static bool header_ok(const struct header *h)
{
	if (!h->len)
		return true;
	return mem_is_pointer(h->array) && h->len <= h->cap && h->cap <= MEM_ADDRESS_END / 8;
}

static bool offsets_ok(const struct offsets *o)
{
	const uint32_t words[] = { o->timer_ts, o->timer_when, o->timer_period, o->timer_f };

	if (o->p_timers == OFFSET_NONE || o->p_id == OFFSET_NONE || o->timer_size > TIMER_MAX ||
	    o->timer_size < 16 || o->timer_arg > o->timer_size - 16 ||
	    o->timer_state > o->timer_size - 4)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i] > o->timer_size - 8)
			return false;
	if (o->timers_heap == OFFSET_NONE) /* up to Go 1.22: p.timers is the slice */
		return o->timer_nextwhen <= o->timer_size - 8;
	return o->twhen_size >= 8 && o->twhen_size <= ENTRY_MAX && o->twhen_size % 8 == 0 &&
	       o->twhen_timer <= o->twhen_size - 8;
}

/* ---- groups ---- */

static struct timer_group *group_at(struct walk *w, const struct timer_group *key)
{
	uint64_t h = (key->fn ^ key->arg_fn * 31) * UINT64_C(0x9e3779b97f4a7c15);
	struct timer_group *g;
	size_t i = h >> 32 & (GROUP_SLOTS - 1);

	for (; w->slots[i]; i = (i + 1) & (GROUP_SLOTS - 1)) {
		g = &w->timers.groups.items[w->slots[i] - 1];
		if (g->fn == key->fn && g->arg_fn == key->arg_fn &&
		    g->is_periodic == key->is_periodic)
			return g;
	}
	if (w->timers.groups.n == TIMERS_GROUPS_MAX || vec_push(&w->timers.groups, *key))
		return NULL;
	w->slots[i] = (uint32_t)w->timers.groups.n;
	return &w->timers.groups.items[w->timers.groups.n - 1];
}

static void count(struct walk *w, const struct found *f, uint64_t arg_fn)
{
	struct timer_group key = {
		.fn = f->fn,
		.arg_fn = arg_fn,
		.is_periodic = f->period > 0,
		.period_min_ns = f->period,
		.period_max_ns = f->period,
		.next_ns = f->when,
	};
	struct timer_group *g = group_at(w, &key);

	w->timers.total++;
	w->timers.periodic += key.is_periodic;
	if (!g) {
		w->timers.is_partial = true;
		return;
	}
	g->count++;
	g->period_min_ns = MIN(g->period_min_ns, f->period);
	g->period_max_ns = MAX(g->period_max_ns, f->period);
	g->next_ns = MIN(g->next_ns, f->when);
}

static int compare_groups(const void *a, const void *b)
{
	const struct timer_group *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (x->fn != y->fn)
		return x->fn < y->fn ? -1 : 1;
	if (x->arg_fn != y->arg_fn)
		return x->arg_fn < y->arg_fn ? -1 : 1;
	return (int)x->is_periodic - (int)y->is_periodic;
}

/* ---- one timer ---- */

static uint64_t word(const struct walk *w, const uint8_t *timer, uint32_t offset)
{
	struct bytes b = bytes_of(timer, w->src->offsets->timer_size);

	bytes_seek(&b, offset);
	return bytes_u64(&b);
}

static enum verdict judge_status(uint32_t status)
{
	switch (status) {
	case STATUS_NONE:
	case STATUS_DELETED:
	case STATUS_REMOVING:
	case STATUS_REMOVED:
		return TIMER_GONE;
	default:
		return status <= STATUS_LAST ? TIMER_SET : TIMER_ODD;
	}
}

static enum verdict judge_state(uint8_t state)
{
	if (state & ~STATE_ALL)
		return TIMER_ODD;
	return (state & STATE_HEAPED) && !(state & STATE_ZOMBIE) ? TIMER_SET : TIMER_GONE;
}

/* A timer knows whose heap it is in: what does not say owner is none, or not any more. */
static enum verdict decode(const struct walk *w, const uint8_t *timer, uint64_t owner,
			   struct found *ret)
{
	const struct offsets *o = w->src->offsets;
	struct bytes b = bytes_of(timer, o->timer_size);
	uint64_t at = word(w, timer, o->timer_ts);
	uint32_t status;
	enum verdict v;

	if (at != owner)
		return at ? TIMER_ODD : TIMER_GONE;
	bytes_seek(&b, o->timer_state);
	status = bytes_u32(&b);
	v = o->timers_heap == OFFSET_NONE ? judge_status(status) : judge_state((uint8_t)status);
	if (v != TIMER_SET)
		return v;
	ret->when = (int64_t)word(w, timer, o->timer_when);
	if (o->timers_heap == OFFSET_NONE &&
	    (status == STATUS_MODIFIED_EARLIER || status == STATUS_MODIFIED_LATER))
		ret->when = (int64_t)word(w, timer, o->timer_nextwhen);
	ret->period = (int64_t)word(w, timer, o->timer_period);
	ret->fn = word(w, timer, o->timer_f);
	ret->arg = word(w, timer, o->timer_arg + 8); /* the data word of an interface */
	return mem_is_pointer(ret->fn) && ret->period >= 0 ? TIMER_SET : TIMER_ODD;
}

/* Replaces the func value by the code it runs.  -EFAULT: there is none. */
static int resolve(struct walk *w, struct found *f)
{
	struct known_func *k = &w->known[(f->fn >> 3) % FUNCS_MAX];
	uint64_t pc;
	int err;

	if (k->value != f->fn) {
		err = mem_read_u64(w->mem, f->fn, &pc);
		if (err)
			return err;
		if (!pc || pc >= MEM_ADDRESS_END)
			return -EFAULT;
		*k = (struct known_func){ f->fn, pc, w->src->is_go_func(pc, w->src->arg) };
	}
	f->fn = k->pc;
	f->is_go_func = k->is_go_func;
	return 0;
}

/* ---- one heap ---- */

/*
 * Decodes what was read for the timers at p[0..n) into found; returns how many, or an error.  What
 * could not be read is left in unread[0..*ret_unread).
 */
static int decode_all(struct walk *w, const uint64_t *p, size_t n, uint64_t owner,
		      size_t *ret_unread)
{
	size_t n_found = 0;

	for (size_t i = 0; i < n; i++) {
		struct found f = { 0 };
		enum verdict v;
		int err = 0;

		if (!w->places[i].range->ok) {
			w->unread[(*ret_unread)++] = p[i];
			continue;
		}
		v = decode(w, w->places[i].timer, owner, &f);
		if (v == TIMER_SET)
			err = resolve(w, &f);
		if (err && err != -EFAULT)
			return err;
		if (err || v == TIMER_ODD)
			w->timers.bad++;
		else if (v == TIMER_SET)
			w->found[n_found++] = f;
	}
	return (int)n_found;
}

/* Counts found[0..n); a closure each is read for those of AfterFunc. */
static int count_all(struct walk *w, size_t n)
{
	size_t n_ranges = 0;
	int err;

	for (size_t i = 0; i < n; i++) {
		if (!w->found[i].is_go_func) {
			count(w, &w->found[i], 0);
			continue;
		}
		w->found[n_ranges] = w->found[i];
		w->ranges[n_ranges] = (struct mem_range){ .addr = w->found[i].arg,
							  .size = sizeof(*w->words),
							  .buf = &w->words[n_ranges] };
		n_ranges++;
	}
	err = mem_read_many(w->mem, w->ranges, n_ranges);
	for (size_t i = 0; i < n_ranges && !err; i++) {
		if (w->ranges[i].ok)
			count(w, &w->found[i], w->words[i]);
		else
			w->timers.bad++;
	}
	return err;
}

/*
 * What to read for the timers at p[0..n), which ascend.  The kernel's work is per range, and timers
 * made one after the other lie side by side: with merge they share a range.  Returns the number of
 * ranges.
 */
static size_t plan_ranges(struct walk *w, const uint64_t *p, size_t n, bool merge)
{
	const uint32_t size = w->src->offsets->timer_size;
	struct mem_range *r = NULL;
	uint8_t *buf = w->buf;
	size_t n_ranges = 0;

	for (size_t i = 0; i < n; i++) {
		if (merge && r && p[i] - p[i - 1] <= STRIDE_MAX && p[i] - r->addr < RANGE_MAX) {
			r->size = p[i] + size - r->addr;
		} else {
			buf += r ? r->size : 0;
			r = &w->ranges[n_ranges++];
			*r = (struct mem_range){ .addr = p[i], .size = size, .buf = buf };
		}
		w->places[i] = (struct place){ r, buf + (p[i] - r->addr) };
	}
	return n_ranges;
}

static int read_timers(struct walk *w, const uint64_t *p, size_t n, uint64_t owner, bool merge,
		       size_t *ret_unread)
{
	int err = mem_read_many(w->mem, w->ranges, plan_ranges(w, p, n, merge));

	*ret_unread = 0;
	if (err)
		return err;
	err = decode_all(w, p, n, owner, ret_unread);
	return err < 0 ? err : count_all(w, (size_t)err);
}

/* The timers at p[0..n), n at most CHUNK. */
static int take_timers(struct walk *w, const uint64_t *p, size_t n, uint64_t owner)
{
	uint64_t again[CHUNK];
	size_t unread;
	int err = read_timers(w, p, n, owner, true, &unread);

	if (err || !unread)
		return err;
	memcpy(again, w->unread, unread * sizeof(*again));
	err = read_timers(w, again, unread, owner, false, &unread);
	w->timers.bad += err ? 0 : unread;
	return err;
}

/*
 * Entries [i, i + n) of the array that the header names after they were read; *h is that header.
 * -EAGAIN: it never held still.
 */
static int read_entries(struct walk *w, uint64_t at, struct header *h, uint64_t i, size_t n,
			size_t size)
{
	for (unsigned int tries = 0; tries < HEADER_TRIES; tries++) {
		struct header before = *h;
		struct mem_range r[] = {
			{ .addr = before.array + i * size, .size = n * size, .buf = w->buf },
			{ .addr = at, .size = sizeof(*h), .buf = h },
		};
		int err = mem_read_many(w->mem, r, ARRAY_SIZE(r));

		if (err)
			return err;
		if (!r[1].ok)
			return -EFAULT;
		if (r[0].ok && h->array == before.array && header_ok(h))
			return 0;
		if (!header_ok(h))
			*h = before;
	}
	return -EAGAIN;
}

/* Keeps the timers of the n entries in buf; an entry that is being taken out is zero. */
static int keep_pointers(struct walk *w, size_t n, size_t size, size_t offset)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		struct bytes b = bytes_of(w->buf + i * size, size);
		uint64_t p;

		bytes_seek(&b, offset);
		p = bytes_u64(&b);
		if (mem_is_pointer(p))
			err = vec_push(&w->pointers, p);
		else
			w->timers.bad += p != 0;
	}
	return err;
}

/* Adds what is in the heap's array to pointers.  -EFAULT, -EAGAIN: it could not be read. */
static int read_heap(struct walk *w, uint64_t at)
{
	const struct offsets *o = w->src->offsets;
	bool is_slice = o->timers_heap == OFFSET_NONE;
	size_t size = is_slice ? 8 : o->twhen_size;
	struct header h;
	int err = mem_read(w->mem, at, &h, sizeof(h));

	if (!err && !header_ok(&h))
		err = -EFAULT;
	for (uint64_t i = 0; !err && i < h.len; i += CHUNK) {
		size_t n = MIN(h.len - i, (uint64_t)CHUNK);

		if (w->seen + i + n > TIMERS_MAX)
			return -ENOBUFS;
		err = read_entries(w, at, &h, i, n, size);
		if (!err && i + n > h.len)
			n = h.len > i ? h.len - i : 0;
		if (!err)
			err = keep_pointers(w, n, size, is_slice ? 0 : o->twhen_timer);
	}
	return err;
}

static int compare_addresses(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_pointers(struct walk *w)
{
	size_t n = 0;

	if (!w->pointers.n)
		return;
	qsort(w->pointers.items, w->pointers.n, sizeof(uint64_t), compare_addresses);
	vec_for_each (&w->pointers, p) {
		if (!n || w->pointers.items[n - 1] != *p)
			w->pointers.items[n++] = *p;
	}
	w->pointers.n = n;
}

static int take_heap(struct walk *w, uint64_t owner)
{
	int err = 0;

	sort_pointers(w);
	w->seen += w->pointers.n;
	for (size_t i = 0; !err && i < w->pointers.n; i += CHUNK)
		err = take_timers(w, w->pointers.items + i, MIN(w->pointers.n - i, (size_t)CHUNK),
				  owner);
	return err;
}

/*
 * The heap is put in order, and cleared of what was stopped, while it is read: a timer that moves
 * past the place where the reading is would be missed, or be there twice.  So it is read twice, and
 * each timer in either array is taken once; what it says of itself decides.
 */
static int walk_heap(struct walk *w, uint64_t at, uint64_t owner)
{
	const uint64_t bad = w->timers.bad;
	int err = 0, taken;

	w->pointers.n = 0;
	for (int i = 0; i < PASSES && !err; i++) {
		w->timers.bad = bad; /* what makes no sense counts once */
		err = read_heap(w, at);
	}
	if (err && err != -EFAULT && err != -EAGAIN && err != -ENOBUFS)
		return err;
	w->timers.bad += err == -EFAULT || err == -EAGAIN;
	taken = take_heap(w, owner);
	return taken ? taken : err == -ENOBUFS ? err : 0;
}

/* ---- all heaps ---- */

/* -EBADMSG: this is not P number i. */
static int walk_p(struct walk *w, uint64_t p, size_t i)
{
	const struct offsets *o = w->src->offsets;
	uint64_t timers = p + o->p_timers;
	uint32_t id = 0;
	int err = mem_is_pointer(p) ? mem_read(w->mem, p + o->p_id, &id, sizeof(id)) : -EFAULT;

	if (err == -EFAULT || (!err && id != i))
		return -EBADMSG;
	if (err)
		return err;
	if (o->timers_heap == OFFSET_NONE)
		return walk_heap(w, timers, p);
	return walk_heap(w, timers + o->timers_heap, timers);
}

/* All Ps; one that is none is counted as bad. */
static int walk_ps(struct walk *w, const uint64_t *ps, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		err = walk_p(w, ps[i], i);
		if (err == -EBADMSG) {
			w->timers.bad++;
			err = 0;
		}
	}
	if (err == -ENOBUFS)
		w->timers.is_partial = true;
	else if (err)
		return err;
	/* Where nothing made sense, none would be a bold answer. */
	return w->timers.bad && !w->timers.total ? -EBADMSG : 0;
}

static int walk_all(struct walk *w)
{
	_cleanup_free_ uint64_t *ps = NULL;
	struct header h;
	int err = mem_read(w->mem, w->src->allp, &h, sizeof(h));

	if (err)
		return err;
	if (!h.len || !header_ok(&h) || h.len > TIMERS_PS_MAX)
		return -EBADMSG;
	ps = calloc(h.len, sizeof(*ps));
	if (!ps)
		return -ENOMEM;
	err = mem_read(w->mem, h.array, ps, h.len * sizeof(*ps));
	return err ? err : walk_ps(w, ps, h.len);
}

int timers_source_read(struct mem *m, const struct timers_source *src, struct timers *ret)
{
	struct walk *w;
	int err;

	if (!src->allp || !src->offsets || !offsets_ok(src->offsets))
		return -ENOENT;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->mem = m;
	w->src = src;
	err = walk_all(w);
	vec_release(&w->pointers);
	if (err) {
		timers_release(&w->timers);
	} else {
		if (w->timers.groups.n)
			qsort(w->timers.groups.items, w->timers.groups.n,
			      sizeof(struct timer_group), compare_groups);
		*ret = w->timers;
	}
	free(w);
	return err;
}

struct executable {
	struct gobin *bin;
	uint64_t bias;
};

static bool is_go_func(uint64_t pc, void *arg)
{
	const struct executable *e = arg;
	struct gofunc f;
	char name[32];

	return !gobin_func_at(e->bin, pc - e->bias, &f, name, sizeof(name)) &&
	       !strcmp(name, "time.goFunc");
}

int timers_read(struct mem *m, struct gobin *bin, uint64_t bias, struct timers *ret)
{
	const struct globals *g = gobin_globals(bin);
	struct executable e = { bin, bias };
	struct timers_source src = {
		.offsets = gobin_offsets(bin, NULL),
		.is_go_func = is_go_func,
		.arg = &e,
	};

	if (!g || !g->global[GLOBAL_ALLP].va)
		return -ENOENT;
	src.allp = g->global[GLOBAL_ALLP].va + bias;
	return timers_source_read(m, &src, ret);
}

void timers_release(struct timers *t)
{
	vec_release(&t->groups);
}
