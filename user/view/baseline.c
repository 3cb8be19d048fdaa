/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/baseline.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "profile.pb-c.h"
#include "view/profile.h"
#include "view/symbols.h"

/* Frames looked at in a whole file: a few bytes of it may stand for very many. */
#define STEPS_MAX (UINT64_C(1) << 27)

/* ---- memory with a budget: a parsed message may be far larger than its bytes ---- */

struct baseline_memory {
	uint64_t left;
	bool is_used_up;
};

static void *memory_take(void *arg, size_t size)
{
	struct baseline_memory *m = arg;

	/* The heap's own cost of a piece. */
	if (size + 16 > m->left) {
		m->is_used_up = true;
		return NULL;
	}
	m->left -= size + 16;
	return malloc(size);
}

static void memory_give(void *arg, void *p)
{
	(void)arg;
	free(p);
}

static ProtobufCAllocator allocator_of(struct baseline_memory *m)
{
	return (ProtobufCAllocator){ .alloc = memory_take,
				     .free = memory_give,
				     .allocator_data = m };
}

/* ---- the file's bytes ---- */

typedef VEC(uint8_t) byte_vec;

static int append(byte_vec *v, const uint8_t *data, size_t n)
{
	if (!n)
		return 0;
	if (v->n + n > BASELINE_BYTES_MAX)
		return -EFBIG;
	if (v->n + n > v->cap) {
		size_t cap = MAX(v->cap * 2, v->n + n);
		uint8_t *items = realloc(v->items, cap);

		if (!items)
			return -ENOMEM;
		v->items = items;
		v->cap = cap;
	}
	memcpy(v->items + v->n, data, n);
	v->n += n;
	return 0;
}

