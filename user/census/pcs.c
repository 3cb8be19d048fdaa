/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/pcs.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_MAX 16384 /* remembered; a power of two, 24 bytes each */

struct place {
	uint64_t pc; /* 0: empty */
	int err;
	struct unwind_pc found;
};

struct pcs {
	struct gobin *bin;
	uint64_t bias;
	struct place places[PLACES_MAX];
};

int pcs_new(struct gobin *bin, uint64_t bias, struct pcs **ret)
{
	struct pcs *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->bin = bin;
	p->bias = bias;
	*ret = p;
	return 0;
}

void pcs_free(struct pcs *p)
{
	free(p);
}

/* Go 1.15 to 1.27 have either debugCallV1 or debugCallV2 (runtime/asm_amd64.s). */
static bool is_injected(const char *name)
{
	static const char *const names[] = {
		"runtime.asyncPreempt",
		"runtime.sigpanic",
		"runtime.debugCallV1",
		"runtime.debugCallV2",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static int find(struct pcs *p, uint64_t pc, struct unwind_pc *ret)
{
	char name[GOFRAME_NAME_MAX];
	struct gofunc f;
	int err = -ENOENT;

	if (pc >= p->bias)
		err = gobin_func_at(p->bin, pc - p->bias, &f, name, sizeof(name));

	if (err)
		return err;
	ret->kind = UNWIND_CALL;
	/*
	 * gostartcall() (runtime/sys_x86.go): a goroutine returns to goexit's second byte.  One
	 * that is preempted as it ends has the return address of goexit's call of goexit1.
	 */
	if (!strcmp(name, "runtime.goexit") && pc - p->bias > f.va)
		ret->kind = UNWIND_TOP;
	else if (pc - p->bias == f.va)
		ret->kind = UNWIND_ENTRY;
	else if (is_injected(name))
		ret->kind = UNWIND_INJECTED;
	if (gobin_sp_delta(p->bin, pc - p->bias, &ret->sp_delta))
		ret->sp_delta = -1;
	return 0;
}

static int lookup(uint64_t pc, void *arg, struct unwind_pc *ret)
{
	struct pcs *p = arg;
	uint64_t hash = pc * UINT64_C(0x9e3779b97f4a7c15);
	struct place *place = &p->places[(hash >> 40) % PLACES_MAX];

	if (!pc)
		return -ENOENT;
	if (place->pc != pc) {
		place->err = find(p, pc, &place->found);
		place->pc = pc;
	}
	*ret = place->found;
	return place->err;
}

struct unwind_code pcs_code(struct pcs *p)
{
	/*
	 * On arm64 a frame's return address lies at the stack pointer, not above the frame, and
	 * where there is none it is in a register: not measured, so not unwound.
	 */
	if (gobin_info(p->bin)->machine != ELF_MACHINE_AMD64)
		return (struct unwind_code){ 0 };
	return (struct unwind_code){ .lookup = lookup, .arg = p };
}
