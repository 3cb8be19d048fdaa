/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "fuzzfile.h"
#include "gobin/buildinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buildinfo bi = { 0 };
	struct goversion v = { 0 };
	struct elf *e = NULL;

	(void)!goversion_parse((const char *)data, size, &v);
	if (elf_new(fuzz_file(data, size), &e))
		return 0;
	if (!buildinfo_read(e, &bi) && !bi.version.major)
		abort();
	if (!buildinfo_find_version(e, &v) && !v.is_exact)
		abort();
	elf_free(e);
	return 0;
}
