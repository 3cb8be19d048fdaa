/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/plan.h"

/* Size of a pointer and of goid: every supported target is 64-bit. */
#define WORD 8

static bool loc_is_set(const struct wire_loc *l)
{
	return l->kind == WIRE_LOC_REG || l->kind == WIRE_LOC_STACK;
}

/* GC start and end are moments only; the others read something where they are. */
static bool hook_is_readable(enum wire_hook h, const struct code_site *s)
{
	switch (h) {
	case WIRE_HOOK_GC_START:
	case WIRE_HOOK_GC_END:
		return true;
	case WIRE_HOOK_PARK:
		return loc_is_set(&s->value) && loc_is_set(&s->g);
	case WIRE_HOOK_SPAN_ALLOC:
		return loc_is_set(&s->value) && loc_is_set(&s->pages) && loc_is_set(&s->type) &&
		       loc_is_set(&s->sizeclass);
	default:
		return loc_is_set(&s->value);
	}
}

void plan_hooks(const struct code_sites *sites, uint32_t mask, struct plan *ret)
{
	struct plan p = { 0 };

	for (enum wire_hook h = 0; h < WIRE_HOOK_MAX; h++) {
		const struct code_site *s = &sites->hook[h];

		if (!(mask & (1U << h)) || !s->is_found || !hook_is_readable(h, s))
			continue;
		p.hooks[p.n++] = (struct plan_hook){ .hook = h, .file_off = s->file_off };
	}
	*ret = p;
}

static bool field_fits(uint32_t off)
{
	return off == OFFSET_NONE || off < WIRE_NO_FIELD;
}

static uint16_t field_wire(uint32_t off)
{
	return off == OFFSET_NONE ? WIRE_NO_FIELD : (uint16_t)off;
}

/* What WIRE_TARGET_NEAR promises; see runtime2.go, type g. */
static bool g_is_near(const struct offsets *o)
{
	uint32_t gopc = o->g_gopc - o->g_goid;

	return o->g_gopc > o->g_goid && (gopc == 128 || gopc == 136 || gopc == 144) &&
	       o->g_startpc == o->g_gopc + 2 * WORD &&
	       (o->g_parent_goid == OFFSET_NONE || o->g_parent_goid == o->g_gopc - WORD) &&
	       o->g_waitreason == o->g_goid + 3 * WORD;
}

/* The register ABI came with Go 1.17 on amd64 (R14); arm64 has kept g in R28 always. */
static bool has_g_register(enum elf_machine machine, const struct goversion *v)
{
	return machine == ELF_MACHINE_ARM64 || v->major > 1 || v->minor >= 17;
}

int plan_target(const struct code_sites *sites, const struct offsets *o, enum elf_machine machine,
		const struct goversion *v, struct wire_target *ret)
{
	const uint32_t used[] = { o->g_goid, o->g_gopc,	      o->g_startpc,  o->g_parent_goid,
				  o->g_m,    o->g_waitreason, o->g_sched_bp, o->m_curg };
	struct wire_target t = {
		.g_goid = field_wire(o->g_goid),
		.g_gopc = field_wire(o->g_gopc),
		.g_startpc = field_wire(o->g_startpc),
		.g_parent_goid = field_wire(o->g_parent_goid),
		.g_waitreason = field_wire(o->g_waitreason),
		.g_m = field_wire(o->g_m),
		.g_sched_bp = field_wire(o->g_sched_bp),
		.m_curg = field_wire(o->m_curg),
		.park_g = sites->hook[WIRE_HOOK_PARK].g,
		.park_ret = sites->hook[WIRE_HOOK_PARK].ret_off,
	};

	for (size_t i = 0; i < ARRAY_SIZE(used); i++)
		if (!field_fits(used[i]))
			return -ENOTSUP;
	if (o->g_goid == OFFSET_NONE || o->g_gopc == OFFSET_NONE)
		return -ENOTSUP;
	for (enum wire_hook h = 0; h < WIRE_HOOK_BOOKED; h++)
		t.loc[h] = sites->hook[h].value;
	if (g_is_near(o))
		t.flags |= WIRE_TARGET_NEAR;
	if (has_g_register(machine, v))
		t.flags |= WIRE_TARGET_GREG;
	*ret = t;
	return 0;
}

void plan_spans(const struct code_sites *sites, struct wire_span_state *ret)
{
	const struct code_site *alloc = &sites->hook[WIRE_HOOK_SPAN_ALLOC];

	*ret = (struct wire_span_state){
		.base = alloc->value,
		.pages = alloc->pages,
		.type = alloc->type,
		.sizeclass = alloc->sizeclass,
		.free_base = sites->hook[WIRE_HOOK_SPAN_FREE].value,
	};
}
