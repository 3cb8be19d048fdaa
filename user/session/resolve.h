/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for the model, from the executable of a live process.
 */
#ifndef GOTIDE_SESSION_RESOLVE_H
#define GOTIDE_SESSION_RESOLVE_H

#include "model/model.h"
#include "target/target.h"

/* Fills a resolver that owns a reference to the target's executable.  -ENOMEM. */
int resolve_target(const struct target *t, struct model_resolver *ret) _must_check_;

#endif
