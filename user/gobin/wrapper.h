/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a goroutine really runs.  `go f(x)` starts a function that the compiler made to carry the
 * arguments ("gowrap1", before Go 1.22 "func1"; internal/abi.FuncIDWrapper), which people have
 * never seen; this finds the f that it calls.
 */
#ifndef GOTIDE_GOBIN_WRAPPER_H
#define GOTIDE_GOBIN_WRAPPER_H

#include "gobin/elf.h"
#include "gobin/pclntab.h"

/*
 * Name of the function that begins at va or, if that is a wrapper, of the one it wraps; the
 * wrapper's own where it calls through a pointer or is not amd64.  -ENOENT: no function there.
 */
int wrapper_name(struct elf *e, struct pclntab *t, uint64_t va, char *name,
		 size_t size) _must_check_;

#endif
