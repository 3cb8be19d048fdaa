/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/walk.h"

#include <stdlib.h>
#include <string.h>

#include "census/greader.h"

#define CHUNK	     WALK_BATCH_MAX
#define NAMES_MAX    1024 /* start functions remembered; a power of two */
#define HEADER_TRIES 3
/* A target that makes goroutines while we walk does not keep us for ever. */
#define CHUNKS_MAX (WALK_GOROUTINES_MAX / CHUNK + 64)

/* type slice of runtime/slice.go. */
struct header {
	uint64_t array, len, cap;
};

struct known_start {
	uint64_t startpc; /* 0: empty */
	bool is_system;
};

struct walk {
	struct mem *mem;
	struct walk_source src;
	struct walk_bin at; /* src.arg, where the facts come from an executable */
	struct greader *reader;
	struct greader *own_reader; /* the same, or NULL */
	struct header header;
	bool is_begun;
	uint64_t next; /* entry of allgs */
	unsigned int chunks;
	uint64_t dead;
	struct walk_result result;
	uint64_t pointers[CHUNK];
	struct greader_slot slots[CHUNK];
	struct greader_slot *given[CHUNK];
	struct known_start known[NAMES_MAX];
};

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

static bool header_ok(const struct header *h)
{
	if (!h->len)
		return true;
	return mem_is_pointer(h->array) && h->len <= h->cap && h->cap <= MEM_ADDRESS_END / 8;
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

/* Takes note of what became of each; the live ones are left in given[0..*ret). */
static int judge(struct walk *w, size_t n, size_t *ret)
{
	struct walk_result *r = &w->result;
	size_t live = 0;

	for (size_t i = 0; i < n; i++) {
		struct greader_slot *s = &w->slots[i];

		if (s->verdict == GREADER_LIVE)
			w->given[live++] = s;
		else if (s->verdict == GREADER_DEAD)
			w->dead++;
		else if (s->verdict == GREADER_ODD)
			r->torn++;
		else
			r->unread++;
	}
	if (r->torn + r->unread > r->live + live + w->dead)
		return -EBADMSG;
	*ret = live;
	return 0;
}

static int give(struct walk *w, size_t n, walk_batch_fn *fn, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		struct walk_goroutine *g = &w->given[i]->g;

		g->is_system = is_system(w, g->startpc);
		w->result.live++;
		w->result.system += g->is_system;
	}
	return n ? fn(w->given, n, arg) : 0;
}

static int walk_chunk(struct walk *w, uint64_t i, size_t n, walk_batch_fn *fn, void *arg)
{
	size_t live;
	int err = read_pointers(w, i, n);

	if (err)
		return err;
	for (size_t k = 0; k < n; k++) {
		w->slots[k].addr = w->pointers[k];
		w->slots[k].index = i + k;
		w->given[k] = &w->slots[k];
	}
	err = greader_read(w->reader, w->mem, w->given, n);
	if (!err)
		err = judge(w, n, &live);
	return err ? err : give(w, live, fn, arg);
}

static bool is_at_limit(const struct walk *w)
{
	return w->next >= WALK_GOROUTINES_MAX || w->result.unread > WALK_UNREAD_MAX ||
	       w->chunks >= CHUNKS_MAX;
}

static int walk_on(struct walk *w, size_t entries, walk_batch_fn *fn, void *arg)
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

static int step(struct walk *w, size_t entries, walk_batch_fn *fn, void *arg)
{
	int err = walk_on(w, entries, fn, arg);

	w->result.allgs = w->header.len;
	if (err != -ENOBUFS)
		return err;
	w->result.is_partial = true;
	return 0;
}

/* Hands on one by one what comes in batches. */
struct one_by_one {
	walk_fn *fn;
	void *arg;
};

static int give_each(struct greader_slot *const *slots, size_t n, void *arg)
{
	const struct one_by_one *o = arg;

	for (size_t i = 0; i < n; i++)
		o->fn(&slots[i]->g, o->arg);
	return 0;
}

