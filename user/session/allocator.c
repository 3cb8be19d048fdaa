/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/allocator.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "census/linkmap.h"
#include "gobin/cfunc.h"

/*
 * All names under which allocators hand out memory and take it back.  C++'s operators are the
 * allocator's own functions in some (tcmalloc, jemalloc); in others they call malloc(), and are
 * not found in its object.  posix_memalign() comes first, since it wants the code that it shares
 * for itself (cfunc_opts).
 */
static const struct name {
	const char *name;
	enum wire_cgo_fn fn;
} names[] = {
	{ "posix_memalign", WIRE_CGO_POSIX_MEMALIGN },
	{ "malloc", WIRE_CGO_MALLOC },
	{ "calloc", WIRE_CGO_CALLOC },
	{ "realloc", WIRE_CGO_REALLOC },
	{ "free", WIRE_CGO_FREE },
	{ "reallocarray", WIRE_CGO_REALLOCARRAY },
	{ "aligned_alloc", WIRE_CGO_ALIGNED_ALLOC },
	{ "memalign", WIRE_CGO_MEMALIGN },
	{ "valloc", WIRE_CGO_VALLOC },
	{ "pvalloc", WIRE_CGO_PVALLOC },
	{ "cfree", WIRE_CGO_FREE },
	{ "free_sized", WIRE_CGO_FREE },
	{ "free_aligned_sized", WIRE_CGO_FREE },
	{ "_Znwm", WIRE_CGO_MALLOC },
	{ "_Znam", WIRE_CGO_MALLOC },
	{ "_ZdlPv", WIRE_CGO_FREE },
	{ "_ZdaPv", WIRE_CGO_FREE },
	{ "_ZdlPvm", WIRE_CGO_FREE },
	{ "_ZdaPvm", WIRE_CGO_FREE },
};

struct found {
	struct csym sym;
	enum wire_cgo_fn fn;
};

struct search {
	struct object *object;
	const struct csyms *syms;
	size_t n;
	struct found found[ARRAY_SIZE(names)];
	uint64_t entries[ARRAY_SIZE(names)];
};

/* ---- which object ---- */

static bool has_function(const struct csyms *syms, const char *name, bool is_static)
{
	const struct csym *s = csyms_find(syms, name);

	return s && (is_static || s->is_exported);
}

static bool is_allocator(struct object *o)
{
	const struct csyms *syms = object_syms(o);
	bool is_static = o->is_exe && elf_is_static(o->elf);

	return syms && has_function(syms, "malloc", is_static) &&
	       has_function(syms, "free", is_static);
}

static struct object *object_exe(struct objects *objects)
{
	for (size_t i = 0; i < objects_count(objects); i++) {
		if (objects_at(objects, i)->is_exe)
			return objects_at(objects, i);
	}
	return NULL;
}

/* The dynamic linker takes the first in the order of its list. */
static struct object *first_linked(struct objects *objects, const struct object *exe, struct mem *m)
{
	const struct elf_section *dynamic = elf_section(exe->elf, ".dynamic");
	uint64_t biases[LINKMAP_MAX];
	size_t n = 0;

	if (!dynamic || linkmap_read(m, dynamic->va + exe->bias, biases, LINKMAP_MAX, &n))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < objects_count(objects); k++) {
			struct object *o = objects_at(objects, k);

			if (o->bias == biases[i] && (!i || !o->is_exe) && is_allocator(o))
				return o;
		}
	}
	return NULL;
}

/* Where the list cannot be read, one that is alone is taken. */
static struct object *only_one(struct objects *objects)
{
	struct object *one = NULL;

	for (size_t i = 0; i < objects_count(objects); i++) {
		struct object *o = objects_at(objects, i);

		if (!is_allocator(o))
			continue;
		if (one)
			return NULL;
		one = o;
	}
	return one;
}

static int object_choose(struct objects *objects, struct mem *m, struct object **ret,
			 struct probe_error *e)
{
	struct object *exe = object_exe(objects), *o = NULL;

	if (exe && is_allocator(exe))
		o = exe;
	if (!o && exe)
		o = first_linked(objects, exe, m);
	if (!o)
		o = only_one(objects);
	if (o) {
		*ret = o;
		return 0;
	}
	if (exe && elf_is_static(exe->elf))
		snprintf(e->text, sizeof(e->text),
			 "the C allocator cannot be found: the program is linked statically and "
			 "has no symbols of malloc and free");
	else
		snprintf(e->text, sizeof(e->text),
			 "the C allocator cannot be found: no object that the program has loaded "
			 "exports malloc and free");
	return -ENOENT;
}

