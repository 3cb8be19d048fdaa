/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/tlsg.h"

#include "base/cleanup.h"
#include "gobin/asm.h"

/* Instructions before the access among which its register is loaded. */
#define LOAD_INSNS_MAX 4

/* The operand in memory that lies in the thread's own segment; NULL. */
static const cs_x86_op *tls_operand(const cs_insn *cs)
{
	const cs_x86 *x = &cs->detail->x86;

	for (uint8_t i = 0; i < x->op_count; i++) {
		if (x->operands[i].type == X86_OP_MEM && x->operands[i].mem.segment == X86_REG_FS &&
		    x->operands[i].mem.index == X86_REG_INVALID)
			return &x->operands[i];
	}
	return NULL;
}

/* What a mov puts into reg: a constant, or a word of the executable. */
static bool loaded(const cs_insn *cs, int reg, struct tlsg *ret)
{
	const cs_x86_op *from = &cs->detail->x86.operands[0], *to = &cs->detail->x86.operands[1];

	if (cs->detail->x86.op_count != 2 || cs->id != X86_INS_MOV)
		return false;
	if (to->type != X86_OP_REG || asm_reg_of(to->reg) != reg)
		return false;
	if (from->type == X86_OP_IMM) {
		*ret = (struct tlsg){ .off = from->imm };
		return true;
	}
	if (from->type != X86_OP_MEM || from->mem.base != X86_REG_RIP ||
	    from->mem.index != X86_REG_INVALID)
		return false;
	*ret = (struct tlsg){ .slot_va = cs->address + cs->size + (uint64_t)from->mem.disp };
	return true;
}

/* Local-exec: fs:off; or through a register that was loaded just before. */
static bool access_at(const struct asm_func *f, size_t i, const cs_x86_op *op, struct tlsg *ret)
{
	int reg = asm_reg_of(op->mem.base);

	if (op->mem.base == X86_REG_INVALID) {
		*ret = (struct tlsg){ .off = (int32_t)op->mem.disp };
		return true;
	}
	for (size_t k = i, n = 0; reg >= 0 && k-- > 0 && n < LOAD_INSNS_MAX; n++) {
		if (!loaded(&f->cs[k], reg, ret))
			continue;
		if (ret->slot_va)
			return op->mem.disp == 0;
		ret->off += op->mem.disp;
		return true;
	}
	return false;
}

int tlsg_decode(const struct asm_func *f, struct tlsg *ret)
{
	struct tlsg found = { 0 };
	bool is_found = false;

	for (size_t i = 0; i < f->n; i++) {
		const cs_x86_op *op = tls_operand(&f->cs[i]);
		struct tlsg here;

		/* A register may have been loaded long before, for an access that was looked at. */
		if (!op || !access_at(f, i, op, &here))
			continue;
		/* All of them must mean the same place. */
		if (is_found && (here.off != found.off || here.slot_va != found.slot_va))
			return -ENOENT;
		found = here;
		is_found = true;
	}
	if (!is_found || (!found.slot_va && !tlsg_is_offset(found.off)))
		return -ENOENT;
	*ret = found;
	return 0;
}

int tlsg_find(struct elf *e, struct pclntab *t, struct tlsg *ret)
{
	static const char *const names[] = { "runtime.asmcgocall", "runtime.asmcgocall.abi0" };
	_cleanup_(asm_release) struct asm_func f = { 0 };
	struct gofunc g;
	int err = -ENOENT;

	if (elf_machine(e) != ELF_MACHINE_AMD64)
		return -ENOTSUP;
	for (size_t i = 0; i < ARRAY_SIZE(names) && err == -ENOENT; i++)
		err = pclntab_find(t, names[i], &g);
	if (!err)
		err = asm_read(e, &g, &f);
	return err ? err : tlsg_decode(&f, ret);
}
