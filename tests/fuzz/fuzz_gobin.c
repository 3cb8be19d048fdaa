/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "fuzzfile.h"
#include "gobin/gobin.h"

/* Everything that is asked of a file, as one question. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum gobin_reason reason = GOBIN_OK;
	struct goframe frames[4];
	struct gobin *b = NULL;
	int err = gobin_open(fuzz_file(data, size), &b, &reason);

	if (err) {
		if (reason == GOBIN_OK || b)
			abort();
		return 0;
	}
	for (int i = 0; i < WIRE_HOOK_MAX; i++) {
		const struct code_site *s = &gobin_sites(b)->hook[i];

		if (s->is_found && s->file_off >= size)
			abort();
		(void)!gobin_frames(b, s->va, false, frames, 4);
	}
	for (unsigned int i = 0; i < 300; i++) {
		if (!gobin_wait_reason(b, i))
			abort();
	}
	(void)gobin_bias(b, 0x7f0000000000, 0x2000);
	gobin_unref(b);
	return 0;
}
