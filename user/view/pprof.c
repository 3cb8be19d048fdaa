/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pprof's format: profile.proto, gzipped.  A protobuf message may be given in pieces that are put
 * one after the other, so each sample, place and string is packed on its own and goes straight
 * into the compressor; only the tables of numbers already given stay in memory.
 */
#include <string.h>
#include <uthash.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "profile.pb-c.h"
#include "view/profile.h"

/* Fits any sample of this project's stacks; a longer one loses its outermost frames. */
#define LOCATIONS_MAX 256
#define LINES_MAX     128
#define MAPPING_ID    1

/* Numbers by key; strings by their text, the others by what makes them one. */
struct entry {
	uint64_t id;
	UT_hash_handle hh;
	uint64_t key[2];
	char text[];
};

struct table {
	struct entry *entries;
	struct entry *last; /* found or made */
};

struct writer {
	ProtobufCBuffer buffer; /* first: append() gets a pointer to it */
	const struct profile *p;
	struct symbols *symbols;
	struct table strings, functions, locations;
	FILE *f;
	z_stream z;
	int err; /* of the stream or of memory: the first one */
	uint8_t out[32768];
};

static void fail(struct writer *w, int err)
{
	if (!w->err)
		w->err = err;
}

/* ---- the compressed stream ---- */

static void put(struct writer *w, const uint8_t *data, size_t n, int flush)
{
	int z;

	w->z.next_in = (uint8_t *)data;
	w->z.avail_in = (unsigned int)n;
	do {
		w->z.next_out = w->out;
		w->z.avail_out = sizeof(w->out);
		z = deflate(&w->z, flush);

		size_t have = sizeof(w->out) - w->z.avail_out;

		if (have && fwrite(w->out, 1, have, w->f) != have)
			fail(w, errno ? -errno : -EIO);
		if (z == Z_STREAM_ERROR)
			fail(w, -EINVAL);
	} while (!w->err && (w->z.avail_in || (flush == Z_FINISH && z != Z_STREAM_END)));
}

static void append(ProtobufCBuffer *buffer, size_t len, const uint8_t *data)
{
	struct writer *w = (struct writer *)buffer;

	if (!w->err)
		put(w, data, len, Z_NO_FLUSH);
}

static void put_piece(struct writer *w, const Pprof__Profile *piece)
{
	(void)protobuf_c_message_pack_to_buffer(&piece->base, &w->buffer);
}

static int stream_open(struct writer *w, FILE *f)
{
	/* 16: with gzip's header, in which zlib puts no name and no time. */
	int z = deflateInit2(&w->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8,
			     Z_DEFAULT_STRATEGY);

	w->f = f;
	w->buffer.append = append;
	return z == Z_OK ? 0 : -ENOMEM;
}

/* ---- tables ---- */

/* True if it is new: then its number is the next. */
static bool table_add(struct writer *w, struct table *t, const void *key, size_t n, bool is_text)
{
	struct entry *e = NULL;

	HASH_FIND(hh, t->entries, key, n, e);
	t->last = e;
	if (e)
		return false;
	e = calloc(1, sizeof(*e) + (is_text ? n + 1 : 0));
	if (!e) {
		fail(w, -ENOMEM);
		return false;
	}
	memcpy(is_text ? e->text : (void *)e->key, key, n);
	e->id = HASH_COUNT(t->entries) + 1;
	HASH_ADD_KEYPTR(hh, t->entries, is_text ? e->text : (void *)e->key, n, e);
	t->last = e;
	return true;
}

static void table_release(struct table *t)
{
	struct entry *e, *next;

	HASH_ITER (hh, t->entries, e, next) {
		HASH_DEL(t->entries, e);
		free(e);
	}
}

static uint64_t table_id(const struct table *t)
{
	return t->last ? t->last->id : 0;
}

