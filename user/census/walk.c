/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define CHUNK	     MEM_BATCH_MAX
#define SPAN_MAX     1024 /* bytes from the first to the last field of a g; 170 in Go 1.27 */
#define NAMES_MAX    1024 /* start functions remembered; a power of two */
#define STRIDE_MAX   512 /* from one g to the next in a shared range; a g takes 480 bytes */
#define RANGE_MAX    16384
#define STATUS_SCAN  0x1000 /* _Gscan: the collector is looking at its stack */
#define ADDRESS_END  (UINT64_C(1) << 57) /* of user space, with five-level page tables */
#define HEADER_TRIES 3
/* A target that makes goroutines while we walk does not keep us for ever. */
#define CHUNKS_MAX (WALK_GOROUTINES_MAX / CHUNK + 64)

/* type slice of runtime/slice.go. */
struct header {
	uint64_t array, len, cap;
};

/* Where in the buffer a g's fields are, once range is read. */
struct place {
	const struct mem_range *range;
	const uint8_t *span;
};

struct known_start {
	uint64_t startpc; /* 0: empty */
	bool is_system;
};

struct bin_at {
	struct gobin *bin;
	uint64_t bias;
};

struct walk {
	struct mem *mem;
	struct walk_source src;
	struct bin_at at; /* src.arg, where the facts come from an executable */
	uint32_t span_start, span; /* of a g, what is read */
	struct header header;
	bool is_begun;
	uint64_t next; /* entry of allgs */
	unsigned int chunks;
	uint64_t dead;
	struct walk_result result;
	uint64_t pointers[CHUNK];
	struct mem_range ranges[CHUNK];
	struct place places[CHUNK];
	struct walk_goroutine found[CHUNK];
	size_t n_found;
	struct known_start known[NAMES_MAX];
	uint8_t buf[]; /* CHUNK times the larger of span and STRIDE_MAX */
};

enum verdict {
	G_LIVE,
	G_DEAD,
	G_ODD,
};

static void span_add(uint32_t *start, uint32_t *end, uint32_t offset, uint32_t size)
{
	if (offset == OFFSET_NONE)
		return;
	*start = MIN(*start, offset);
	*end = MAX(*end, offset + size);
}

/* The part of a g that holds every field the walk looks at.  -ENOENT if a needed one is unknown. */
static int span_of(const struct offsets *o, uint32_t *ret_start, uint32_t *ret_size)
{
	const uint32_t needed[] = { o->g_goid, o->g_gopc, o->g_startpc };
	uint32_t start = o->g_atomicstatus, end = start + 4;

	if (o->g_atomicstatus == OFFSET_NONE)
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (needed[i] == OFFSET_NONE)
			return -ENOENT;
		span_add(&start, &end, needed[i], 8);
	}
	span_add(&start, &end, o->g_parent_goid, 8);
	span_add(&start, &end, o->g_waitsince, 8);
	span_add(&start, &end, o->g_waitreason, 1);
	span_add(&start, &end, o->g_trackingseq, 1);
	if (end <= start || end - start > SPAN_MAX)
		return -ENOENT;
	*ret_start = start;
	*ret_size = end - start;
	return 0;
}

static uint64_t field(const struct walk *w, const uint8_t *span, uint32_t offset, size_t size)
{
	struct bytes b = bytes_of(span, w->span);

	if (offset == OFFSET_NONE)
		return 0;
	bytes_seek(&b, offset - w->span_start);
	switch (size) {
	case 1:
		return bytes_u8(&b);
	case 4:
		return bytes_u32(&b);
	default:
		return bytes_u64(&b);
	}
}

static bool is_system(struct walk *w, uint64_t startpc)
{
	struct known_start *k = &w->known[(startpc >> 5) % NAMES_MAX];

	if (!startpc)
		return false; /* an extra M's g, in a call from C */
	if (k->startpc != startpc) {
		k->startpc = startpc;
		k->is_system = w->src.is_system(startpc, w->src.arg);
	}
	return k->is_system;
}

static enum verdict judge_status(uint32_t status)
{
	switch (status) {
	case WALK_RUNNABLE:
	case WALK_RUNNING:
	case WALK_SYSCALL:
	case WALK_WAITING:
	case WALK_COPYSTACK:
	case WALK_PREEMPTED:
	case WALK_LEAKED:
		return G_LIVE;
	case WALK_IDLE:
	case WALK_DEAD:
	case WALK_DEAD_EXTRA:
		return G_DEAD;
	default:
		return G_ODD;
	}
}

static enum verdict decode(const struct walk *w, const uint8_t *span, struct walk_goroutine *ret)
{
	const struct offsets *o = w->src.offsets;
	uint32_t status = (uint32_t)field(w, span, o->g_atomicstatus, 4) & ~STATUS_SCAN;
	enum verdict v = judge_status(status);

