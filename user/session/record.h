/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps a tape of what a model is told, as it is told.  Called by session.
 *
 * A tape has an allowance, by which a day of one process is at most 20 MB: when more than that has
 * been used, ticks come further apart.
 */
#ifndef GOTIDE_SESSION_RECORD_H
#define GOTIDE_SESSION_RECORD_H

#include "model/model.h"

/* In bytes: at once and for each process that comes, and per second of its observation. */
#define RECORD_ALLOWANCE       (1 << 20)
#define RECORD_ALLOWANCE_PER_S (17.5e6 / 86400)

/* Ticks at the most so many times as far apart as usual. */
#define RECORD_STRETCH_MAX 64

/* What has not been written yet is lost if gotide is killed; there is never more of it. */
#define RECORD_FLUSH_NS (UINT64_C(4) * 1000 * 1000 * 1000)

struct record;

/*
 * Makes the tape and listens to m, until record_close(); both are borrowed.  -errno of the file,
 * reported.
 */
int record_open(const char *path, const char *proc_root, struct model *m,
		struct record **ret) _must_check_;
/* What belongs to no process, before a tick. */
void record_observer(struct record *r, const struct snapshot_observer *obs);
/* How many times as far apart as usual the ticks should come: 1, 2, 4, ... */
unsigned int record_stretch(const struct record *r);
/* 0, or the negative errno of the first failure to write: nothing was written since. */
int record_error(const struct record *r);
/* Ends the tape in order.  NULL is fine.  Errors as record_error(), and reported. */
int record_close(struct record *r) _must_check_;

#endif
