/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probe sites: for each hook, the instruction of this very executable where a uprobe counts every
 * call once, is emulated by the kernel rather than single-stepped where such an instruction exists,
 * and finds the hook's values.  Decoded with capstone per binary, since profile-guided optimisation
 * moves both offsets and registers.  Pure: bytes in, sites out.
 */
#ifndef GOTIDE_GOBIN_CODE_H
#define GOTIDE_GOBIN_CODE_H

#include <linux/types.h>

#include "gobin/elf.h"
#include "gobin/pclntab.h"
#include "gobin/version.h"
#include "wire.h"

enum code_cost {
	CODE_EMULATED = 0, /* one trap */
	CODE_STEPPED, /* two traps: many times dearer under virtualisation */
};

struct code_site {
	bool is_found;
	char why[96]; /* if not found: the reason, for people */
	char function[64]; /* the runtime function probed */
	uint64_t func_va;
	uint64_t va; /* of the probed instruction */
	uint64_t file_off; /* what the uprobe is attached to */
	char insn[48]; /* the instruction, as disassembled */
	enum code_cost cost;
	struct wire_loc
		value; /* BIRTH, DEATH, READY: the g; PARK: wait reason; MARK_END: live bytes; */
	/* SPAN_ALLOC, SPAN_FREE: address of the span's memory */
	struct wire_loc g; /* PARK: the parking g */
	uint16_t ret_off; /* PARK: bytes from the stack pointer to the return address */
	/* SPAN_ALLOC: runtime pages; one byte each: spanAllocType, spanClass */
	struct wire_loc pages, type, sizeclass;
};

struct code_sites {
	struct code_site hook[WIRE_HOOK_MAX];
};

/* Hook names as people write them: "birth", "death", "park", "ready", "gc-start", ... */
const char *code_hook_name(enum wire_hook h);

/*
 * Decodes all hooks.  Never fails as a whole for a missing function: that hook's site says why.
 * -ENOTSUP: no decoder for this machine.
 */
int code_find_sites(struct elf *e, struct pclntab *t, const struct goversion *v,
		    struct code_sites *ret) _must_check_;

#endif
