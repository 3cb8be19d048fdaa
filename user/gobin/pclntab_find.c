/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions by name.  The table has no index of names: one pass over the names finds the offsets
 * of those wanted, one pass over the functions finds who bears them.  The runtime's own functions,
 * which are asked for by the dozen, get an index on first use.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "gobin/pclntab_priv.h"

#define SCAN_BYTES (256UL * 1024)
/* Entries of the functab read at once: 64 KiB or more go around the page cache. */
#define FUNCTAB_CHUNK 8192
/* Two functions of one name are common (an ABI0 wrapper); offsets of one name are one or two. */
#define OFFSETS_PER_NAME 4
/*
 * Pages that one pass over the functions may read: enough for tables in order, where neighbours
 * share a page, and not enough for forged ones that send every lookup elsewhere.
 */
#define PASS_PAGES_MIN		4096
#define PASS_FUNCTIONS_PER_PAGE 16

/* The prefix of what is indexed, and how many names may have it; Go 1.27 has 1,435 functions. */
#define RUNTIME_PREFIX	  "runtime."
#define RUNTIME_NAMES_MAX (1UL << 16)

struct pass {
	struct pclntab *table;
	uint64_t at; /* index of the function being passed */
	bool (*fn)(struct pass *p, uint64_t func_va, const struct gofunc *f);
	void *arg;
	int err; /* set by fn, with true, to end with that error */
};

static bool pass_is_too_dear(const struct pclntab *t, uint64_t reads_before)
{
	return elf_page_reads(t->elf) - reads_before >
	       PASS_PAGES_MIN + t->functions / PASS_FUNCTIONS_PER_PAGE;
}

/* Calls p->fn for each function in the table's order. */
static int pass_chunk(struct pass *p, uint64_t first, uint64_t n, uint32_t *words)
{
	struct pclntab *t = p->table;
	bool is_narrow = t->version >= PCLNTAB_1_18;
	int err = 0;

	if (is_narrow)
		err = elf_read(t->elf, t->functab + first * 8, words, n * 8 + 4);
	for (uint64_t i = 0; i < n && !err; i++) {
		uint64_t start = 0, end = 0, func = 0, ignored;

		if (is_narrow) {
			start = t->text + words[2 * i];
			end = t->text + words[2 * i + 2];
			func = t->funcs + words[2 * i + 1];
		} else {
			err = pclntab_entry(t, first + i, &start, &func);
			if (!err)
				err = pclntab_entry(t, first + i + 1, &end, &ignored);
		}
		/* A pc out of order costs this function only. */
		if (err || end <= start)
			continue;
		p->at = first + i;
		if (p->fn(p, func, &(struct gofunc){ .va = start, .size = end - start }))
			return 1;
	}
	return err;
}

static int pass_run(struct pass *p)
{
	_cleanup_free_ uint32_t *words = reallocarray(NULL, FUNCTAB_CHUNK + 1, 8);
	uint64_t before = elf_page_reads(p->table->elf);

	if (!words)
		return -ENOMEM;
	for (uint64_t i = 0; i < p->table->functions; i += FUNCTAB_CHUNK) {
		int err = pass_chunk(p, i, MIN(p->table->functions - i, (uint64_t)FUNCTAB_CHUNK),
				     words);

		if (err)
			return err > 0 ? p->err : err;
		if (pass_is_too_dear(p->table, before))
			return -EBADMSG;
	}
	return 0;
}

/* ---- the table of names ---- */

/* One pass over the table of names, string by string. */
static int scan_names(struct pclntab *t,
		      int (*fn)(void *arg, uint64_t off, const char *name, size_t len), void *arg)
{
	_cleanup_free_ char *buf = malloc(SCAN_BYTES);
	uint64_t at = 0;
	bool is_tail = false; /* at lies inside a string that was too long for the buffer */

	if (!buf)
		return -ENOMEM;
	while (at < t->names_size) {
		size_t n = MIN(t->names_size - at, SCAN_BYTES);
		size_t pos = 0;
		int err = elf_read(t->elf, t->names + at, buf, n);

		if (err)
			return err;
		for (char *nul; (nul = memchr(buf + pos, '\0', n - pos));) {
			size_t len = (size_t)(nul - (buf + pos));

			err = is_tail ? 0 : fn(arg, at + pos, buf + pos, len);
			if (err)
				return err;
			is_tail = false;
			pos += len + 1;
		}
		is_tail = is_tail || !pos;
		at += pos ? pos : n;
	}
	return 0;
}

/* ---- names wanted ---- */

struct named {
	int32_t off;
	size_t index; /* into the names wanted */
};

struct wanted {
	const char *const *names;
	size_t n;
	size_t longest;
	bool lengths[PCLNTAB_NAME_MAX]; /* that some name has */
	struct gofunc *ret;
	VEC(struct named) found; /* by offset */
};

