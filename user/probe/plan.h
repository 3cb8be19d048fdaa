/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is to be attached to an executable, and what the programs in the kernel must know to find
 * their values in it.  Pure: facts about the executable in, a list and a wire_target out.  Called
 * by probe and attach; never touches the kernel.
 */
#ifndef GOTIDE_PROBE_PLAN_H
#define GOTIDE_PROBE_PLAN_H

#include <linux/types.h>

#include "gobin/code.h"
#include "gobin/offsets.h"
#include "gobin/version.h"
#include "wire.h"

struct plan_hook {
	enum wire_hook hook;
	uint64_t file_off; /* of the instruction, in the executable's file */
};

struct plan {
	size_t n;
	struct plan_hook hooks[WIRE_HOOK_MAX];
};

/*
 * The hooks of mask (1 << enum wire_hook) that can be attached: the site was found, and its values
 * can be read there.  Others are left out.
 */
void plan_hooks(const struct code_sites *sites, uint32_t mask, struct plan *ret);

/*
 * The configuration for a process of this executable, without its slot.  -ENOTSUP: goid or gopc
 * is not known, so nothing can be counted, or an offset is beyond what a wire_target can hold.
 */
int plan_target(const struct code_sites *sites, const struct offsets *o, enum elf_machine machine,
		const struct goversion *v, struct wire_target *ret) _must_check_;

/* The state of a process's spans before its first: where their values are, and zeroes. */
void plan_spans(const struct code_sites *sites, struct wire_span_state *ret);

#endif
