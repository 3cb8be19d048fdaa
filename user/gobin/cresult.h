/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the result of a C function is known before its return.  The kernel steps over a return,
 * which costs a second trap, many times as dear under virtualisation; it emulates the jump that the
 * return's last instructions are reached by.  So the way is followed backwards from the return:
 * which register holds what will be the result, and how far is the return address.  Internal to
 * gobin.
 */
#ifndef GOTIDE_GOBIN_CRESULT_H
#define GOTIDE_GOBIN_CRESULT_H

#include "gobin/asm.h"

#define CRESULT_MAX 16

/* No register: the result is 0. */
#define CRESULT_NULL ASM_REGS

struct cresult {
	size_t insn; /* index of the instruction, which the kernel emulates unless reg is NULL */
	uint8_t reg; /* enum asm_reg, or CRESULT_NULL */
	uint8_t cond; /* 0: always; 1 + n: if condition n of the processor (jcc's lowest four bits)
		       */
	int16_t add; /* the result is what the register holds, plus this */
	uint16_t ret_off; /* bytes from the stack pointer to the return address */
};

/*
 * Places of which every way to the return at index i passes exactly one.  Returns how many; 0: the
 * return itself has to be probed.
 */
size_t cresult_find(const struct asm_func *f, size_t i, struct cresult ret[static CRESULT_MAX]);

#endif
