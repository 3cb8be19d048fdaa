/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Profiles of a running process in pprof's format, as its own endpoint would give them: what the
 * commands write to files, for the agent.
 */
#ifndef GOTIDE_SESSION_PROFILES_H
#define GOTIDE_SESSION_PROFILES_H

#include "target/target.h"
#include "view/profile.h"

/* Sets what a profile says of the process, and the time; borrows from t. */
void profiles_identify(const struct target *t, struct profile *p);

/*
 * Reads the process and writes a gzipped profile: -ENODATA, it keeps no heap profile; -ENOENT, what
 * is to be read was not found in the executable; or as census_run(), heap_profile_read() or
 * profile_write_pprof().
 */
typedef int profile_writer(const struct target *t, FILE *f);
int profiles_write_goroutines(const struct target *t, FILE *f) _must_check_;
int profiles_write_heap(const struct target *t, FILE *f) _must_check_;

#endif