/* The number of a text that is fit to be shown; NULL is "", number 0. */
static int64_t string_id(struct writer *w, const char *text)
{
	const char *clean = text ? symbols_text(w->symbols, text) : "";

	if (!clean)
		fail(w, -ENOMEM);
	if (!clean || !*clean)
		return 0;
	if (table_add(w, &w->strings, clean, strlen(clean), true)) {
		Pprof__Profile piece = PPROF__PROFILE__INIT;
		char *strings[] = { w->strings.last->text };

		piece.n_string_table = 1;
		piece.string_table = strings;
		put_piece(w, &piece);
	}
	return (int64_t)table_id(&w->strings);
}

static uint64_t function_id(struct writer *w, const char *name, const char *file)
{
	const int64_t key[2] = { string_id(w, name), string_id(w, file) };

	if (table_add(w, &w->functions, key, sizeof(key), false)) {
		Pprof__Profile piece = PPROF__PROFILE__INIT;
		Pprof__Function f = PPROF__FUNCTION__INIT, *functions[] = { &f };

		f.id = table_id(&w->functions);
		f.name = f.system_name = key[0];
		f.filename = key[1];
		piece.n_function = 1;
		piece.function = functions;
		put_piece(w, &piece);
	}
	return table_id(&w->functions);
}

static void put_location(struct writer *w, uint64_t addr, Pprof__Line **lines, size_t n)
{
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	Pprof__Location l = PPROF__LOCATION__INIT, *locations[] = { &l };

	l.id = table_id(&w->locations);
	l.mapping_id = addr >= w->p->map_start && addr < w->p->map_end ? MAPPING_ID : 0;
	l.address = addr;
	l.n_line = n;
	l.line = lines;
	piece.n_location = 1;
	piece.location = locations;
	put_piece(w, &piece);
}

/* A place that is no address: what stands above a stack. */
static uint64_t location_of_text(struct writer *w, const char *text)
{
	uint64_t function = function_id(w, text, "");
	const uint64_t key[2] = { 0, function };

	if (table_add(w, &w->locations, key, sizeof(key), false)) {
		Pprof__Line line = PPROF__LINE__INIT, *lines[] = { &line };

		line.function_id = function;
		put_location(w, 0, lines, 1);
	}
	return table_id(&w->locations);
}

/* 0 if nothing of it is for people. */
static uint64_t location_of(struct writer *w, const struct symbol *s)
{
	Pprof__Line line[LINES_MAX], *lines[LINES_MAX];
	const uint64_t key[2] = { s->addr, 0 };
	size_t n = 0;

	for (uint32_t i = 0; i < s->n && n < LINES_MAX; i++) {
		const struct symbol_frame *f = &s->frames[i];

		if (!profile_is_shown(f))
			continue;
		pprof__line__init(&line[n]);
		line[n].function_id = function_id(w, f->function, f->file);
		line[n].line = f->line;
		lines[n] = &line[n];
		n++;
	}
	if (s->n && !n)
		return 0;
	if (table_add(w, &w->locations, key, sizeof(key), false))
		put_location(w, s->addr, lines, n);
	return table_id(&w->locations);
}

/* ---- the profile ---- */

static size_t put_labels(struct writer *w, const struct profile_sample *s, Pprof__Label *label)
{
	size_t n = 0;

	if (s->label) {
		pprof__label__init(&label[n]);
		label[n].key = string_id(w, s->label_key);
		label[n++].str = string_id(w, s->label);
	}
	if (s->num_label) {
		pprof__label__init(&label[n]);
		label[n].key = string_id(w, "bytes");
		label[n++].num = s->num_label;
	}
	return n;
}

static size_t take_locations(struct writer *w, const struct profile_sample *s, uint64_t *ids)
{
	size_t n = 0;

	for (uint32_t i = 0; i < s->n && n < LOCATIONS_MAX - 2; i++) {
		ids[n] = location_of(w, symbols_at(w->symbols, s->pcs[i], !i && s->first_is_exact));
		n += ids[n] != 0;
	}
	if (s->is_cut || s->n > LOCATIONS_MAX - 2)
		ids[n++] = location_of_text(w, PROFILE_CUT);
	if (s->root)
		ids[n++] = location_of_text(w, s->root);
	return n;
}