static int read_all(FILE *f, byte_vec *ret)
{
	uint8_t buf[16384];
	size_t n;
	int err = 0;

	while (!err && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		err = append(ret, buf, n);
	if (!err && ferror(f))
		err = errno ? -errno : -EIO;
	return err;
}

static int gunzip(const byte_vec *in, byte_vec *out)
{
	z_stream z = { .next_in = in->items, .avail_in = (unsigned int)in->n };
	uint8_t buf[32768];
	int err = 0, zerr = Z_OK;

	if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
		return -ENOMEM;
	while (!err && zerr == Z_OK) {
		z.next_out = buf;
		z.avail_out = sizeof(buf);
		zerr = inflate(&z, Z_NO_FLUSH);
		if (zerr == Z_OK || zerr == Z_STREAM_END)
			err = append(out, buf, sizeof(buf) - z.avail_out);
	}
	(void)inflateEnd(&z); /* nothing that it could still say matters */
	return err ? err : zerr == Z_STREAM_END ? 0 : -EBADMSG;
}

static bool is_gzip(const byte_vec *v)
{
	return v->n > 2 && v->items[0] == 0x1f && v->items[1] == 0x8b;
}

/* A profile may be gzipped or not, as `go tool pprof` takes both. */
static int unpack(FILE *f, struct baseline_memory *memory, Pprof__Profile **ret)
{
	ProtobufCAllocator allocator = allocator_of(memory);
	byte_vec file = { 0 }, plain = { 0 };
	int err = read_all(f, &file);

	if (!err && is_gzip(&file)) {
		err = gunzip(&file, &plain);
		vec_release(&file);
		file = plain;
	}
	if (!err) {
		*ret = pprof__profile__unpack(&allocator, file.n, file.items);
		if (!*ret)
			err = memory->is_used_up ? -EFBIG : -EBADMSG;
	}
	vec_release(&file);
	return err;
}

/* ---- what refers to what ---- */

/* Locations and functions by id; ids are the file's own choice. */
struct ref {
	uint64_t id;
	const void *what;
	UT_hash_handle hh;
};

struct index {
	const Pprof__Profile *p;
	struct ref *locations, *functions;
	uint64_t steps;
};

static int ref_add(struct ref **refs, uint64_t id, const void *what)
{
	struct ref *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->id = id;
	r->what = what;
	HASH_ADD(hh, *refs, id, sizeof(r->id), r);
	return 0;
}

static const void *ref_get(struct ref *refs, uint64_t id)
{
	struct ref *r = NULL;

	HASH_FIND(hh, refs, &id, sizeof(id), r);
	return r ? r->what : NULL;
}

static void refs_free(struct ref *refs)
{
	struct ref *r, *next;

	HASH_ITER (hh, refs, r, next) {
		HASH_DEL(refs, r);
		free(r);
	}
}

static int index_make(const Pprof__Profile *p, struct index *ret)
{
	int err = 0;

	*ret = (struct index){ .p = p };
	for (size_t i = 0; !err && i < p->n_location; i++)
		err = ref_add(&ret->locations, p->location[i]->id, p->location[i]);
	for (size_t i = 0; !err && i < p->n_function; i++)
		err = ref_add(&ret->functions, p->function[i]->id, p->function[i]);
	return err;
}

static void index_release(struct index *x)
{
	refs_free(x->locations);
	refs_free(x->functions);
}

static const char *text_at(const Pprof__Profile *p, int64_t i)
{
	return i >= 0 && (uint64_t)i < p->n_string_table ? p->string_table[i] : "";
}

/* Whether an allocation may be said to be made there. */
typedef bool is_site_fn(const char *function);

static bool is_own(const char *function)
{
	return !symbols_is_runtime(function);
}

static bool is_no_allocator(const char *function)
{
	return !symbols_is_allocator(function);
}

static bool take_line(struct index *x, const Pprof__Line *line, is_site_fn *is_site,
		      struct baseline_site *site)
{
	const Pprof__Function *f = ref_get(x->functions, line->function_id);
	const char *name = f ? text_at(x->p, f->name) : "";

	if (!*name || !is_site(name))
		return false;
	site->function = name;
	site->file = text_at(x->p, f->filename);
	site->line = line->line > 0 && line->line <= UINT32_MAX ? (uint32_t)line->line : 0;
	return true;
}

static bool take_place(struct index *x, const Pprof__Sample *s, is_site_fn *is_site,
		       struct baseline_site *site)
{
	for (size_t i = 0; i < s->n_location_id && x->steps++ < STEPS_MAX; i++) {
		const Pprof__Location *l = ref_get(x->locations, s->location_id[i]);

		for (size_t k = 0; l && k < l->n_line && x->steps++ < STEPS_MAX; k++) {
			if (take_line(x, l->line[k], is_site, site))
				return true;
		}
	}
	return false;
}

/* ---- the samples ---- */

/* Which of a sample's values are those; -ENODATA. */
static int find_types(const Pprof__Profile *p, const char *const *types, size_t *at)
{
	for (size_t t = 0; t < BASELINE_VALUES; t++) {
		for (at[t] = 0; at[t] < p->n_sample_type; at[t]++) {
			if (!strcmp(text_at(p, p->sample_type[at[t]]->type), types[t]))
				break;
		}
		if (at[t] == p->n_sample_type)
			return -ENODATA;
	}
	return 0;
}

static int take_samples(struct index *x, const size_t *at, struct baseline *b)
{
	int err = 0;

	for (size_t i = 0; !err && i < x->p->n_sample; i++) {
		const Pprof__Sample *s = x->p->sample[i];
		struct baseline_site site = { .function = PROFILE_UNKNOWN, .file = "" };

		if (s->n_value != x->p->n_sample_type) {
			b->bad++;
			continue;
		}
		if (!take_place(x, s, is_own, &site))
			(void)take_place(x, s, is_no_allocator, &site); /* else it stays unknown */
		for (size_t t = 0; t < BASELINE_VALUES; t++)
			site.values[t] = s->value[at[t]];
		err = x->steps >= STEPS_MAX ? -EFBIG : vec_push(&b->sites, site);
	}
	return err;
}

/* The first mapping is the program itself (google/pprof, proto/profile.proto). */
static void take_program(const Pprof__Profile *p, struct baseline *b)
{
	b->exe = p->n_mapping ? text_at(p, p->mapping[0]->filename) : "";
	b->build_id = p->n_mapping ? text_at(p, p->mapping[0]->build_id) : "";
}

int baseline_read(FILE *f, const char *const types[static BASELINE_VALUES], struct baseline *ret)
{
	_cleanup_(baseline_release) struct baseline b = { 0 };
	struct index x = { 0 };
	Pprof__Profile *p = NULL;
	size_t at[BASELINE_VALUES];
	int err;

	b.memory = calloc(1, sizeof(*b.memory));
	if (!b.memory)
		return -ENOMEM;
	b.memory->left = BASELINE_MEMORY_MAX;
	err = unpack(f, b.memory, &p);
	if (err)
		return err;
	b.message = p;
	b.time_ns = p->time_nanos;
	take_program(p, &b);
	err = find_types(p, types, at);
	if (!err)
		err = index_make(p, &x);
	if (!err)
		err = take_samples(&x, at, &b);
	index_release(&x);
	if (err)
		return err;
	*ret = b;
	b = (struct baseline){ 0 };
	return 0;
}

void baseline_release(struct baseline *b)
{
	if (b->message) {
		ProtobufCAllocator allocator = allocator_of(b->memory);

		pprof__profile__free_unpacked(b->message, &allocator);
	}
	b->message = NULL;
	free(b->memory);
	b->memory = NULL;
	vec_release(&b->sites);
}

bool baseline_is_other(const struct baseline *b, const char *exe, const char *build_id)
{
	if (b->build_id && *b->build_id && build_id && *build_id)
		return strcmp(b->build_id, build_id) != 0;
	if (!b->exe || !*b->exe || !exe || !*exe)
		return false;
	return strcmp(text_base_name(b->exe), text_base_name(exe)) != 0;
}