static int wanted_init(struct wanted *w)
{
	for (size_t i = 0; i < w->n; i++) {
		size_t len = strlen(w->names[i]);

		if (len >= PCLNTAB_NAME_MAX)
			return -EINVAL;
		w->lengths[len] = true;
		w->longest = MAX(w->longest, len);
	}
	return 0;
}

/* Index of the name, or n. */
static size_t wanted_index(const struct wanted *w, size_t from, const char *name, size_t len)
{
	if (len > w->longest || !w->lengths[len])
		return w->n;
	for (size_t i = from; i < w->n; i++) {
		if (!strncmp(w->names[i], name, len) && !w->names[i][len])
			return i;
	}
	return w->n;
}

static int wanted_take_name(void *arg, uint64_t off, const char *name, size_t len)
{
	struct wanted *w = arg;

	for (size_t i = wanted_index(w, 0, name, len); i < w->n;
	     i = wanted_index(w, i + 1, name, len)) {
		struct named found = { .off = (int32_t)off, .index = i };

		if (w->found.n == w->n * OFFSETS_PER_NAME)
			return 0;
		if (vec_push(&w->found, found))
			return -ENOMEM;
	}
	return 0;
}

static int named_order(const void *a, const void *b)
{
	int32_t x = ((const struct named *)a)->off, y = ((const struct named *)b)->off;

	return x < y ? -1 : x > y;
}

static void wanted_give(struct wanted *w, size_t index, const struct gofunc *f)
{
	if (f->size > w->ret[index].size)
		w->ret[index] = *f;
}

static bool wanted_by_offset(struct pass *p, uint64_t func_va, const struct gofunc *f)
{
	struct wanted *w = p->arg;
	size_t lo = 0, hi = w->found.n;
	int32_t off = 0;

	/* A record that cannot be read costs this function only. */
	if (pclntab_name_off(p->table, func_va, &off))
		return false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (w->found.items[mid].off < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < w->found.n && w->found.items[lo].off == off; lo++)
		wanted_give(w, w->found.items[lo].index, f);
	return false;
}

/* Up to 1.15 names lie among other things: read the name of each function. */
static bool wanted_by_name(struct pass *p, uint64_t func_va, const struct gofunc *f)
{
	struct wanted *w = p->arg;
	char name[PCLNTAB_NAME_MAX];
	int32_t off = 0;

	if (pclntab_name_off(p->table, func_va, &off) || off < 0)
		return false;
	int len = pclntab_string(p->table, p->table->names + (uint64_t)off, name, w->longest + 2);

	if (len < 0)
		return false;
	for (size_t i = wanted_index(w, 0, name, (size_t)len); i < w->n;
	     i = wanted_index(w, i + 1, name, (size_t)len))
		wanted_give(w, i, f);
	return false;
}

static int wanted_run(struct wanted *w, struct pclntab *t)
{
	struct pass p = { .table = t, .arg = w, .fn = wanted_by_name };
	int err = wanted_init(w);

	if (!err && t->names_size) {
		p.fn = wanted_by_offset;
		err = scan_names(t, wanted_take_name, w);
		if (err || !w->found.n)
			return err;
		qsort(w->found.items, w->found.n, sizeof(struct named), named_order);
	}
	return err ? err : pass_run(&p);
}

/* ---- names of the runtime ---- */

struct indexing {
	VEC(struct named) names; /* index: the hash; by offset, as they come */
};

static uint32_t hash_of(const char *s, size_t n)
{
	uint32_t h = 2166136261U; /* FNV-1a */

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 16777619U;
	return h;
}

static bool is_runtime(const char *name, size_t len)
{
	size_t n = strlen(RUNTIME_PREFIX);

	return len >= n && !memcmp(name, RUNTIME_PREFIX, n);
}

static int index_take_name(void *arg, uint64_t off, const char *name, size_t len)
{
	struct indexing *x = arg;
	struct named found = { .off = (int32_t)off, .index = hash_of(name, len) };

	if (!is_runtime(name, len))
		return 0;
	return x->names.n < RUNTIME_NAMES_MAX ? vec_push(&x->names, found) : -E2BIG;
}

static bool index_take_function(struct pass *p, uint64_t func_va, const struct gofunc *f)
{
	struct indexing *x = p->arg;
	struct named key = { 0 };
	const struct named *found;

	(void)f;
	if (!x->names.n || pclntab_name_off(p->table, func_va, &key.off))
		return false;
	found = bsearch(&key, x->names.items, x->names.n, sizeof(key), named_order);
	if (!found)
		return false;
	struct name_ref ref = { .hash = (uint32_t)found->index, .func = (uint32_t)p->at };

	p->err = p->table->runtime.n < RUNTIME_NAMES_MAX ? vec_push(&p->table->runtime, ref)
							 : -E2BIG;
	return p->err != 0;
}

