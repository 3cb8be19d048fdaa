/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/glayout.h"

#include "base/cleanup.h"
#include "gobin/asm.h"
#include "gobin/flow.h"

/* Values followed through newproc1(fn, callergp, callerpc, ...) (runtime/proc.go). */
#define TAG_FN	     (1 << 0)
#define TAG_CALLERGP (1 << 1)
#define TAG_CALLERPC (1 << 2)
#define TAG_STARTPC  (1 << 3) /* fn.fn */
#define TAG_PARENT   (1 << 4) /* callergp.goid */
#define TAG_GOID     (1 << 5) /* pp.goidcache */
/* And through gopark. */
#define TAG_REASON (1 << 6)
/* And through resetLive(c, bytesMarked) (runtime/mgcpacer.go). */
#define TAG_MARKED (1 << 7)

struct check {
	const struct offsets *o;
	unsigned int seen;
};

static uint16_t load_newproc1(const struct flow_access *a, void *arg)
{
	const struct check *c = arg;

	if (a->size != 8)
		return 0;
	if (a->base & TAG_FN && a->disp == 0)
		return TAG_STARTPC;
	if (a->base & TAG_CALLERGP && a->disp == c->o->g_goid)
		return TAG_PARENT;
	return a->disp == c->o->p_goidcache ? TAG_GOID : 0;
}

static void store_seen(const struct flow_access *a, void *arg)
{
	struct check *c = arg;
	const struct {
		unsigned int tag, fact;
		uint32_t off;
		uint8_t size;
	} stores[] = {
		{ TAG_CALLERPC, GLAYOUT_GOPC, c->o->g_gopc, 8 },
		{ TAG_STARTPC, GLAYOUT_STARTPC, c->o->g_startpc, 8 },
		{ TAG_GOID, GLAYOUT_GOID, c->o->g_goid, 8 },
		{ TAG_PARENT, GLAYOUT_PARENT_GOID, c->o->g_parent_goid, 8 },
		{ TAG_REASON, GLAYOUT_WAITREASON, c->o->g_waitreason, 1 },
		{ TAG_MARKED, GLAYOUT_HEAPMARKED, c->o->gcc_heapmarked, 8 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		if (a->value & stores[i].tag && a->size == stores[i].size &&
		    a->disp == stores[i].off)
			c->seen |= stores[i].fact;
	}
}

/* Runs the data flow over one function and looks at what it stores. */
static int check_stores(struct elf *e, const struct gofunc *g, const struct glayout_code *code,
			const struct flow_state *entry, struct check *c)
{
	_cleanup_(asm_release) struct asm_func f = { 0 };
	_cleanup_(flow_release) struct flow fl = {
		.func = &f,
		.is_register_abi = code->is_register_abi,
		.keepers = code->barriers,
		.n_keepers = code->n_barriers,
		.narrow = TAG_REASON,
		.load = load_newproc1,
		.arg = c,
	};
	int err = asm_read(e, g, &f);

	if (err)
		return err;
	err = flow_run(&fl, entry);
	if (err)
		return err;
	flow_for_each_store(&fl, store_seen, c);
	return 0;
}

int glayout_check(struct elf *e, const struct glayout_code *code, const struct offsets *o,
		  struct glayout *ret)
{
	bool is_register_abi = code->is_register_abi;
	struct flow_state newproc1_entry = { 0 }, gopark_entry = { 0 }, reset_entry = { 0 };
	struct check c = { .o = o };
	int err;

	/* The stack ABI's newproc1(fn, argp, narg, callergp, callerpc) of Go 1.16 and before. */
	flow_tag_arg(&newproc1_entry, is_register_abi, 0, TAG_FN);
	flow_tag_arg(&newproc1_entry, is_register_abi, is_register_abi ? 1 : 3, TAG_CALLERGP);
	flow_tag_arg(&newproc1_entry, is_register_abi, is_register_abi ? 2 : 4, TAG_CALLERPC);
	flow_tag_arg(&gopark_entry, is_register_abi, 2, TAG_REASON);
	flow_tag_arg(&reset_entry, is_register_abi, 1, TAG_MARKED);
	err = check_stores(e, &code->newproc1, code, &newproc1_entry, &c);
	if (!err)
		err = check_stores(e, &code->gopark, code, &gopark_entry, &c);
	if (!err && code->reset_live.va)
		err = check_stores(e, &code->reset_live, code, &reset_entry, &c);
	if (err)
		return err;
	ret->seen = c.seen;
	ret->expected = GLAYOUT_GOPC | GLAYOUT_STARTPC | GLAYOUT_GOID | GLAYOUT_WAITREASON;
	if (o->g_parent_goid != OFFSET_NONE)
		ret->expected |= GLAYOUT_PARENT_GOID;
	if (code->reset_live.va)
		ret->expected |= GLAYOUT_HEAPMARKED;
	return 0;
}
