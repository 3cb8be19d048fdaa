/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/buckets.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"

#define PAGE	      4096
#define PAGES	      256 /* kept; a power of two */
#define MEM_PROFILE   1 /* runtime/mprof.go, bucketType */
#define CYCLES	      3 /* memRecord.future */
#define STRUCT_MAX    256 /* of bucket and memRecord; 48 and 128 in Go 1.26 */
#define BUCKET_MAX    (STRUCT_MAX + BUCKETS_DEPTH_MAX * 8 + STRUCT_MAX)
#define OBJECT_MAX    (UINT64_C(1) << 48)
#define BOOT_RECORDS  1 /* sampled before schedinit() turns the profile off; Go 1.25 on */
#define COUNTERS_SANE (INT64_MAX / 8)

/*
 * The list is newest first, and buckets are cut one after the other from chunks of 256 KB
 * (runtime/malloc.go, persistentalloc), so that a page holds a dozen neighbours: it is read once.
 * A page is older than what comes later in the list, never than the head: buckets do not change
 * once they are listed, but for their counters.
 */
struct page {
	uint64_t addr; /* 0: empty */
	uint8_t data[PAGE];
};

/* Where inlined calls are looked up. */
struct executable {
	struct gobin *bin;
	uint64_t bias;
};

struct heap_walk {
	struct mem *mem;
	struct heap_profile_source src;
	struct executable exe;
	struct inlined *own_inlined;
	struct heap_profile profile;
	struct page *pages; /* PAGES of them, by number */
	bool has_begun;
	bool use_future; /* add what is not published yet */
	bool is_clear; /* no record has counted anything */
	uint64_t frames; /* taken */
	/* The place in the list, and how far it has come since the one it is compared with. */
	uint64_t next, seen, seen_for, stretch;
	size_t buckets;
	uint8_t bucket[BUCKET_MAX];
};

static void cleanup_walk(struct heap_walk **w)
{
	heap_walk_free(*w);
}

/* ---- reading ---- */

static int page_at(struct heap_walk *w, uint64_t addr, const struct page **ret)
{
	struct page *p = &w->pages[addr / PAGE % PAGES];
	int err;

	if (p->addr != addr) {
		p->addr = 0;
		err = mem_read(w->mem, addr, p->data, PAGE);
		if (err)
			return err;
		p->addr = addr;
	}
	*ret = p;
	return 0;
}

static int fetch(struct heap_walk *w, uint64_t addr, uint8_t *buf, size_t size)
{
	const struct page *p;
	size_t off, n;
	int err;

	for (; size; size -= n, addr += n, buf += n) {
		off = addr % PAGE;
		n = MIN(size, PAGE - off);
		err = page_at(w, addr - off, &p);
		if (err)
			return err;
		memcpy(buf, p->data + off, n);
	}
	return 0;
}

static uint64_t word(const uint8_t *data, size_t size, size_t off)
{
	struct bytes b = bytes_of(data, size);

	bytes_seek(&b, off);
	return bytes_u64(&b);
}

/* ---- one bucket ---- */

static bool offsets_ok(const struct offsets *o)
{
	const uint32_t header[] = { o->bkt_allnext, o->bkt_typ, o->bkt_objsize, o->bkt_nstk };
	const uint32_t record[] = { o->mrec_allocs, o->mrec_frees };
	const uint32_t optional[] = { o->mrec_alloc_bytes, o->mrec_free_bytes };

	if (o->bkt_size > STRUCT_MAX || o->bkt_size % 8 || o->mrec_size > STRUCT_MAX ||
	    o->mrec_future > o->mrec_size || (o->mrec_size - o->mrec_future) % CYCLES)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(header); i++)
		if (header[i] > o->bkt_size - 8)
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(record); i++)
		if (record[i] > o->mrec_future - 8)
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		if (optional[i] != OFFSET_NONE && optional[i] > o->mrec_future - 8)
			return false;
	return o->bkt_size >= 8 && o->mrec_future >= 8;
}

/* Adds a memRecordCycle; false if it makes no sense. */
static bool add_cycle(const struct offsets *o, const uint8_t *cycle, size_t size,
		      struct heap_record *r)
{
	int64_t allocs = (int64_t)word(cycle, size, o->mrec_allocs);
	int64_t frees = (int64_t)word(cycle, size, o->mrec_frees);
	int64_t alloc_bytes, free_bytes;

	if (allocs < 0 || frees < 0 || allocs > COUNTERS_SANE || frees > COUNTERS_SANE)
		return false;
	if (o->mrec_alloc_bytes != OFFSET_NONE && o->mrec_free_bytes != OFFSET_NONE) {
		alloc_bytes = (int64_t)word(cycle, size, o->mrec_alloc_bytes);
		free_bytes = (int64_t)word(cycle, size, o->mrec_free_bytes);
	} else if (__builtin_mul_overflow(allocs, r->size, &alloc_bytes) ||
		   __builtin_mul_overflow(frees, r->size, &free_bytes)) {
		return false; /* Go 1.27 on: all objects of a bucket have its size */
	}
	if (alloc_bytes < 0 || free_bytes < 0 || alloc_bytes > COUNTERS_SANE ||
	    free_bytes > COUNTERS_SANE)
		return false;
	r->allocs += allocs;
	r->frees += frees;
	r->alloc_bytes += alloc_bytes;
	r->free_bytes += free_bytes;
	return true;
}