int walk_step(struct walk *w, size_t entries, walk_fn *fn, void *arg)
{
	struct one_by_one o = { fn, arg };

	return step(w, entries, give_each, &o);
}

const struct walk_result *walk_so_far(const struct walk *w)
{
	return &w->result;
}

/* reader NULL: one of its own. */
static int walk_make(struct mem *m, const struct walk_source *src, struct greader *reader,
		     struct walk **ret)
{
	struct walk *w;
	int err;

	if (!src->allgs)
		return -ENOENT;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	if (!reader) {
		err = greader_new(src->offsets, false, &w->own_reader);
		if (err) {
			walk_free(w);
			return err;
		}
	}
	w->mem = m;
	w->src = *src;
	w->reader = reader ? reader : w->own_reader;
	greader_bound_goids(w->reader, src->goidgen);
	greader_read_marks(w->reader, m, src->memstats);
	*ret = w;
	return 0;
}

int walk_source_new(struct mem *m, const struct walk_source *src, struct walk **ret)
{
	return walk_make(m, src, NULL, ret);
}

void walk_free(struct walk *w)
{
	if (!w)
		return;
	greader_free(w->own_reader);
	free(w);
}

static int run_to_end(struct walk *w, walk_batch_fn *fn, void *arg, struct walk_result *ret)
{
	int err = step(w, SIZE_MAX / 2, fn, arg);

	if (!err)
		*ret = w->result;
	walk_free(w);
	return err;
}

int walk_source_batches(struct mem *m, const struct walk_source *src, struct greader *reader,
			walk_batch_fn *fn, void *arg, struct walk_result *ret)
{
	struct walk *w = NULL;
	int err = walk_make(m, src, reader, &w);

	return err ? err : run_to_end(w, fn, arg, ret);
}

int walk_source_run(struct mem *m, const struct walk_source *src, walk_fn *fn, void *arg,
		    struct walk_result *ret)
{
	struct one_by_one o = { fn, arg };
	struct walk *w = NULL;
	int err = walk_make(m, src, NULL, &w);

	return err ? err : run_to_end(w, give_each, &o, ret);
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
	const struct walk_bin *at = arg;
	char name[GOFRAME_NAME_MAX];
	struct gofunc f;

	return !gobin_func_at(at->bin, startpc - at->bias, &f, name, sizeof(name)) &&
	       walk_is_system_name(name);
}

int walk_source_of(const struct walk_bin *at, struct walk_source *ret)
{
	const struct globals *g = gobin_globals(at->bin);
	const struct offsets *o = gobin_offsets(at->bin, NULL);
	uint64_t sched = g ? g->global[GLOBAL_SCHED].va : 0;

	if (!o || !g || !g->global[GLOBAL_ALLGS].va)
		return -ENOENT;
	*ret = (struct walk_source){
		.allgs = g->global[GLOBAL_ALLGS].va + at->bias,
		.offsets = o,
		.is_system = bin_is_system,
		.arg = (void *)at,
	};
	if (sched && o->sched_goidgen != OFFSET_NONE)
		ret->goidgen = sched + at->bias + o->sched_goidgen;
	if (g->global[GLOBAL_MEMSTATS].va)
		ret->memstats = g->global[GLOBAL_MEMSTATS].va + at->bias;
	return 0;
}

int walk_new(struct mem *m, struct gobin *bin, uint64_t bias, struct walk **ret)
{
	const struct walk_bin at = { bin, bias };
	struct walk_source src;
	int err = walk_source_of(&at, &src);

	if (!err)
		err = walk_make(m, &src, NULL, ret);
	if (err)
		return err;
	(*ret)->at = at;
	(*ret)->src.arg = &(*ret)->at;
	return 0;
}

int walk_goroutines(struct mem *m, struct gobin *bin, uint64_t bias, walk_fn *fn, void *arg,
		    struct walk_result *ret)
{
	struct one_by_one o = { fn, arg };
	struct walk *w = NULL;
	int err = walk_new(m, bin, bias, &w);

	return err ? err : run_to_end(w, give_each, &o, ret);
}
