/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function of an amd64 executable, decoded: its instructions, where its jumps go, and what the
 * graph of them says about how often an instruction runs per call.  Internal to gobin.  Knows
 * nothing of what the function is for.
 */
#ifndef GOTIDE_GOBIN_ASM_H
#define GOTIDE_GOBIN_ASM_H

#include <capstone/capstone.h>

#include "gobin/elf.h"
#include "gobin/pclntab.h"

/* The longest function decoded; those hooked have 150 to 5000 bytes. */
#define ASM_FUNC_MAX 16384

/* General registers by hardware number, as wire.h counts them. */
enum asm_reg {
	ASM_AX = 0,
	ASM_CX,
	ASM_DX,
	ASM_BX,
	ASM_SP,
	ASM_BP,
	ASM_SI,
	ASM_DI,
	ASM_R8,
	ASM_R9,
	ASM_R10,
	ASM_R11,
	ASM_R12,
	ASM_R13,
	ASM_R14,
	ASM_R15,
	ASM_REGS,
};

enum asm_flow {
	ASM_NEXT = 0, /* runs on to the next instruction */
	ASM_CALL, /* so does a call, direct or not */
	ASM_BRANCH, /* a conditional jump */
	ASM_JUMP,
	ASM_JUMP_UNKNOWN, /* through a register or memory */
	ASM_RETURN,
	ASM_STOP, /* never goes on: ud2, int3, or a call that does not return */
};

struct asm_insn {
	uint32_t off; /* from the function's entry */
	uint8_t size;
	uint8_t flow; /* enum asm_flow */
	bool is_emulated; /* a uprobe on it costs one trap */
	int32_t to; /* index of the instruction jumped to; -1 if outside the function */
	uint64_t target; /* address called or jumped to, if direct; else 0 */
};

struct asm_func {
	uint64_t va;
	size_t n;
	struct asm_insn *insn; /* owned */
	cs_insn *cs; /* owned; the same instructions with their operands */
	csh handle; /* owned */
	size_t body; /* index of the first instruction after the check for stack space */
	bool has_check;
	size_t returns;
	bool has_unknown_jump;
};

/*
 * Decodes n bytes at address va.  -EBADMSG: they do not decode to their end, or a jump leads into
 * the middle of an instruction; -E2BIG: longer than the limit.
 */
int asm_decode(const void *code, size_t n, uint64_t va, struct asm_func *ret) _must_check_;
/* Reads and decodes a function of the executable. */
int asm_read(struct elf *e, const struct gofunc *g, struct asm_func *ret) _must_check_;
void asm_release(struct asm_func *f);

/* Says that calls to va do not return. */
void asm_set_stop(struct asm_func *f, uint64_t va);

bool asm_calls(const struct asm_func *f, uint64_t va);

/*
 * Whether every call of the function that returns has executed instruction i, after the check for
 * stack space, exactly once.
 */
bool asm_runs_once(const struct asm_func *f, size_t i);

/* Whether no call of the function executes instruction i twice. */
bool asm_runs_at_most_once(const struct asm_func *f, size_t i);

/* Hardware number of the 64-bit register that a capstone register is the low part of; -1. */
int asm_reg_of(unsigned int cs_reg);

#endif
