/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/cresult.h"

#include <string.h>

/* Instructions before a return that are looked at: its last block is short. */
#define INSNS_MAX 64
#define WORD	  8
#define FRAME_MAX 4096

/* What is so before an instruction from which the only way leads to the return. */
struct known {
	int reg;
	int32_t add;
	int32_t ret_off;
};

struct way {
	const struct asm_func *f;
	struct cresult *ret;
	size_t n;
	size_t seen[INSNS_MAX];
	size_t n_seen;
};

static bool writes(const struct asm_func *f, size_t i, int reg)
{
	cs_regs read, write;
	uint8_t n_read = 0, n_write = 0;

	if (cs_regs_access(f->handle, &f->cs[i], read, &n_read, write, &n_write) != CS_ERR_OK)
		return true;
	for (uint8_t k = 0; k < n_write; k++) {
		if (asm_reg_of(write[k]) == reg)
			return true;
	}
	return false;
}

static bool is_word_register(const cs_x86_op *op)
{
	return op->type == X86_OP_REG && op->size == WORD && asm_reg_of(op->reg) >= 0;
}

/* The stack pointer before the instruction, from the one after it. */
static bool stack_back(const struct asm_func *f, size_t i, struct known *k)
{
	const cs_insn *cs = &f->cs[i];
	const cs_x86 *x = &cs->detail->x86;

	if (!writes(f, i, ASM_SP))
		return true;
	if (cs->id == X86_INS_POP && x->op_count == 1 && is_word_register(&x->operands[0]) &&
	    asm_reg_of(x->operands[0].reg) != ASM_SP) {
		k->ret_off += WORD;
		return k->ret_off < FRAME_MAX;
	}
	if (cs->id == X86_INS_PUSH && x->op_count == 1 && is_word_register(&x->operands[0])) {
		k->ret_off -= WORD;
		return k->ret_off >= 0;
	}
	if (cs->id == X86_INS_ADD && x->op_count == 2 && x->operands[0].type == X86_OP_IMM &&
	    x->operands[0].imm > 0 && x->operands[0].imm < FRAME_MAX) {
		k->ret_off += (int32_t)x->operands[0].imm;
		return k->ret_off < FRAME_MAX;
	}
	return false;
}

static bool add_back(struct known *k, int64_t add)
{
	if (add < INT16_MIN || add > INT16_MAX)
		return false;
	k->add += (int32_t)add;
	return k->add >= INT16_MIN && k->add <= INT16_MAX;
}

/* Where the result was before the instruction, from where it is after it. */
static bool result_back(const struct asm_func *f, size_t i, struct known *k)
{
	const cs_insn *cs = &f->cs[i];
	const cs_x86 *x = &cs->detail->x86;
	const cs_x86_op *from = &x->operands[0], *to = &x->operands[1]; /* AT&T's order */

	if (k->reg == CRESULT_NULL || !writes(f, i, k->reg))
		return true;
	if (x->op_count != 2 || to->type != X86_OP_REG || asm_reg_of(to->reg) != k->reg)
		return false;
	if (cs->id == X86_INS_XOR && from->type == X86_OP_REG && from->reg == to->reg &&
	    to->size >= 4) {
		*k = (struct known){ .reg = CRESULT_NULL, .ret_off = k->ret_off };
		return true;
	}
	if (to->size != WORD)
		return false;
	if (cs->id == X86_INS_MOV && is_word_register(from)) {
		k->reg = asm_reg_of(from->reg);
		return k->reg != ASM_SP;
	}
	if (cs->id == X86_INS_ADD && from->type == X86_OP_IMM)
		return add_back(k, from->imm);
	if (cs->id == X86_INS_LEA && from->type == X86_OP_MEM &&
	    from->mem.index == X86_REG_INVALID && from->mem.segment == X86_REG_INVALID &&
	    asm_reg_of(from->mem.base) >= 0 && asm_reg_of(from->mem.base) != ASM_SP) {
		k->reg = asm_reg_of(from->mem.base);
		return add_back(k, from->mem.disp);
	}
	return false;
}

static bool place(struct way *w, size_t i, const struct known *k, uint8_t cond)
{
	if (w->n == CRESULT_MAX || (!w->f->insn[i].is_emulated && k->reg != CRESULT_NULL))
		return false;
	w->ret[w->n++] = (struct cresult){
		.insn = i,
		.reg = (uint8_t)k->reg,
		.cond = cond,
		.add = (int16_t)k->add,
		.ret_off = (uint16_t)k->ret_off,
	};
	return true;
}

/* A conditional jump on the flags; 1 + its condition, or 0. */
static uint8_t condition(const struct asm_func *f, size_t i)
{
	const uint8_t *b = f->cs[i].bytes;

	if (f->insn[i].size == 2 && b[0] >= 0x70 && b[0] <= 0x7f)
		return 1 + (b[0] & 15);
	if (f->insn[i].size == 6 && b[0] == 0x0f && b[1] >= 0x80 && b[1] <= 0x8f)
		return 1 + (b[1] & 15);
	return 0;
}

/* The last bit of a condition negates it. */
static uint8_t opposite(uint8_t cond)
{
	return cond ? 1 + ((cond - 1) ^ 1) : 0;
}

/* What C functions leave as it was. */
static bool is_kept_by_calls(int reg)
{
	return reg == CRESULT_NULL || reg == ASM_BX || reg == ASM_BP ||
	       (reg >= ASM_R12 && reg <= ASM_R15);
}

static bool cover(struct way *w, size_t i, struct known k);

/* The instruction before index i, if it runs on to it. */
static bool cover_before(struct way *w, size_t i, struct known k)
{
	size_t p = i - 1;
	uint8_t cond;

	switch (w->f->insn[p].flow) {
	case ASM_NEXT:
		if (!stack_back(w->f, p, &k) || !result_back(w->f, p, &k))
			return false;
		/* What fails is rare: a dear place there is better than one on the way of all. */
		return w->f->insn[p].is_emulated || k.reg == CRESULT_NULL ? place(w, p, &k, 0)
									  : cover(w, p, k);
	case ASM_CALL:
		return is_kept_by_calls(k.reg) && place(w, p, &k, 0);
	case ASM_BRANCH:
		cond = opposite(condition(w->f, p));
		return cond && place(w, p, &k, cond);
	default:
		return true;
	}
}

/* All ways to index i, from where on k is so. */
static bool cover(struct way *w, size_t i, struct known k)
{
	for (size_t s = 0; s < w->n_seen; s++) {
		if (w->seen[s] == i)
			return true;
	}
	if (!i || w->n_seen == INSNS_MAX)
		return false;
	w->seen[w->n_seen++] = i;
	for (size_t j = 0; j < w->f->n; j++) {
		const struct asm_insn *from = &w->f->insn[j];
		uint8_t cond = from->flow == ASM_BRANCH ? condition(w->f, j) : 0;

		if (from->to != (int32_t)i)
			continue;
		if ((from->flow == ASM_BRANCH && !cond) || !place(w, j, &k, cond))
			return false;
	}
	return cover_before(w, i, k);
}

size_t cresult_find(const struct asm_func *f, size_t i, struct cresult ret[static CRESULT_MAX])
{
	struct way w = { .f = f, .ret = ret };
	const struct known at_return = { .reg = ASM_AX };

	/* Where it cannot be seen what jumps here, there may be other ways. */
	if (f->has_unknown_jump || f->cs[i].detail->x86.op_count || !cover(&w, i, at_return))
		return 0;
	return w.n;
}
