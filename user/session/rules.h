/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the rules of a session let a process be watched, by what /proc and kubelet's log files
 * say of it.  Called by session.
 */
#ifndef GOTIDE_SESSION_RULES_H
#define GOTIDE_SESSION_RULES_H

#include "session/watch.h"
#include "target/filter.h"

/* f: NULL wants all.  What cannot be read matches nothing. */
bool rules_want(const struct filter *f, const struct watch *w, pid_t pid);

#endif