	if (v != G_LIVE)
		return v;
	ret->goid = field(w, span, o->g_goid, 8);
	ret->gopc = field(w, span, o->g_gopc, 8);
	ret->startpc = field(w, span, o->g_startpc, 8);
	ret->parent_goid = field(w, span, o->g_parent_goid, 8);
	ret->status = status;
	ret->wait_reason = (uint8_t)field(w, span, o->g_waitreason, 1);
	ret->tracking_seq = (uint8_t)field(w, span, o->g_trackingseq, 1);
	ret->waitsince_ns = (int64_t)field(w, span, o->g_waitsince, 8);
	/* Between the status and the id of a newborn there is a moment (newproc1). */
	if (!ret->goid || ret->goid > INT64_MAX)
		return G_ODD;
	return ret->gopc >= ADDRESS_END || ret->startpc >= ADDRESS_END ? G_ODD : G_LIVE;
}

static bool is_pointer(uint64_t p)
{
	return p && !(p % 8) && p < ADDRESS_END;
}

static bool header_ok(const struct header *h)
{
	if (!h->len)
		return true;
	return is_pointer(h->array) && h->len <= h->cap && h->cap <= ADDRESS_END / 8;
}

/* The slice is written word by word as it grows: what makes no sense is read again. */
static int read_header(struct walk *w)
{
	for (unsigned int i = 0; i < HEADER_TRIES; i++) {
		int err = mem_read(w->mem, w->src.allgs, &w->header, sizeof(w->header));

		if (err)
			return err;
		if (header_ok(&w->header))
			return 0;
	}
	return -EBADMSG;
}

/* Pointers [i, i + n), of the array that the header names after they were read. */
static int read_pointers(struct walk *w, uint64_t i, size_t n)
{
	for (unsigned int tries = 0; tries < HEADER_TRIES; tries++) {
		struct header before = w->header;
		struct mem_range r[] = {
			{ .addr = before.array + i * 8, .size = n * 8, .buf = w->pointers },
			{ .addr = w->src.allgs, .size = sizeof(w->header), .buf = &w->header },
		};
		int err = mem_read_many(w->mem, r, ARRAY_SIZE(r));

		if (err)
			return err;
		if (!r[1].ok)
			return -EFAULT;
		if (r[0].ok && w->header.array == before.array && header_ok(&w->header))
			return 0;
		err = read_header(w);
		if (err)
			return err;
	}
	return -EBADMSG;
}

/* Leaves out what cannot point to a g.  Returns how many pointers are left. */
static size_t drop_bad_pointers(struct walk *w, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_pointer(w->pointers[i]))
			w->pointers[kept++] = w->pointers[i];
		else
			w->result.unread++;
	}
	return kept;
}

/*
 * What to read for pointers[0..n).  The kernel's work is per range, and gs that were born one after
 * the other mostly lie side by side: with merge they share a range.  Returns the number of ranges.
 */
static size_t plan_ranges(struct walk *w, size_t n, bool merge)
{
	struct mem_range *r = NULL;
	uint8_t *buf = w->buf;
	size_t n_ranges = 0;
	uint64_t last = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t p = w->pointers[i], addr = p + w->span_start;

		if (merge && r && p >= last && p - last <= STRIDE_MAX &&
		    addr - r->addr < RANGE_MAX) {
			r->size = addr + w->span - r->addr;
		} else {
			buf += r ? r->size : 0;
			r = &w->ranges[n_ranges++];
			*r = (struct mem_range){ .addr = addr, .size = w->span, .buf = buf };
		}
		w->places[i] = (struct place){ r, buf + (addr - r->addr) };
		last = p;
	}
	return n_ranges;
}

/*
 * Reads the gs at pointers[0..n) and decodes them.  Those to be read again are left in
 * pointers[0..*ret_odd): what makes no sense, and what shared a range that could not be read.
 */
static int read_gs(struct walk *w, size_t n, bool merge, size_t *ret_odd)
{
	size_t odd = 0;
	int err;

	n = drop_bad_pointers(w, n);
	err = mem_read_many(w->mem, w->ranges, plan_ranges(w, n, merge));
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		enum verdict v = G_ODD;

		if (w->places[i].range->ok) {
			v = decode(w, w->places[i].span, &w->found[w->n_found]);
		} else if (!merge) {
			w->result.unread++;
			continue;
		}
		if (v == G_LIVE)
			w->n_found++;
		else if (v == G_DEAD)
			w->dead++;
		else
			w->pointers[odd++] = w->pointers[i];
	}
	*ret_odd = odd;
	return 0;
}

static void give(struct walk *w, walk_fn *fn, void *arg)
{
	for (size_t i = 0; i < w->n_found; i++) {
		struct walk_goroutine *g = &w->found[i];

		g->is_system = is_system(w, g->startpc);
		w->result.live++;
		w->result.system += g->is_system;
		fn(g, arg);
	}
	w->n_found = 0;
}

