/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/cnames.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "gobin/cfunc.h"

bool cnames_is_go(const struct target *t, uint64_t pc)
{
	const struct moduledata *md = gobin_moduledata(t->bin);
	uint64_t va = pc - t->bias;

	return md && va >= md->text && va < md->etext;
}

bool cnames_is_return(struct objects *objects, uint64_t pc)
{
	struct object *o = objects_find(objects, pc - 1);
	uint8_t before[CFUNC_CALL_MAX];

	return o && !elf_read(o->elf, pc - o->bias - sizeof(before), before, sizeof(before)) &&
	       cfunc_is_after_call(before);
}

/* C's function around an address, and how far into it that is. */
static const struct csym *sym_at(struct object *o, uint64_t pc)
{
	const struct csyms *syms = object_syms(o);

	return syms ? csyms_at(syms, pc - o->bias) : NULL;
}

static int names_frames(void *arg, uint64_t pc, bool is_return, struct goframe *frames, size_t max)
{
	const struct cnames *n = arg;
	const struct csym *sym;
	struct object *o;

	if (cnames_is_go(n->target, pc))
		return gobin_frames(n->target->bin, pc - n->target->bias, is_return, frames, max);
	o = objects_find(n->objects, pc - is_return);
	if (!o || !max)
		return -ENOENT;
	sym = sym_at(o, pc - is_return);
	frames[0] = (struct goframe){ .line = 0 };
	text_scrub(frames[0].file, sizeof(frames[0].file), text_base_name(o->path),
		   strlen(text_base_name(o->path)));
	if (sym)
		text_scrub(frames[0].function, sizeof(frames[0].function), sym->name,
			   strnlen(sym->name, CSYM_NAME_MAX));
	else
		snprintf(frames[0].function, sizeof(frames[0].function), "%.200s+0x%" PRIx64,
			 frames[0].file, pc - is_return - o->bias);
	return 1;
}

static int names_func_at(void *arg, uint64_t pc, struct gofunc *ret)
{
	const struct cnames *n = arg;
	const struct csym *sym;
	struct object *o;
	int err;

	if (cnames_is_go(n->target, pc)) {
		err = gobin_func_at(n->target->bin, pc - n->target->bias, ret, NULL, 0);
		ret->va += n->target->bias;
		return err;
	}
	o = objects_find(n->objects, pc);
	sym = o ? sym_at(o, pc) : NULL;
	if (!sym)
		return -ENOENT;
	*ret = (struct gofunc){ .va = sym->va + o->bias, .size = sym->size };
	return 0;
}

static int names_start(void *arg, uint64_t va, char *name, size_t size)
{
	const struct cnames *n = arg;

	return gobin_start_function(n->target->bin, va - n->target->bias, name, size);
}

void cnames_source(struct cnames *n, struct symbols_source *ret)
{
	*ret = (struct symbols_source){ names_frames, names_func_at, names_start, n };
}
