/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Go release as the toolchain names itself: "go1.22.12", "go1.26rc1", "devel go1.25-20250209",
 * "go1.21.3 X:rangefunc".
 */
#ifndef GOTIDE_GOBIN_VERSION_H
#define GOTIDE_GOBIN_VERSION_H

#include "base/err.h"

struct goversion {
	uint16_t major, minor, patch; /* major 0: unknown */
	bool is_exact; /* false: inferred (pclntab header), or a development build */
	char text[64]; /* scrubbed, as found; "" if inferred */
};

/* -EINVAL if text does not name a release. */
int goversion_parse(const char *text, size_t n, struct goversion *ret) _must_check_;

#endif
