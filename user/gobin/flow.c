/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Each pass can only take tags away, and loops are few and shallow. */
#define FLOW_PASSES_MAX 64

void flow_tag_arg(struct flow_state *s, bool is_register_abi, unsigned int k, uint16_t tag)
{
	/* cmd/compile/abi-internal.md: the integer registers in their order. */
	static const uint8_t order[] = { ASM_AX, ASM_BX, ASM_CX, ASM_DI, ASM_SI, ASM_R8 };

	assert(k < ARRAY_SIZE(order) && s->n_slots < FLOW_SLOTS_MAX);
	if (is_register_abi)
		s->reg[order[k]] |= tag;
	else
		s->slot[s->n_slots++] =
			(struct flow_slot){ .off = 8 + 8 * (int)k, .tags = tag, .size = 8 };
}

static void slots_kill(struct flow_state *s, int64_t off, int64_t size)
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < s->n_slots; i++) {
		if (s->slot[i].off + s->slot[i].size <= off || s->slot[i].off >= off + size)
			s->slot[n++] = s->slot[i];
	}
	s->n_slots = n;
}

static void slot_set(struct flow_state *s, int64_t off, int64_t size, uint16_t tags)
{
	slots_kill(s, off, size);
	if (tags && s->n_slots < FLOW_SLOTS_MAX)
		s->slot[s->n_slots++] = (struct flow_slot){ .off = (int32_t)off,
							    .tags = tags,
							    .size = (uint8_t)size };
}

static uint16_t slot_get(const struct flow_state *s, int64_t off)
{
	for (uint8_t i = 0; i < s->n_slots; i++) {
		if (s->slot[i].off == off)
			return s->slot[i].tags;
	}
	return 0;
}

static void sp_lose(struct flow_state *s)
{
	s->is_sp_known = false;
	s->n_slots = 0;
}

static bool is_stack(const cs_x86_op *op)
{
	return op->type == X86_OP_MEM && op->mem.base == X86_REG_RSP &&
	       op->mem.index == X86_REG_INVALID && op->mem.segment == X86_REG_INVALID;
}

/* A write to memory: forget the slots that it may change.  Go addresses its frame by rsp only. */
static void step_write(struct flow_state *s, const cs_x86_op *op, uint16_t tags)
{
	if (op->mem.base == X86_REG_RBP || (op->mem.base == X86_REG_RSP && !is_stack(op)))
		s->n_slots = 0;
	else if (is_stack(op) && s->is_sp_known)
		slot_set(s, s->sp + op->mem.disp, op->size, tags);
}

/* Tags that survive a copy of so many bytes. */
static uint16_t carried(const struct flow *f, uint16_t tags, uint8_t size)
{
	return size == 8 ? tags : tags & f->narrow;
}

static struct flow_access access_of(const struct flow_state *s, const cs_x86_op *mem)
{
	int base = asm_reg_of(mem->mem.base);

	return (struct flow_access){
		.base = base >= 0 && mem->mem.index == X86_REG_INVALID ? s->reg[base] : 0,
		.disp = mem->mem.disp,
		.size = mem->size,
		.is_tls = mem->mem.segment == X86_REG_FS,
	};
}

/* What the source operand of a mov holds. */
static uint16_t source_tags(const struct flow *f, const struct flow_state *s, const cs_x86_op *op)
{
	struct flow_access a;
	int reg;

	if (op->type == X86_OP_REG) {
		reg = asm_reg_of(op->reg);
		return reg >= 0 ? carried(f, s->reg[reg], op->size) : 0;
	}
	if (op->type != X86_OP_MEM)
		return 0;
	if (is_stack(op))
		return s->is_sp_known ? carried(f, slot_get(s, s->sp + op->mem.disp), op->size) : 0;
	a = access_of(s, op);
	return f->load ? f->load(&a, f->arg) : 0;
}

