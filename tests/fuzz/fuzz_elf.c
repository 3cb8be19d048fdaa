/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "fuzzfile.h"
#include "gobin/elf.h"

static bool stop_at_ten(uint64_t va, void *arg)
{
	int *n = arg;

	(void)va;
	return ++*n == 10;
}

static void look_around(struct elf *e, uint64_t va)
{
	uint8_t buf[300];
	uint64_t v = 0;
	int n = 0;

	(void)!elf_read(e, va, buf, sizeof(buf));
	(void)!elf_read(e, va, buf, 1);
	(void)!elf_file_offset(e, va, &v);
	if (!elf_read_ptr(e, va, &v))
		(void)elf_find_ptr(e, v, stop_at_ten, &n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct elf_segment *s;
	struct elf *e = NULL;

	if (elf_new(fuzz_file(data, size), &e))
		return 0;
	(void)elf_section(e, ".gopclntab");
	for (size_t i = 0, n = elf_segments(e, &s); i < n && i < 4; i++) {
		look_around(e, s[i].va);
		look_around(e, s[i].va + s[i].file_size - 1);
		look_around(e, s[i].va + s[i].mem_size - 3);
	}
	if (strlen(elf_build_id(e)) > 128)
		abort();
	elf_free(e);
	return 0;
}
