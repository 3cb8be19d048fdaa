/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands that look into one process share: finding it, saying why it cannot be looked
 * into, and writing profiles of it.
 */
#ifndef GOTIDE_CMD_PROCESS_H
#define GOTIDE_CMD_PROCESS_H

#include "cmd/opts.h"
#include "target/target.h"
#include "view/profile.h"

/*
 * The one process that the options name.  A name that several processes have is refused with a list
 * of them.  Negative errno, reported; release *ret with target_release().
 */
int process_open(const struct opts *o, struct target *ret) _must_check_;

/* Whether name is a number, and so a pid, or what a process that runs now is called. */
bool process_is_named(const char *name);

/* Whether the process is still the one that was opened; if not, why not is reported. */
int process_check(const struct target *t) _must_check_;

/* Why nothing of the runtime's can be read of its memory, for people; NULL: it can. */
const char *process_lacks(const struct target *t);

/* Reports an error of reading its memory: what is what could not be read.  Returns err. */
int process_failed(const struct target *t, int err, const char *what);

/*
 * Writes a profile to a file: gzipped protobuf, or a picture with that title.  Replaces a file
 * once the new one is whole; writes through a device, a pipe or a link.  NULL for path does
 * nothing.  Negative errno, reported.
 */
int process_write_pprof(const char *path, const struct profile *p) _must_check_;
int process_write_flame(const char *path, const char *title, const struct profile *p) _must_check_;

#endif