/* ---- its functions ---- */

static void take_function(struct search *s, const struct name *name)
{
	const struct csym *sym = csyms_find(s->syms, name->name);

	if (!sym || (!sym->is_exported && !elf_is_static(s->object->elf)))
		return;
	/* Two names of one function. */
	for (size_t i = 0; i < s->n; i++) {
		if (s->entries[i] == sym->va)
			return;
	}
	s->entries[s->n] = sym->va;
	s->found[s->n++] = (struct found){ .sym = *sym, .fn = name->fn };
}

static int place_add(struct allocator *a, uint64_t file_off, uint64_t cookie)
{
	if (a->n == CGO_PLACES_MAX)
		return -E2BIG;
	a->places[a->n++] = (struct cgo_place){ .file_off = file_off, .cookie = cookie };
	return 0;
}

static void name_add(struct allocator *a, const char *name)
{
	size_t n = strlen(a->functions);

	snprintf(a->functions + n, sizeof(a->functions) - n, "%s%s", n ? " " : "", name);
}

static int add_function(const struct search *s, const struct found *f, struct cfunc_exits *exits,
			struct allocator *a)
{
	const struct cfunc_opts opts = {
		.syms = s->syms,
		.stops = s->entries,
		.n_stops = s->n,
		.zeroes = f->fn == WIRE_CGO_CALLOC,
		.at_return = f->fn == WIRE_CGO_POSIX_MEMALIGN,
	};
	struct cfunc_entry entry;
	int err = cfunc_entry(s->object->elf, &f->sym, &entry);

	if (!err && f->fn != WIRE_CGO_FREE)
		err = cfunc_exits(s->object->elf, &f->sym, &opts, exits);
	if (!err)
		err = place_add(a, entry.file_off, WIRE_CGO_COOKIE(f->fn, entry.ret_off));
	if (err)
		return err;
	a->is_stepped[f->fn] |= !entry.is_emulated;
	name_add(a, f->sym.name);
	log_verbose("%s: entered at +%#" PRIx64 "%s", f->sym.name, entry.va - f->sym.va,
		    entry.is_emulated ? "" : ", stepped");
	return 0;
}

static int add_exits(const struct cfunc_exits *exits, struct allocator *a)
{
	unsigned int stepped = 0;
	int err = 0;

	for (size_t i = 0; i < exits->exits.n && !err; i++) {
		const struct cfunc_exit *x = &exits->exits.items[i];

		err = place_add(
			a, x->file_off,
			WIRE_CGO_COOKIE_EXIT(x->is_emulated ? WIRE_CGO_EXIT_EARLY : WIRE_CGO_EXIT,
					     x->ret_off, x->reg, x->add, x->cond));
		stepped += !x->is_emulated;
		log_debug("exit at %#" PRIx64 ": register %u%+d, condition %u, %u to the return",
			  x->va, x->reg, x->add, x->cond, x->ret_off);
	}
	log_verbose("%zu exits, %u of them stepped", exits->exits.n, stepped);
	a->unknown_exits = exits->unknown;
	return err;
}

/* Without malloc() and free() all is in vain; another that does not decode is done without. */
static int add_all(const struct search *s, struct allocator *a, struct probe_error *e)
{
	_cleanup_(cfunc_exits_release) struct cfunc_exits exits = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		const struct found *f = &s->found[i];
		int err = add_function(s, f, &exits, a);

		if (!err)
			continue;
		if (err == -ENOMEM || err == -ENOTSUP || f->fn == WIRE_CGO_FREE ||
		    f->fn == WIRE_CGO_MALLOC) {
			snprintf(e->text, sizeof(e->text), "no place to probe %s in %.150s: %s",
				 f->sym.name, s->object->path, strerror(-err));
			return err;
		}
		log_warn("no place to probe %s in %s: its blocks are not counted", f->sym.name,
			 s->object->path);
	}
	return add_exits(&exits, a);
}

int allocator_find(struct objects *objects, struct mem *m, struct allocator *ret,
		   struct probe_error *ret_error)
{
	struct search s = { 0 };
	int err = object_choose(objects, m, &s.object, ret_error);

	if (err)
		return err;
	s.syms = object_syms(s.object);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		take_function(&s, &names[i]);
	*ret = (struct allocator){ .object = s.object };
	return add_all(&s, ret, ret_error);
}