static void put_sample(struct writer *w, const struct profile_sample *s)
{
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	Pprof__Sample sample = PPROF__SAMPLE__INIT, *samples[] = { &sample };
	Pprof__Label label[2], *labels[2] = { &label[0], &label[1] };
	uint64_t ids[LOCATIONS_MAX];
	int64_t values[PROFILE_VALUES_MAX];

	memcpy(values, s->values, sizeof(values));
	sample.n_location_id = take_locations(w, s, ids);
	sample.location_id = ids;
	sample.n_value = w->p->n_types;
	sample.value = values;
	sample.n_label = put_labels(w, s, label);
	sample.label = labels;
	piece.n_sample = 1;
	piece.sample = samples;
	put_piece(w, &piece);
}

static Pprof__ValueType value_type(struct writer *w, const struct profile_type *t)
{
	Pprof__ValueType v = PPROF__VALUE_TYPE__INIT;

	v.type = string_id(w, t->type);
	v.unit = string_id(w, t->unit);
	return v;
}

static void put_head(struct writer *w)
{
	const struct profile *p = w->p;
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	Pprof__ValueType types[PROFILE_VALUES_MAX], *type[PROFILE_VALUES_MAX];
	Pprof__ValueType period = value_type(w, &p->period_type);
	int64_t comment = string_id(w, p->comment);

	for (unsigned int i = 0; i < p->n_types; i++) {
		types[i] = value_type(w, &p->types[i]);
		type[i] = &types[i];
	}
	piece.n_sample_type = p->n_types;
	piece.sample_type = type;
	piece.default_sample_type = string_id(w, p->types[p->shown].type);
	piece.period_type = &period;
	piece.period = p->period;
	piece.time_nanos = p->time_ns;
	piece.duration_nanos = p->duration_ns;
	piece.n_comment = comment != 0;
	piece.comment = &comment;
	put_piece(w, &piece);
}

static void put_mapping(struct writer *w)
{
	const struct profile *p = w->p;
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	Pprof__Mapping m = PPROF__MAPPING__INIT, *mappings[] = { &m };

	m.id = MAPPING_ID;
	m.memory_start = p->map_start;
	m.memory_limit = p->map_end;
	m.file_offset = p->map_offset;
	m.filename = string_id(w, p->exe);
	m.build_id = string_id(w, p->build_id);
	m.has_functions = m.has_filenames = m.has_line_numbers = m.has_inline_frames = true;
	piece.n_mapping = 1;
	piece.mapping = mappings;
	put_piece(w, &piece);
}

static void put_all(struct writer *w)
{
	/* The first string is the empty one; packed by hand, since it is no string to the packer.
	 */
	static const uint8_t empty_string[] = { 6 << 3 | 2, 0 };

	append(&w->buffer, sizeof(empty_string), empty_string);
	put_head(w);
	if (w->p->map_end)
		put_mapping(w);
	vec_for_each (&w->p->samples, s) {
		if (w->err)
			break;
		put_sample(w, s);
	}
	if (!w->err)
		put(w, NULL, 0, Z_FINISH);
}

int profile_write_pprof(const struct profile *p, FILE *f)
{
	_cleanup_free_ struct writer *w = calloc(1, sizeof(*w));
	struct symbols *own = NULL;
	int err = w ? 0 : -ENOMEM;

	if (!err && !p->symbols)
		err = symbols_new(p->bin, p->bias, &own);
	if (!err)
		err = stream_open(w, f);
	if (!err) {
		w->p = p;
		w->symbols = own ? own : p->symbols;
		put_all(w);
		(void)deflateEnd(&w->z); /* says only that an unfinished stream was dropped */
		table_release(&w->strings);
		table_release(&w->functions);
		table_release(&w->locations);
		err = w->err;
	}
	symbols_free(own);
	return err;
}
