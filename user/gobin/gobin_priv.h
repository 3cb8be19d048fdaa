/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the cache of executables knows of one beyond gobin.h.  Nobody else includes this.
 */
#ifndef GOTIDE_GOBIN_GOBIN_PRIV_H
#define GOTIDE_GOBIN_GOBIN_PRIV_H

#include "gobin/gobin.h"

/* References held. */
unsigned int gobin_refs(const struct gobin *b);

#endif
