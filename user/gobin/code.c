/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/code.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "gobin/flow.h"
#include "gobin/asm.h"

/* Go 1.17 passes arguments in registers and keeps g in r14 (cmd/compile/abi-internal.md). */
#define MINOR_REGISTER_ABI 17
/* Go 1.22 moved the end of a goroutine from goexit0 to gdestroy (runtime/proc.go). */
#define MINOR_GDESTROY 22
/* newproc1 of the stack ABI (Go 1.16 and before): five words of arguments, then the result. */
#define NEWPROC1_RESULT_OFF 48

#define TAG_VALUE     1
#define TAG_G	      2
#define TAG_PAGES     4
#define TAG_TYPE      8
#define TAG_SIZECLASS 16

/* How far before the return the jump to the epilogue's start may lie. */
#define EPILOGUE_INSNS_MAX 8

/* The functions looked into; found in one pass, as the table of a large program is long. */
enum function {
	FUNC_NEWPROC1 = 0,
	FUNC_NEWPROC_FUNC1,
	FUNC_GDESTROY,
	FUNC_GOEXIT0,
	FUNC_GOPARK,
	FUNC_READY,
	FUNC_START_CYCLE,
	FUNC_RESET_LIVE,
	FUNC_GC_SWEEP,
	FUNC_THROW,
	FUNC_RUNQPUT,
	FUNC_NEWCORO,
	FUNC_ALLOC_FUNC1,
	FUNC_ALLOC_SPAN,
	FUNC_INIT_SPAN,
	FUNC_SET_SPANS,
	FUNC_FREE_SPAN_LOCKED,
	FUNC_PAGES_FREE,
	FUNC_MAX,
};

static const char *const function_names[FUNC_MAX] = {
	[FUNC_NEWPROC1] = "runtime.newproc1",
	[FUNC_NEWPROC_FUNC1] = "runtime.newproc.func1",
	[FUNC_GDESTROY] = "runtime.gdestroy",
	[FUNC_GOEXIT0] = "runtime.goexit0",
	[FUNC_GOPARK] = "runtime.gopark",
	[FUNC_READY] = "runtime.ready",
	[FUNC_START_CYCLE] = "runtime.(*gcControllerState).startCycle",
	[FUNC_RESET_LIVE] = "runtime.(*gcControllerState).resetLive",
	[FUNC_GC_SWEEP] = "runtime.gcSweep",
	[FUNC_THROW] = "runtime.throw",
	[FUNC_RUNQPUT] = "runtime.runqput",
	[FUNC_NEWCORO] = "runtime.newcoro",
	[FUNC_ALLOC_FUNC1] = "runtime.(*mheap).alloc.func1",
	[FUNC_ALLOC_SPAN] = "runtime.(*mheap).allocSpan",
	[FUNC_INIT_SPAN] = "runtime.(*mheap).initSpan",
	[FUNC_SET_SPANS] = "runtime.(*mheap).setSpans",
	[FUNC_FREE_SPAN_LOCKED] = "runtime.(*mheap).freeSpanLocked",
	[FUNC_PAGES_FREE] = "runtime.(*pageAlloc).free",
};

/* What all hooks of one executable share. */
struct finder {
	struct elf *elf;
	struct gofunc func[FUNC_MAX]; /* va 0: absent */
	bool is_register_abi;
	uint16_t minor;
};

const char *code_hook_name(enum wire_hook h)
{
	static const char *const names[WIRE_HOOK_MAX] = {
		[WIRE_HOOK_BIRTH] = "birth",	     [WIRE_HOOK_DEATH] = "death",
		[WIRE_HOOK_PARK] = "park",	     [WIRE_HOOK_READY] = "ready",
		[WIRE_HOOK_GC_START] = "gc-start",   [WIRE_HOOK_MARK_END] = "mark-end",
		[WIRE_HOOK_GC_END] = "gc-end",	     [WIRE_HOOK_SPAN_ALLOC] = "span-alloc",
		[WIRE_HOOK_SPAN_FREE] = "span-free",
	};

	return (unsigned int)h < WIRE_HOOK_MAX ? names[h] : "unknown";
}

