/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzzfile.h"
#include "view/baseline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[BASELINE_VALUES] = { "inuse_objects", "inuse_space" };
	struct baseline b = { 0 };
	size_t n = 0;

	if (!size)
		return 0;
	FILE *f = fmemopen((void *)data, size, "r");

	if (!f)
		return 0;
	if (!baseline_read(f, types, &b)) {
		vec_for_each (&b.sites, s)
			n += strlen(s->function) + strlen(s->file);
		if (n > BASELINE_MEMORY_MAX)
			abort();
		baseline_release(&b);
	}
	fclose(f);
	return 0;
}
