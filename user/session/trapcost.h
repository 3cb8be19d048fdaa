/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hit of a probe costs on this machine before a program does anything, measured by probing
 * gotide itself: between metal and a guest's guest it differs by a factor of a hundred.
 */
#ifndef GOTIDE_SESSION_TRAPCOST_H
#define GOTIDE_SESSION_TRAPCOST_H

#include "probe/cgo.h"

struct trapcost {
	double emulated_ns; /* where the kernel emulates the instruction */
	double stepped_ns; /* where it steps over it */
	bool is_measured; /* else CGO_TRAP_NS and CGO_STEPPED_NS */
};

/* Takes some milliseconds; falls back to what was measured elsewhere. */
void trapcost_measure(struct probe *p, struct trapcost *ret);

#endif