/* Always -ENOENT. */
static int refuse(struct code_site *s, const char *fmt, ...) _printf_(2, 3);
static int refuse(struct code_site *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->why, sizeof(s->why), fmt, ap); /* a cut reason is still a reason */
	va_end(ap);
	return -ENOENT;
}

/* Reads and decodes a function of the runtime. */
static int load(const struct finder *fi, enum function which, struct code_site *s,
		struct asm_func *ret)
{
	const char *name = function_names[which];
	int err;

	if (!fi->func[which].va)
		return refuse(s, "%s is not in this executable", name);
	err = asm_read(fi->elf, &fi->func[which], ret);
	if (err == -E2BIG)
		return refuse(s, "%s is too long to decode", name);
	if (err == -EBADMSG)
		return refuse(s, "%s does not decode to its end", name);
	if (err)
		return refuse(s, "%s cannot be read: %s", name, strerror(-err));
	if (fi->func[FUNC_THROW].va)
		asm_set_stop(ret, fi->func[FUNC_THROW].va);
	return 0;
}

static int site_set(const struct finder *fi, const struct asm_func *f, size_t i, const char *name,
		    struct code_site *s)
{
	uint64_t va = f->va + f->insn[i].off;

	if (elf_file_offset(fi->elf, va, &s->file_off))
		return refuse(s, "%s is not in the file", name);
	s->func_va = f->va;
	s->va = va;
	(void)snprintf(s->function, sizeof(s->function), "%s", name);
	(void)snprintf(s->insn, sizeof(s->insn), "%.10s%s%.32s", f->cs[i].mnemonic,
		       f->cs[i].op_str[0] ? " " : "", f->cs[i].op_str);
	s->cost = f->insn[i].is_emulated ? CODE_EMULATED : CODE_STEPPED;
	s->is_found = true;
	return 0;
}

/*
 * Where the hook's values are at instruction i.  False if one of them is lost there.
 */
static bool locate_values(const struct flow *fl, size_t i, bool wants_value, bool wants_g,
			  struct code_site *s)
{
	if (!fl->at[i].is_reached || !fl->at[i].is_sp_known)
		return false;
	if (wants_value && flow_locate(fl, i, TAG_VALUE, &s->value))
		return false;
	if (wants_g && flow_locate(fl, i, TAG_G, &s->g))
		return false;
	if (wants_g)
		s->ret_off = (uint16_t)-fl->at[i].sp;
	return true;
}

/*
 * The first emulated instruction that every call executes once with its values still in sight;
 * else the first instruction of the body, at the price of single-stepping.
 */
static int choose(const struct finder *fi, const struct flow *fl, const char *name,
		  bool wants_value, bool wants_g, struct code_site *s)
{
	const struct asm_func *f = fl->func;

	if (f->has_unknown_jump)
		return refuse(s, "%s jumps through a table", name);
	for (size_t i = f->body; i < f->n; i++) {
		if (f->insn[i].is_emulated && locate_values(fl, i, wants_value, wants_g, s) &&
		    asm_runs_once(f, i))
			return site_set(fi, f, i, name, s);
	}
	if (f->body < f->n && locate_values(fl, f->body, wants_value, wants_g, s) &&
	    asm_runs_once(f, f->body))
		return site_set(fi, f, f->body, name, s);
	return refuse(s, "%s has no place that runs once a call with its argument in sight", name);
}

static uint16_t load_g(const struct flow_access *a, void *arg)
{
	(void)arg;
	return a->is_tls ? TAG_G : 0;
}

/* A site in a function whose argument number arg (-1: none) is the hook's value. */
static int find_plain(const struct finder *fi, enum function which, int arg, bool wants_g,
		      struct code_site *s)
{
	const char *name = function_names[which];
	_cleanup_(asm_release) struct asm_func f = { 0 };
	_cleanup_(flow_release) struct flow fl = {
		.func = &f,
		.is_register_abi = fi->is_register_abi,
		.narrow = wants_g ? TAG_VALUE : 0, /* a wait reason is one byte */
		.load = fi->is_register_abi ? NULL : load_g,
	};
	struct flow_state entry = { 0 };
	int err = load(fi, which, s, &f);

