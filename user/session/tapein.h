/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of a tape made into facts again: the reading end of session/tapecode.  A tape may be
 * anybody's file: what it says is within the limits here, or it is damaged.
 */
#ifndef GOTIDE_SESSION_TAPEIN_H
#define GOTIDE_SESSION_TAPEIN_H

#include "event/tape.h"
#include "session/tapeout.h"

#define TAPEIN_PROCESSES_MAX 4096 /* at a time */
#define TAPEIN_ITEMS_MAX     (1u << 18) /* go statements, addresses, ...: of all of these */
#define TAPEIN_TEXT_MAX	     (64u << 20) /* bytes of all names */

struct tapein;

/* Facts go to the listener, which is borrowed.  Resolvers in them are good as long as *ret. */
int tapein_new(const struct fact_listener *to, struct tapein **ret) _must_check_;
void tapein_free(struct tapein *t); /* NULL is fine */

/*
 * The next record.  1: it was a tick; 0: it was not; -EBADMSG: it makes no sense, and so would
 * nothing that follows; -ENOMEM.
 */
int tapein_record(struct tapein *t, const struct tape_record *r) _must_check_;

/* NULL before it was read. */
const struct tape_header *tapein_header(const struct tapein *t);
struct tape_clocks tapein_clocks(const struct tapein *t); /* of the last tick, or the beginning */
const struct snapshot_observer *tapein_observer(const struct tapein *t);
bool tapein_has_ended(const struct tapein *t); /* in order */

#endif
