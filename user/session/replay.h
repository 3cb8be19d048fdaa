/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model that is told what a tape says, tick by tick.  Called by session.
 */
#ifndef GOTIDE_SESSION_REPLAY_H
#define GOTIDE_SESSION_REPLAY_H

#include "model/model.h"
#include "session/tapeout.h"

struct replay;

/*
 * m is borrowed and must be freed before the replay is.  -errno of the file; -EBADMSG: no tape;
 * -EPROTONOSUPPORT: a tape of a version to come.
 */
int replay_open(const char *path, struct model *m, struct replay **ret) _must_check_;
void replay_free(struct replay *r); /* NULL is fine */

/*
 * To the next tick.  1; 0: the tape is over, which was ended in order; -ENODATA: it breaks off
 * here; -EBADMSG: it is damaged here; other errors.
 */
int replay_next(struct replay *r) _must_check_;

/* NULL before the first tick if the tape lacks it. */
const struct tape_header *replay_header(const struct replay *r);
struct tape_clocks replay_clocks(const struct replay *r); /* as of the last tick */
const struct snapshot_observer *replay_observer(const struct replay *r);

#endif