static bool decode_record(const struct heap_walk *w, const uint8_t *record, struct heap_record *r)
{
	const struct offsets *o = w->src.offsets;
	size_t size = (o->mrec_size - o->mrec_future) / CYCLES;

	if (!add_cycle(o, record, o->mrec_future, r))
		return false;
	for (size_t i = 0; w->use_future && i < CYCLES; i++)
		if (!add_cycle(o, record + o->mrec_future + i * size, size, r))
			return false;
	return r->frees <= r->allocs;
}

static uint32_t intern(struct heap_walk *w, const uint8_t *words, uint32_t n)
{
	uint64_t pcs[BUCKETS_DEPTH_MAX];
	uint32_t kept;

	memcpy(pcs, words, n * sizeof(*pcs));
	if (w->src.inlined)
		n = inlined_fold(w->src.inlined, pcs, n);
	kept = MIN(n, (uint32_t)STACKS_DEPTH_MAX);
	return kept ? stacks_intern(w->profile.stacks, pcs, kept, kept < n) : STACKS_NONE;
}

/* Takes the bucket there.  -EFAULT, -EBADMSG: it is none; -ENOBUFS: the frames are too many. */
static int take_bucket(struct heap_walk *w, uint64_t addr, uint64_t *ret_next)
{
	const struct offsets *o = w->src.offsets;
	struct heap_record r = { 0 };
	uint8_t *body = w->bucket + o->bkt_size;
	uint64_t nstk;
	int err = fetch(w, addr, w->bucket, o->bkt_size);

	if (err)
		return err;
	nstk = word(w->bucket, o->bkt_size, o->bkt_nstk);
	r.size = word(w->bucket, o->bkt_size, o->bkt_objsize);
	if (word(w->bucket, o->bkt_size, o->bkt_typ) != MEM_PROFILE || nstk > BUCKETS_DEPTH_MAX ||
	    r.size > OBJECT_MAX)
		return -EBADMSG;
	w->frames += nstk;
	if (w->frames > BUCKETS_FRAMES_MAX)
		return -ENOBUFS;
	err = fetch(w, addr + o->bkt_size, body, nstk * 8 + o->mrec_size);
	if (err)
		return err;
	*ret_next = word(w->bucket, o->bkt_size, o->bkt_allnext);
	if (!decode_record(w, body + nstk * 8, &r)) {
		w->profile.bad++;
		return 0;
	}
	w->is_clear &= !r.allocs && !r.frees;
	r.stack = intern(w, body, (uint32_t)nstk);
	return vec_push(&w->profile.records, r);
}

/* ---- the list ---- */

/* Whether the list runs in a circle: as Brent does, one place is kept for ever longer stretches. */
static bool is_circle(struct heap_walk *w, uint64_t addr)
{
	if (addr == w->seen)
		return true;
	if (++w->seen_for > w->stretch) {
		w->seen = addr;
		w->seen_for = 0;
		w->stretch *= 2;
	}
	return false;
}

/*
 * Ends early, with what there is, at a bucket that is none and at the limits; -EBADMSG if there is
 * nothing then, or if the list runs in a circle.  -EAGAIN: the records asked for are read.
 */
static int walk_list(struct heap_walk *w, size_t records)
{
	int err = 0;

	while (w->next && !err) {
		if (!records--)
			return -EAGAIN;
		if (is_circle(w, w->next))
			return -EBADMSG;
		if (w->buckets++ == BUCKETS_MAX)
			err = -ENOBUFS;
		else
			err = mem_is_pointer(w->next) ? take_bucket(w, w->next, &w->next)
						      : -EBADMSG;
	}
	if (err != -EFAULT && err != -EBADMSG && err != -ENOBUFS)
		return err;
	if (err != -ENOBUFS) {
		w->profile.bad++;
		if (!w->profile.records.n)
			return -EBADMSG;
	}
	w->profile.is_partial = true;
	return 0;
}

static int begin_list(struct heap_walk *w)
{
	for (size_t i = 0; i < PAGES; i++)
		w->pages[i].addr = 0;
	w->profile.records.n = 0;
	w->profile.bad = 0;
	w->profile.is_partial = false;
	w->frames = 0;
	w->is_clear = true;
	w->seen = w->seen_for = 0;
	w->stretch = 1;
	w->buckets = 0;
	return mem_read_u64(w->mem, w->src.mbuckets, &w->next);
}

static int read_rate(struct mem *m, uint64_t addr, int64_t *ret)
{
	uint64_t rate = 0;
	int err = addr ? mem_read_u64(m, addr, &rate) : -ENOENT;

	if (err && err != -ENOENT && err != -EFAULT)
		return err;
	*ret = err ? -1 : MAX((int64_t)rate, INT64_C(0)); /* below 0 is off, too */
	return 0;
}