static int walk_chunk(struct walk *w, uint64_t i, size_t n, walk_fn *fn, void *arg)
{
	size_t odd;
	int err = read_pointers(w, i, n);

	if (!err)
		err = read_gs(w, n, true, &odd);
	if (!err && odd)
		err = read_gs(w, odd, false, &odd);
	if (err)
		return err;
	w->result.torn += odd;
	if (w->result.torn + w->result.unread > w->result.live + w->n_found + w->dead)
		return -EBADMSG;
	give(w, fn, arg);
	return 0;
}

static bool is_at_limit(const struct walk *w)
{
	return w->next >= WALK_GOROUTINES_MAX || w->result.unread > WALK_UNREAD_MAX ||
	       w->chunks >= CHUNKS_MAX;
}

static int walk_on(struct walk *w, size_t entries, walk_fn *fn, void *arg)
{
	uint64_t stop = w->next + entries;
	int err = w->is_begun ? 0 : read_header(w);

	w->is_begun = true;
	/* len grows while we walk: the header is a new one after each chunk. */
	while (!err && w->next < w->header.len) {
		size_t n = (size_t)MIN(w->header.len - w->next, (uint64_t)CHUNK);

		if (is_at_limit(w)) {
			w->result.is_partial = true;
			return 0;
		}
		if (w->next >= stop)
			return -EAGAIN;
		w->chunks++;
		err = walk_chunk(w, w->next, n, fn, arg);
		w->next += n;
	}
	return err;
}

int walk_step(struct walk *w, size_t entries, walk_fn *fn, void *arg)
{
	int err = walk_on(w, entries, fn, arg);

	w->result.allgs = w->header.len;
	if (err != -ENOBUFS)
		return err;
	w->result.is_partial = true;
	return 0;
}

const struct walk_result *walk_so_far(const struct walk *w)
{
	return &w->result;
}

int walk_source_new(struct mem *m, const struct walk_source *src, struct walk **ret)
{
	struct walk *w;
	uint32_t start, span;
	int err = src->allgs ? span_of(src->offsets, &start, &span) : -ENOENT;

	if (err)
		return err;
	w = calloc(1, sizeof(*w) + (size_t)CHUNK * MAX(span, (uint32_t)STRIDE_MAX));
	if (!w)
		return -ENOMEM;
	w->mem = m;
	w->src = *src;
	w->span_start = start;
	w->span = span;
	*ret = w;
	return 0;
}

void walk_free(struct walk *w)
{
	free(w);
}

static int run_to_end(struct walk *w, walk_fn *fn, void *arg, struct walk_result *ret)
{
	int err = walk_step(w, SIZE_MAX / 2, fn, arg);

	if (!err)
		*ret = w->result;
	walk_free(w);
	return err;
}

int walk_source_run(struct mem *m, const struct walk_source *src, walk_fn *fn, void *arg,
		    struct walk_result *ret)
{
	struct walk *w = NULL;
	int err = walk_source_new(m, src, &w);

	return err ? err : run_to_end(w, fn, arg, ret);
}

bool walk_is_system_name(const char *name)
{
	/* runtime/traceback.go, isSystemGoroutine(), Go 1.15 to 1.27. */
	static const char *const programs_own[] = {
		"runtime.main",
		"runtime.handleAsyncEvent",
		"runtime.corostart",
	};

	if (strncmp(name, "runtime.", strlen("runtime.")))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(programs_own); i++)
		if (!strcmp(name, programs_own[i]))
			return false;
	return true;
}

static bool bin_is_system(uint64_t startpc, void *arg)
{
	const struct bin_at *at = arg;
	char name[GOFRAME_NAME_MAX];
	struct gofunc f;

	return !gobin_func_at(at->bin, startpc - at->bias, &f, name, sizeof(name)) &&
	       walk_is_system_name(name);
}

int walk_new(struct mem *m, struct gobin *bin, uint64_t bias, struct walk **ret)
{
	const struct globals *g = gobin_globals(bin);
	struct walk_source src = {
		.offsets = gobin_offsets(bin, NULL),
		.is_system = bin_is_system,
	};

	if (!src.offsets || !g || !g->global[GLOBAL_ALLGS].va)
		return -ENOENT;
	src.allgs = g->global[GLOBAL_ALLGS].va + bias;
	int err = walk_source_new(m, &src, ret);

	if (err)
		return err;
	(*ret)->at = (struct bin_at){ bin, bias };
	(*ret)->src.arg = &(*ret)->at;
	return 0;
}

int walk_goroutines(struct mem *m, struct gobin *bin, uint64_t bias, walk_fn *fn, void *arg,
		    struct walk_result *ret)
{
	struct walk *w = NULL;
	int err = walk_new(m, bin, bias, &w);

	return err ? err : run_to_end(w, fn, arg, ret);
}
