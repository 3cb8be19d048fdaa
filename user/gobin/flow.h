/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which registers and stack slots of a function surely hold a value at each instruction, whatever
 * way led there: a forward data flow over the decoded function.  Internal to gobin.  A value is a
 * tag bit, put by the caller on the arguments and on what certain loads yield.  What the analysis
 * does not understand, it forgets.
 */
#ifndef GOTIDE_GOBIN_FLOW_H
#define GOTIDE_GOBIN_FLOW_H

#include <linux/types.h>

#include "gobin/asm.h"
#include "wire.h"

#define FLOW_SLOTS_MAX 16

struct flow_slot {
	int32_t off; /* from the stack pointer at entry, where the return address is */
	uint16_t tags;
	uint8_t size; /* bytes: Go spills an argument of one byte to one byte */
};

struct flow_state {
	bool is_reached;
	bool is_sp_known;
	uint8_t n_slots;
	int32_t sp; /* stack pointer, from the stack pointer at entry: 0 or negative */
	uint16_t reg[ASM_REGS]; /* tags */
	struct flow_slot slot[FLOW_SLOTS_MAX];
};

/* A load or store through a pointer that is not the stack pointer. */
struct flow_access {
	uint16_t base; /* tags of the base register */
	uint16_t value; /* tags of the register stored */
	int64_t disp;
	uint8_t size; /* bytes */
	bool is_tls; /* through fs: Go keeps only the current g there */
};

struct flow {
	const struct asm_func *func; /* borrowed */
	bool is_register_abi; /* Go 1.17 on: arguments in registers, g in r14 */
	uint16_t narrow; /* tags of values of one byte: copies of any width carry them */
	/* Functions that keep the registers of their caller, as no ordinary Go function does. */
	const uint64_t *keepers; /* borrowed */
	size_t n_keepers;
	/* Tags of what a load yields; NULL if loads are of no interest. */
	uint16_t (*load)(const struct flow_access *a, void *arg);
	void *arg;
	struct flow_state *at; /* owned; before each instruction */
};

/* Runs the analysis from the function's entry.  -ELOOP if it does not settle. */
int flow_run(struct flow *f, const struct flow_state *entry) _must_check_;
void flow_release(struct flow *f);

/* Where the value is before instruction i: a register if any holds it.  -ENOENT. */
int flow_locate(const struct flow *f, size_t i, uint16_t tag, struct wire_loc *ret) _must_check_;

/* Calls fn for every store through a pointer, in instructions that can be reached. */
void flow_for_each_store(const struct flow *f, void (*fn)(const struct flow_access *a, void *arg),
			 void *arg);

/* Puts tags on argument k of a function of six or fewer words. */
void flow_tag_arg(struct flow_state *s, bool is_register_abi, unsigned int k, uint16_t tag);

#endif