static int begin(struct heap_walk *w)
{
	int err = read_rate(w->mem, w->src.rate, &w->profile.rate);

	w->has_begun = true;
	return err ? err : begin_list(w);
}

int heap_walk_step(struct heap_walk *w, size_t records)
{
	const struct heap_profile *p = &w->profile;
	int err = w->has_begun ? 0 : begin(w);

	err = err ? err : walk_list(w, records);
	if (err)
		return err;
	/* As runtime.MemProfile(): before the first collection what is not published has to do. */
	if (w->is_clear && p->records.n && !w->use_future) {
		w->use_future = true;
		err = begin_list(w);
		return err ? err : -EAGAIN;
	}
	if (p->rate <= 0 && p->records.n <= (p->rate ? 0 : BOOT_RECORDS) && !p->is_partial)
		return -ENODATA;
	return 0;
}

void heap_walk_take(struct heap_walk *w, struct heap_profile *ret)
{
	*ret = w->profile;
	w->profile = (struct heap_profile){ 0 };
}

void heap_walk_free(struct heap_walk *w)
{
	if (!w)
		return;
	heap_profile_release(&w->profile);
	inlined_free(w->own_inlined);
	free(w->pages);
	free(w);
}

int heap_walk_new_source(struct mem *m, const struct heap_profile_source *src,
			 struct heap_walk **ret)
{
	_cleanup_(cleanup_walk) struct heap_walk *w = NULL;
	int err;

	if (!src->mbuckets || !src->offsets || !offsets_ok(src->offsets))
		return -ENOENT;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->mem = m;
	w->src = *src;
	w->pages = malloc(PAGES * sizeof(*w->pages));
	err = w->pages ? stacks_new(&w->profile.stacks) : -ENOMEM;
	if (!err)
		*ret = TAKE_PTR(w);
	return err;
}

static int frames(void *arg, uint64_t pc, struct goframe *ret, size_t max)
{
	const struct executable *e = arg;

	return gobin_frames(e->bin, pc - e->bias, true, ret, max);
}

static int func_at(void *arg, uint64_t pc, struct gofunc *ret)
{
	const struct executable *e = arg;
	char name[16];

	return gobin_func_at(e->bin, pc - e->bias, ret, name, sizeof(name));
}

int heap_walk_new(struct mem *m, struct gobin *bin, uint64_t bias, struct heap_walk **ret)
{
	_cleanup_(cleanup_walk) struct heap_walk *w = NULL;
	const struct globals *g = gobin_globals(bin);
	struct heap_profile_source src = { .offsets = gobin_offsets(bin, NULL) };
	int err;

	if (!g || !g->global[GLOBAL_MBUCKETS].va)
		return -ENOENT;
	src.mbuckets = g->global[GLOBAL_MBUCKETS].va + bias;
	if (g->global[GLOBAL_MEMPROFILERATE].va)
		src.rate = g->global[GLOBAL_MEMPROFILERATE].va + bias;
	err = heap_walk_new_source(m, &src, &w);
	if (err)
		return err;
	w->exe = (struct executable){ bin, bias };
	if (inlined_is_needed(&gobin_info(bin)->version))
		err = inlined_new(&(struct inlined_source){ frames, func_at, &w->exe },
				  &w->own_inlined);
	if (err)
		return err;
	w->src.inlined = w->own_inlined;
	*ret = TAKE_PTR(w);
	return 0;
}

static int walk_all(struct heap_walk *w, struct heap_profile *ret)
{
	int err;

	do {
		err = heap_walk_step(w, SIZE_MAX);
	} while (err == -EAGAIN);
	if (!err)
		heap_walk_take(w, ret);
	return err;
}

int heap_profile_source_read(struct mem *m, const struct heap_profile_source *src,
			     struct heap_profile *ret)
{
	_cleanup_(cleanup_walk) struct heap_walk *w = NULL;
	int err = heap_walk_new_source(m, src, &w);

	return err ? err : walk_all(w, ret);
}

int heap_profile_read(struct mem *m, struct gobin *bin, uint64_t bias, struct heap_profile *ret)
{
	_cleanup_(cleanup_walk) struct heap_walk *w = NULL;
	int err = heap_walk_new(m, bin, bias, &w);

	return err ? err : walk_all(w, ret);
}

void heap_profile_release(struct heap_profile *p)
{
	stacks_free(p->stacks);
	p->stacks = NULL;
	vec_release(&p->records);
}

static int64_t saturated(double v)
{
	if (v >= 9.2e18)
		return INT64_MAX;
	return v <= -9.2e18 ? INT64_MIN : (int64_t)v;
}

void heap_scale(int64_t count, int64_t bytes, int64_t rate, int64_t *ret_count, int64_t *ret_bytes)
{
	double scale;

	if (!count || !bytes) {
		*ret_count = 0;
		*ret_bytes = 0;
	} else if (rate <= 1) { /* all are sampled, or nobody knows how many */
		*ret_count = count;
		*ret_bytes = bytes;
	} else {
		scale = 1 / (1 - exp(-((double)bytes / (double)count) / (double)rate));
		*ret_count = saturated((double)count * scale);
		*ret_bytes = saturated((double)bytes * scale);
	}
}