	if (err)
		return err;
	if (arg >= 0)
		flow_tag_arg(&entry, fi->is_register_abi, (unsigned int)arg, TAG_VALUE);
	if (fi->is_register_abi)
		entry.reg[ASM_R14] |= TAG_G;
	if (flow_run(&fl, &entry))
		return refuse(s, "%s: its values cannot be followed", name);
	return choose(fi, &fl, name, arg >= 0, wants_g, s);
}

/* Whether caller calls callee: if it was inlined there, a probe in it would miss those calls. */
static bool has_call(const struct finder *fi, enum function caller, enum function callee)
{
	_cleanup_(asm_release) struct asm_func f = { 0 };

	return fi->func[caller].va && !asm_read(fi->elf, &fi->func[caller], &f) &&
	       asm_calls(&f, fi->func[callee].va);
}

/*
 * gdestroy ends goroutines and, by its address, coroutines.  Optimisation by profile may inline it
 * into goexit0.  Then it is gone if there are no coroutines, and goexit0 sees every end; if it is
 * still there, neither place alone does.
 */
static int find_death(const struct finder *fi, struct code_site *s)
{
	int err;

	if (fi->minor < MINOR_GDESTROY || !fi->func[FUNC_GDESTROY].va)
		return find_plain(fi, FUNC_GOEXIT0, 0, false, s);
	err = find_plain(fi, FUNC_GDESTROY, 0, false, s);
	if (err)
		return err;
	if (has_call(fi, FUNC_GOEXIT0, FUNC_GDESTROY))
		return 0;
	s->is_found = false;
	return refuse(s, "runtime.gdestroy is inlined into goexit0, and coroutines use it too");
}

/* A place for one word: a register, or (reg -1) a stack slot counted from the entry's rsp. */
struct place {
	int reg;
	int64_t slot;
};

static bool writes_place(const struct flow *fl, size_t i, const struct place *p)
{
	const cs_x86 *x = &fl->func->cs[i].detail->x86;
	cs_regs reads, writes;
	uint8_t n_reads, n_writes;

	if (fl->func->insn[i].flow == ASM_CALL ||
	    cs_regs_access(fl->func->handle, &fl->func->cs[i], reads, &n_reads, writes, &n_writes))
		return true;
	for (uint8_t k = 0; k < n_writes; k++) {
		if (p->reg >= 0 && asm_reg_of(writes[k]) == p->reg)
			return true;
	}
	for (uint8_t k = 0; k < x->op_count; k++) {
		if (p->reg < 0 && x->operands[k].type == X86_OP_MEM &&
		    x->operands[k].mem.base == X86_REG_RSP && x->operands[k].access != CS_AC_READ)
			return true;
	}
	return false;
}

/* Steps backwards over instruction i: where what is in p after it was before it. */
static bool step_back(const struct flow *fl, size_t i, struct place *p)
{
	const cs_x86 *x = &fl->func->cs[i].detail->x86;
	const cs_x86_op *src = &x->operands[0], *dst = &x->operands[1];

	if (fl->func->cs[i].id == X86_INS_MOV && x->op_count == 2 && dst->size == 8) {
		if (dst->type == X86_OP_MEM && p->reg < 0 && dst->mem.base == X86_REG_RSP &&
		    fl->at[i].sp + dst->mem.disp == p->slot && src->type == X86_OP_REG) {
			p->reg = asm_reg_of(src->reg);
			return p->reg >= 0;
		}
		if (dst->type == X86_OP_REG && p->reg == asm_reg_of(dst->reg)) {
			p->reg = src->type == X86_OP_REG ? asm_reg_of(src->reg) : -1;
			p->slot = fl->at[i].sp + src->mem.disp;
			return p->reg >= 0 ||
			       (src->type == X86_OP_MEM && src->mem.base == X86_REG_RSP &&
				src->mem.index == X86_REG_INVALID);
		}
	}
	return !writes_place(fl, i, p);
}

/* Whether all ways from jump j on lead to e and leave the place alone: what it holds is final. */
static bool is_final(const struct flow *fl, size_t j, size_t e, const struct place *p)
{
	const struct asm_insn *insn;

	for (size_t i = j; i < e; i++) {
		insn = &fl->func->insn[i];
		if (insn->flow == ASM_BRANCH || insn->flow == ASM_JUMP) {
			if (insn->to <= (int32_t)i || insn->to > (int32_t)e)
				return false;
		} else if (insn->flow != ASM_NEXT) {
			return false;
		}
		if (writes_place(fl, i, p))
			return false;
	}
	return j < e;
}