/* Operands in capstone's AT&T order: source first. */
static void step_mov(const struct flow *f, struct flow_state *s, const cs_x86 *x)
{
	const cs_x86_op *src = &x->operands[0], *dst = &x->operands[1];
	uint16_t tags = carried(f, source_tags(f, s, src), MIN(src->size, dst->size));
	int reg;

	if (dst->type == X86_OP_MEM) {
		step_write(s, dst, tags);
		return;
	}
	reg = asm_reg_of(dst->reg);
	if (reg == ASM_SP)
		sp_lose(s);
	else if (reg >= 0)
		s->reg[reg] = tags;
}

static void step_call(const struct flow *f, struct flow_state *s, uint64_t target)
{
	uint16_t g = s->reg[ASM_R14];

	for (size_t i = 0; i < f->n_keepers; i++) {
		if (target == f->keepers[i])
			return;
	}
	memset(s->reg, 0, sizeof(s->reg));
	if (f->is_register_abi)
		s->reg[ASM_R14] = g;
	else if (s->is_sp_known)
		slots_kill(s, s->sp,
			   -(int64_t)s->sp); /* outgoing arguments: the callee's to write */
}

/* Stack pointer arithmetic; false if the instruction is none. */
static bool step_sp(struct flow_state *s, unsigned int id, const cs_x86 *x)
{
	const cs_x86_op *src = &x->operands[0], *dst = &x->operands[1];
	int reg;

	if (id == X86_INS_PUSH || id == X86_INS_PUSHFQ) {
		s->sp -= 8;
		slots_kill(s, s->sp, 8);
		return true;
	}
	if (id == X86_INS_POP && src->type == X86_OP_REG && src->reg != X86_REG_RSP) {
		s->sp += 8;
		reg = asm_reg_of(src->reg);
		if (reg >= 0)
			s->reg[reg] = 0;
		return true;
	}
	if ((id == X86_INS_ADD || id == X86_INS_SUB) && dst->type == X86_OP_REG &&
	    dst->reg == X86_REG_RSP && src->type == X86_OP_IMM && src->imm > INT16_MIN * 16 &&
	    src->imm < INT16_MAX * 16) {
		s->sp += (int32_t)(id == X86_INS_ADD ? src->imm : -src->imm);
		return true;
	}
	return false;
}

/* Anything else: forget what it writes. */
static void step_other(const struct flow *f, struct flow_state *s, cs_insn *cs)
{
	const cs_x86 *x = &cs->detail->x86;
	cs_regs reads, writes;
	uint8_t n_reads, n_writes;
	int reg;

	if (cs_regs_access(f->func->handle, cs, reads, &n_reads, writes, &n_writes)) {
		memset(s->reg, 0, sizeof(s->reg));
		sp_lose(s);
		return;
	}
	for (uint8_t i = 0; i < n_writes; i++) {
		reg = asm_reg_of(writes[i]);
		if (reg == ASM_SP)
			sp_lose(s);
		else if (reg >= 0)
			s->reg[reg] = 0;
	}
	for (uint8_t i = 0; i < x->op_count; i++) {
		if (x->operands[i].type == X86_OP_MEM && cs->id != X86_INS_LEA &&
		    x->operands[i].access != CS_AC_READ)
			step_write(s, &x->operands[i], 0);
	}
}

static bool is_mov(unsigned int id)
{
	return id == X86_INS_MOV || id == X86_INS_MOVZX || id == X86_INS_MOVABS;
}

static void step(const struct flow *f, struct flow_state *s, size_t i)
{
	cs_insn *cs = &f->func->cs[i];

	if (f->func->insn[i].flow == ASM_CALL)
		step_call(f, s, f->func->insn[i].target);
	else if (is_mov(cs->id) && cs->detail->x86.op_count == 2)
		step_mov(f, s, &cs->detail->x86);
	else if (cs->id != X86_INS_NOP && !step_sp(s, cs->id, &cs->detail->x86))
		step_other(f, s, cs);
}

