/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this kernel and these privileges allow, found by trying each thing, never from a version
 * number.  For doctor.
 */
#ifndef GOTIDE_PROBE_KERNEL_H
#define GOTIDE_PROBE_KERNEL_H

#include "base/err.h"

enum kernel_state {
	KERNEL_OK = 0,
	KERNEL_MISSING, /* the kernel does not have it */
	KERNEL_DENIED, /* the kernel has it, these privileges do not reach */
	KERNEL_UNTRIED, /* not tried since something it needs is missing */
};

struct kernel_check {
	const char *name; /* "ring buffer", "uprobe.multi", ... */
	enum kernel_state state;
	int err; /* negative errno, 0 if none */
	bool is_required;
	const char *use; /* what gotide does with it */
	const char *without; /* what is lost without it, or how to get it */
};

#define KERNEL_CHECKS_MAX 32

/* Tries everything; leaves nothing behind.  Returns the number of checks filled in. */
size_t kernel_check_all(struct kernel_check checks[static KERNEL_CHECKS_MAX]);

#endif