/*
 * A conditional jump that leads to instruction e, or falls into it, runs once a call, and after
 * which the place does not change.
 */
static bool find_jump_to(const struct flow *fl, size_t e, const struct place *p, size_t *ret)
{
	const struct asm_func *f = fl->func;

	for (size_t j = f->body; j < f->n; j++) {
		if (f->insn[j].flow != ASM_BRANCH || !f->insn[j].is_emulated)
			continue;
		if ((f->insn[j].to == (int32_t)e || j + 1 == e) && is_final(fl, j, e, p) &&
		    asm_runs_once(f, j)) {
			*ret = j;
			return true;
		}
	}
	return false;
}

static int birth_choose(const struct finder *fi, const struct flow *fl, const char *name,
			struct code_site *s)
{
	struct place p = { .reg = fi->is_register_abi ? ASM_AX : -1, .slot = NEWPROC1_RESULT_OFF };
	const struct asm_func *f = fl->func;
	size_t ret = 0, jump;
	int64_t off;

	while (ret < f->n && f->insn[ret].flow != ASM_RETURN)
		ret++;
	for (size_t e = ret; e > f->body && ret - e < EPILOGUE_INSNS_MAX; e--) {
		if (find_jump_to(fl, e, &p, &jump)) {
			off = p.slot - fl->at[jump].sp;
			if (!fl->at[jump].is_sp_known || off < 0 || off > INT16_MAX)
				break;
			s->value = p.reg >= 0 ? (struct wire_loc){ .kind = WIRE_LOC_REG,
								   .reg = (uint8_t)p.reg }
					      : (struct wire_loc){ .kind = WIRE_LOC_STACK,
								   .off = (int16_t)off };
			return site_set(fi, f, jump, name, s);
		}
		if (f->insn[e - 1].flow != ASM_NEXT || !fl->at[e - 1].is_sp_known ||
		    !step_back(fl, e - 1, &p))
			break;
	}
	return refuse(s, "%s has no jump before its return that every call takes once", name);
}

/*
 * Optimisation by profile may inline newproc1 into the closure of newproc that calls it.  There
 * the new g is complete when it is the second argument of runqput(pp, gp, next).  Coroutines are
 * born elsewhere: with them in the program neither place alone sees every birth.
 */
static int find_birth_inlined(const struct finder *fi, struct code_site *s)
{
	const char *name = function_names[FUNC_NEWPROC_FUNC1];
	_cleanup_(asm_release) struct asm_func f = { 0 };
	size_t call = SIZE_MAX;
	int err = load(fi, FUNC_NEWPROC_FUNC1, s, &f);

	if (err)
		return err;
	if (fi->func[FUNC_NEWCORO].va)
		return refuse(s, "newproc1 is inlined into %s, and coroutines use it too", name);
	for (size_t i = 0; i < f.n; i++) {
		if (f.insn[i].flow != ASM_CALL || !f.insn[i].target ||
		    f.insn[i].target != fi->func[FUNC_RUNQPUT].va)
			continue;
		if (call != SIZE_MAX)
			return refuse(s, "newproc1 is inlined into %s, runqput called twice", name);
		call = i;
	}
	if (call == SIZE_MAX || !fi->is_register_abi || !f.insn[call].is_emulated ||
	    !asm_runs_once(&f, call))
		return refuse(s, "newproc1 and runqput are inlined into %s", name);
	s->value = (struct wire_loc){ .kind = WIRE_LOC_REG, .reg = ASM_BX };
	return site_set(fi, &f, call, name, s);
}

/*
 * newproc1 returns the new g, complete.  The last jump before its return (releasem: is preemption
 * wanted?) runs once a call; what the epilogue returns is there already.
 */