static int ref_order(const void *a, const void *b)
{
	const struct name_ref *x = a, *y = b;

	return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1)
				  : (x->func > y->func) - (x->func < y->func);
}

static int index_runtime(struct pclntab *t)
{
	struct indexing x = { .names = { 0 } };
	struct pass p = { .table = t, .fn = index_take_function, .arg = &x };
	int err;

	if (t->has_runtime)
		return 0;
	vec_release(&t->runtime);
	err = scan_names(t, index_take_name, &x);
	if (!err)
		err = pass_run(&p);
	vec_release(&x.names);
	if (err)
		return err;
	if (t->runtime.n)
		qsort(t->runtime.items, t->runtime.n, sizeof(*t->runtime.items), ref_order);
	t->has_runtime = true;
	return 0;
}

/* Whether function i bears this name; its extent if so. */
static bool bears_name(struct pclntab *t, uint32_t i, const char *name, struct gofunc *ret)
{
	uint64_t start = 0, end = 0, func = 0, ignored;
	char found[PCLNTAB_NAME_MAX];
	int32_t off = 0;

	if (pclntab_entry(t, i, &start, &func) || pclntab_entry(t, i + 1, &end, &ignored) ||
	    end <= start || pclntab_name_off(t, func, &off) || off < 0 ||
	    pclntab_string(t, t->names + (uint64_t)off, found, sizeof(found)) < 0 ||
	    strcmp(found, name))
		return false;
	*ret = (struct gofunc){ .va = start, .size = end - start };
	return true;
}

static void find_indexed(struct pclntab *t, const char *name, struct gofunc *ret)
{
	const struct name_ref *refs = t->runtime.items;
	uint32_t hash = hash_of(name, strlen(name));
	size_t lo = 0, hi = t->runtime.n;
	struct gofunc f;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (refs[mid].hash < hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < t->runtime.n && refs[lo].hash == hash; lo++) {
		if (bears_name(t, refs[lo].func, name, &f) && f.size > ret->size)
			*ret = f;
	}
}

/* Whether the index answered; if it cannot be made, the passes still may. */
static bool find_all_indexed(struct pclntab *t, const char *const *names, size_t n,
			     struct gofunc *ret)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(names[i]);

		if (!is_runtime(names[i], len) || len >= PCLNTAB_NAME_MAX)
			return false;
	}
	if (!t->names_size || index_runtime(t))
		return false;
	for (size_t i = 0; i < n; i++)
		find_indexed(t, names[i], &ret[i]);
	return true;
}

/* ---- the questions ---- */

int pclntab_find_many(struct pclntab *t, const char *const *names, size_t n, struct gofunc *ret)
{
	_cleanup_free_ struct gofunc *found = calloc(n ? n : 1, sizeof(*found));
	struct wanted w = { .names = names, .n = n, .ret = found };
	int err = 0;

	if (!found)
		return -ENOMEM;
	if (!find_all_indexed(t, names, n, found))
		err = wanted_run(&w, t);
	vec_release(&w.found);
	if (err)
		return err;
	memcpy(ret, found, n * sizeof(*found));
	return 0;
}

int pclntab_find(struct pclntab *t, const char *name, struct gofunc *ret)
{
	struct gofunc f = { 0 };
	int err = pclntab_find_many(t, &name, 1, &f);

	if (err)
		return err;
	if (!f.va)
		return -ENOENT;
	*ret = f;
	return 0;
}

/* ---- names with a prefix ---- */

struct prefixed {
	const char *prefix;
	size_t len;
	bool (*fn)(const char *name, const struct gofunc *f, void *arg);
	void *arg;
};

static bool prefix_one(struct pass *p, uint64_t func_va, const struct gofunc *f)
{
	struct prefixed *x = p->arg;
	char raw[PCLNTAB_NAME_MAX], name[PCLNTAB_NAME_MAX];
	int32_t off = 0;

	if (pclntab_name_off(p->table, func_va, &off) || off < 0)
		return false;
	int len = pclntab_string(p->table, p->table->names + (uint64_t)off, raw, sizeof(raw));

	if (len < 0 || strncmp(raw, x->prefix, x->len))
		return false;
	(void)text_scrub(name, sizeof(name), raw, (size_t)len); /* never longer than raw */
	return x->fn(name, f, x->arg);
}

int pclntab_for_each(struct pclntab *t, const char *prefix,
		     bool (*fn)(const char *name, const struct gofunc *f, void *arg), void *arg)
{
	struct prefixed x = { .prefix = prefix, .len = strlen(prefix), .fn = fn, .arg = arg };
	struct pass p = { .table = t, .fn = prefix_one, .arg = &x };

	return pass_run(&p);
}
