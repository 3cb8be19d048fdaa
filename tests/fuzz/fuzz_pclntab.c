/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "fuzzfile.h"
#include "gobin/pclntab.h"

#define FRAMES 8
#define PLACES 64

struct places {
	uint64_t pc[PLACES];
	size_t n;
};

static bool take_place(const char *name, const struct gofunc *f, void *arg)
{
	struct places *p = arg;

	if (!f->size || strlen(name) > 4096)
		abort();
	p->pc[p->n++] = f->va + f->size / 2;
	return p->n == PLACES;
}

static void ask(struct pclntab *t, uint64_t pc)
{
	struct goframe frames[FRAMES];
	struct gofunc f;
	char name[40];
	int32_t delta;
	int n = pclntab_frames(t, pc, pc & 1, frames, FRAMES);

	if (n > FRAMES)
		abort();
	for (int i = 0; i < n; i++) {
		if (strlen(frames[i].function) >= GOFRAME_NAME_MAX)
			abort();
	}
	(void)!pclntab_func_at(t, pc, &f, name, sizeof(name));
	(void)!pclntab_sp_delta(t, pc, &delta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "main.main", "runtime.first", "main.dup" };
	struct gofunc found[3];
	struct places p = { .n = 0 };
	struct pclntab *t = NULL;
	struct elf *e = NULL;

	if (elf_new(fuzz_file(data, size), &e))
		return 0;
	if (!pclntab_open(e, NULL, &t)) {
		(void)!pclntab_find_many(t, names, 3, found);
		(void)!pclntab_find(t, names[1], found); /* by the index */
		(void)pclntab_for_each(t, "", take_place, &p);
		for (size_t i = 0; i < p.n; i++)
			ask(t, p.pc[i]);
		ask(t, 0);
	}
	pclntab_close(t);
	elf_free(e);
	return 0;
}