static int find_birth(const struct finder *fi, struct code_site *s)
{
	const char *name = function_names[FUNC_NEWPROC1];
	_cleanup_(asm_release) struct asm_func f = { 0 };
	_cleanup_(flow_release) struct flow fl = {
		.func = &f,
		.is_register_abi = fi->is_register_abi,
	};
	struct flow_state entry = { 0 };
	int err = load(fi, FUNC_NEWPROC1, s, &f);

	if (err)
		return err;
	if (f.returns != 1)
		return refuse(s, "%s has %zu returns, not one", name, f.returns);
	if (f.has_unknown_jump)
		return refuse(s, "%s jumps through a table", name);
	if (!has_call(fi, FUNC_NEWPROC_FUNC1, FUNC_NEWPROC1))
		return find_birth_inlined(fi, s);
	if (flow_run(&fl, &entry))
		return refuse(s, "%s: its values cannot be followed", name);
	return birth_choose(fi, &fl, name, s);
}

/* Where the values of a new span are at instruction i. */
static bool locate_span(const struct flow *fl, size_t i, struct code_site *s)
{
	return fl->at[i].is_reached && fl->at[i].is_sp_known &&
	       !flow_locate(fl, i, TAG_VALUE, &s->value) &&
	       !flow_locate(fl, i, TAG_PAGES, &s->pages) &&
	       !flow_locate(fl, i, TAG_TYPE, &s->type) &&
	       !flow_locate(fl, i, TAG_SIZECLASS, &s->sizeclass);
}

static int span_follow(struct flow *fl, const struct flow_state *entry, const char *name,
		       struct code_site *s)
{
	if (fl->func->has_unknown_jump)
		return refuse(s, "%s jumps through a table", name);
	if (flow_run(fl, entry))
		return refuse(s, "%s: its values cannot be followed", name);
	return 0;
}

/* Go 1.20 on: initSpan(h, s, typ, spanclass, base, npages, ...). */
static int find_span_init(const struct finder *fi, struct code_site *s)
{
	const char *name = function_names[FUNC_INIT_SPAN];
	_cleanup_(asm_release) struct asm_func f = { 0 };
	_cleanup_(flow_release) struct flow fl = {
		.func = &f,
		.is_register_abi = true,
		.narrow = TAG_TYPE | TAG_SIZECLASS,
	};
	struct flow_state entry = { 0 };
	int err = load(fi, FUNC_INIT_SPAN, s, &f);

	if (err)
		return err;
	flow_tag_arg(&entry, true, 2, TAG_TYPE);
	flow_tag_arg(&entry, true, 3, TAG_SIZECLASS);
	flow_tag_arg(&entry, true, 4, TAG_VALUE);
	flow_tag_arg(&entry, true, 5, TAG_PAGES);
	err = span_follow(&fl, &entry, name, s);
	for (size_t i = f.body; !err && i < f.n; i++) {
		if (f.insn[i].is_emulated && locate_span(&fl, i, s) && asm_runs_once(&f, i))
			return site_set(fi, &f, i, name, s);
	}
	return err ? err : refuse(s, "%s has no cheap place with its arguments in sight", name);
}

/* The one call of callee in the function; SIZE_MAX if there is none, or more than one. */
static size_t find_call(const struct asm_func *f, uint64_t callee)
{
	size_t found = SIZE_MAX;

	for (size_t i = 0; callee && i < f->n; i++) {
		if (f->insn[i].flow != ASM_CALL || f->insn[i].target != callee)
			continue;
		if (found != SIZE_MAX)
			return SIZE_MAX;
		found = i;
	}
	return found;
}

/*
 * Before Go 1.20, and where initSpan is inlined: allocSpan(h, npages, typ, spanclass) enters each
 * span that it got by setSpans(h, base, npage, s), and does not when it got none.
 */
