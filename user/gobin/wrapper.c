/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/wrapper.h"

#include <stdio.h>
#include <string.h>

#include "gobin/asm.h"

/* Inlined calls within a wrapper: f, and what was inlined into f. */
#define WRAPPER_FRAMES_MAX 16

static bool is_wrapper(struct pclntab *t, uint64_t va)
{
	struct goframe frames[WRAPPER_FRAMES_MAX];
	int n = pclntab_frames(t, va, false, frames, WRAPPER_FRAMES_MAX);

	return n > 0 && frames[n - 1].is_wrapper;
}

/* What was inlined into the wrapper itself at pc; false if nothing was. */
static bool inlined_at(struct pclntab *t, uint64_t pc, char *name, size_t size)
{
	struct goframe frames[WRAPPER_FRAMES_MAX];
	int n = pclntab_frames(t, pc, false, frames, WRAPPER_FRAMES_MAX);

	if (n < 2 || n == WRAPPER_FRAMES_MAX)
		return false;
	snprintf(name, size, "%s", frames[n - 2].function);
	return true;
}

static bool is_runtime(const char *name)
{
	return !strncmp(name, "runtime.", strlen("runtime."));
}

/* What the compiler calls on its own account anywhere (cmd/compile, ir.Syms and ssagen). */
static bool is_helper(const char *name)
{
	static const char *const helpers[] = {
		"runtime.morestack", "runtime.gcWriteBarrier", "runtime.wb",	   "runtime.duff",
		"runtime.typedmem",  "runtime.deferreturn",    "runtime.racefunc", "runtime.panic",
	};

	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
		if (!strncmp(name, helpers[i], strlen(helpers[i])))
			return true;
	return false;
}

/*
 * Whether the instruction calls what was asked to run: of the runtime's functions only a wrapper of
 * its own can have been asked for one.
 */
static bool called_by(struct pclntab *t, const struct asm_insn *i, bool is_of_runtime, char *name,
		      size_t size)
{
	struct gofunc f;

	if (i->flow != ASM_CALL || !i->target || pclntab_func_at(t, i->target, &f, name, size))
		return false;
	return !is_runtime(name) || (is_of_runtime && !is_helper(name));
}

static bool find_wrapped(struct pclntab *t, const struct asm_func *code, bool is_of_runtime,
			 char *name, size_t size)
{
	for (size_t k = code->body; k < code->n; k++) {
		const struct asm_insn *i = &code->insn[k];

		if (inlined_at(t, code->va + i->off, name, size) ||
		    called_by(t, i, is_of_runtime, name, size))
			return true;
	}
	return false;
}

int wrapper_name(struct elf *e, struct pclntab *t, uint64_t va, char *name, size_t size)
{
	char found[GOFRAME_NAME_MAX] = "";
	struct asm_func code;
	struct gofunc f;
	int err = pclntab_func_at(t, va, &f, name, size);

	if (err || elf_machine(e) != ELF_MACHINE_AMD64 || !is_wrapper(t, va))
		return err;
	if (asm_read(e, &f, &code))
		return 0;
	if (find_wrapped(t, &code, is_runtime(name), found, sizeof(found)))
		snprintf(name, size, "%s", found);
	asm_release(&code);
	return 0;
}