/* Joins another way to an instruction into its state; true if that changed it. */
static bool join(struct flow_state *to, const struct flow_state *from)
{
	struct flow_state old = *to;
	uint8_t n = 0;

	if (!to->is_reached) {
		*to = *from;
		return true;
	}
	for (int r = 0; r < ASM_REGS; r++)
		to->reg[r] &= from->reg[r];
	if (to->is_sp_known && (!from->is_sp_known || from->sp != to->sp))
		sp_lose(to);
	for (uint8_t i = 0; i < to->n_slots; i++) {
		to->slot[i].tags &= slot_get(from, to->slot[i].off);
		if (to->slot[i].tags)
			to->slot[n++] = to->slot[i];
	}
	to->n_slots = n;
	return memcmp(old.reg, to->reg, sizeof(old.reg)) || old.n_slots != n ||
	       old.is_sp_known != to->is_sp_known ||
	       memcmp(old.slot, to->slot, n * sizeof(old.slot[0])) != 0;
}

static bool pass(struct flow *f)
{
	const struct asm_insn *insn;
	struct flow_state s;
	bool changed = false;

	for (size_t i = 0; i < f->func->n; i++) {
		if (!f->at[i].is_reached)
			continue;
		insn = &f->func->insn[i];
		s = f->at[i];
		step(f, &s, i);
		/* A jump back to the check starts over with the same arguments. */
		if (insn->to > 0 || (insn->to == 0 && !f->func->has_check))
			changed |= join(&f->at[insn->to], &s);
		if ((insn->flow == ASM_NEXT || insn->flow == ASM_CALL ||
		     insn->flow == ASM_BRANCH) &&
		    i + 1 < f->func->n)
			changed |= join(&f->at[i + 1], &s);
	}
	return changed;
}

int flow_run(struct flow *f, const struct flow_state *entry)
{
	f->at = calloc(f->func->n, sizeof(*f->at));
	if (!f->at)
		return -ENOMEM;
	f->at[0] = *entry;
	f->at[0].is_reached = f->at[0].is_sp_known = true;
	for (int i = 0; i < FLOW_PASSES_MAX; i++) {
		if (!pass(f))
			return 0;
	}
	return -ELOOP;
}

void flow_release(struct flow *f)
{
	free(f->at);
	f->at = NULL;
}

int flow_locate(const struct flow *f, size_t i, uint16_t tag, struct wire_loc *ret)
{
	const struct flow_state *s = &f->at[i];
	int32_t off;

	if (!s->is_reached)
		return -ENOENT;
	for (int r = 0; r < ASM_REGS; r++) {
		if (s->reg[r] & tag) {
			*ret = (struct wire_loc){ .kind = WIRE_LOC_REG, .reg = (uint8_t)r };
			return 0;
		}
	}
	for (uint8_t k = 0; s->is_sp_known && k < s->n_slots; k++) {
		off = s->slot[k].off - s->sp;
		if (s->slot[k].tags & tag && off >= 0 && off <= INT16_MAX) {
			*ret = (struct wire_loc){ .kind = WIRE_LOC_STACK, .off = (int16_t)off };
			return 0;
		}
	}
	return -ENOENT;
}

void flow_for_each_store(const struct flow *f, void (*fn)(const struct flow_access *a, void *arg),
			 void *arg)
{
	const cs_x86_op *src, *dst;
	struct flow_access a;
	const cs_insn *cs;

	for (size_t i = 0; i < f->func->n; i++) {
		cs = &f->func->cs[i];
		if (!f->at[i].is_reached || cs->id != X86_INS_MOV || cs->detail->x86.op_count != 2)
			continue;
		src = &cs->detail->x86.operands[0];
		dst = &cs->detail->x86.operands[1];
		if (dst->type != X86_OP_MEM || src->type != X86_OP_REG || is_stack(dst))
			continue;
		a = access_of(&f->at[i], dst);
		a.value = source_tags(f, &f->at[i], src);
		fn(&a, arg);
	}
}
