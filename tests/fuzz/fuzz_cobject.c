/* SPDX-License-Identifier: BSD-2-Clause */
/* An object of C: its symbols, and the entries and exits of what calls itself an allocator. */
#include "fuzzfile.h"
#include "gobin/cfunc.h"

static const uint64_t stops[] = { 0x1000, 0x1800 };

static void decode(struct elf *e, const struct csyms *syms, const struct csym *f)
{
	const struct cfunc_opts opts = {
		.syms = syms, .stops = stops, .n_stops = 2, .zeroes = f->va & 16
	};
	struct cfunc_exits exits = { 0 };
	struct cfunc_entry entry;

	(void)!cfunc_entry(e, f, &entry);
	(void)!cfunc_exits(e, f, &opts, &exits);
	if (exits.exits.n > CFUNC_EXITS_MAX)
		abort();
	cfunc_exits_release(&exits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "malloc", "calloc", "free" };
	struct csyms *syms = NULL;
	struct elf *e = NULL;

	if (elf_new(fuzz_file(data, size), &e))
		return 0;
	if (!csyms_read(e, &syms)) {
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
			const struct csym *f = csyms_find(syms, names[i]);

			if (f)
				decode(e, syms, f);
		}
		for (uint64_t va = 0; va < 0x4000; va += 0x333) {
			const struct csym *f = csyms_at(syms, va);

			if (f && (va < f->va || !*f->name))
				abort();
		}
	}
	csyms_free(syms);
	elf_free(e);
	return 0;
}