static int find_span_set(const struct finder *fi, struct code_site *s)
{
	const char *name = function_names[FUNC_ALLOC_SPAN];
	_cleanup_(asm_release) struct asm_func f = { 0 };
	_cleanup_(flow_release) struct flow fl = {
		.func = &f,
		.is_register_abi = true,
		.narrow = TAG_TYPE | TAG_SIZECLASS,
	};
	struct flow_state entry = { 0 };
	int err = load(fi, FUNC_ALLOC_SPAN, s, &f);
	size_t call;

	if (err)
		return err;
	flow_tag_arg(&entry, true, 2, TAG_TYPE);
	flow_tag_arg(&entry, true, 3, TAG_SIZECLASS);
	err = span_follow(&fl, &entry, name, s);
	if (err)
		return err;
	call = find_call(&f, fi->func[FUNC_SET_SPANS].va);
	if (call == SIZE_MAX || !f.insn[call].is_emulated || !asm_runs_at_most_once(&f, call))
		return refuse(s, "initSpan and setSpans are inlined into %s", name);
	/* What these four held before is gone: they are the arguments. */
	fl.at[call].reg[ASM_AX] = fl.at[call].reg[ASM_DI] = 0;
	fl.at[call].reg[ASM_BX] = TAG_VALUE;
	fl.at[call].reg[ASM_CX] = TAG_PAGES;
	if (!locate_span(&fl, call, s))
		return refuse(s, "%s has lost its arguments where it calls setSpans", name);
	return site_set(fi, &f, call, name, s);
}

static int find_span_alloc(const struct finder *fi, struct code_site *s)
{
	if (!fi->is_register_abi)
		return refuse(s, "spans are not followed in programs of Go 1.16 and before");
	if (fi->func[FUNC_ALLOC_FUNC1].va && !has_call(fi, FUNC_ALLOC_FUNC1, FUNC_ALLOC_SPAN))
		return refuse(s, "allocSpan is inlined into %s", function_names[FUNC_ALLOC_FUNC1]);
	if (has_call(fi, FUNC_ALLOC_SPAN, FUNC_INIT_SPAN))
		return find_span_init(fi, s);
	return find_span_set(fi, s);
}

/*
 * All pages come back through free(p, base, npages, ...), called under the heap's lock, so before
 * they can be handed out again.
 */
static int find_span_free(const struct finder *fi, struct code_site *s)
{
	int err;

	if (!fi->is_register_abi)
		return refuse(s, "spans are not followed in programs of Go 1.16 and before");
	err = find_plain(fi, FUNC_PAGES_FREE, 1, false, s);
	if (err || has_call(fi, FUNC_FREE_SPAN_LOCKED, FUNC_PAGES_FREE))
		return err;
	s->is_found = false;
	return refuse(s, "runtime.(*pageAlloc).free is inlined into freeSpanLocked");
}

static int find_hook(const struct finder *fi, enum wire_hook h, struct code_site *s)
{
	switch (h) {
	case WIRE_HOOK_BIRTH:
		return find_birth(fi, s);
	case WIRE_HOOK_DEATH:
		return find_death(fi, s);
	case WIRE_HOOK_PARK: /* gopark(unlockf, lock, reason, ...) */
		return find_plain(fi, FUNC_GOPARK, 2, true, s);
	case WIRE_HOOK_READY: /* ready(gp, ...) */
		return find_plain(fi, FUNC_READY, 0, false, s);
	case WIRE_HOOK_GC_START:
		return find_plain(fi, FUNC_START_CYCLE, -1, false, s);
	case WIRE_HOOK_MARK_END: /* Go 1.18 on: resetLive(c, bytesMarked) */
		return find_plain(fi, FUNC_RESET_LIVE, 1, false, s);
	case WIRE_HOOK_GC_END:
		return find_plain(fi, FUNC_GC_SWEEP, -1, false, s);
	case WIRE_HOOK_SPAN_ALLOC:
		return find_span_alloc(fi, s);
	case WIRE_HOOK_SPAN_FREE:
		return find_span_free(fi, s);
	default:
		return refuse(s, "no such hook");
	}
}

int code_find_sites(struct elf *e, struct pclntab *t, const struct goversion *v,
		    struct code_sites *ret)
{
	struct finder fi = { .elf = e, .minor = v->minor };
	struct code_sites sites = { 0 };
	int err;

	if (elf_machine(e) != ELF_MACHINE_AMD64)
		return -ENOTSUP;
	fi.is_register_abi = v->minor >= MINOR_REGISTER_ABI;
	err = pclntab_find_many(t, function_names, FUNC_MAX, fi.func);
	if (err)
		return err;
	for (int h = 0; h < WIRE_HOOK_MAX; h++)
		(void)find_hook(&fi, h, &sites.hook[h]); /* the site itself says why not */
	*ret = sites;
	return 0;
}
