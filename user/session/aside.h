/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work that takes longer than the event loop may stand still, done in a child process with what is
 * known at the fork; what it writes comes back over a pipe.  One at a time: a child that was killed
 * and does not go, since the kernel holds it, keeps the place until it does.
 */
#ifndef GOTIDE_SESSION_ASIDE_H
#define GOTIDE_SESSION_ASIDE_H

#include <stdio.h>

#include "base/err.h"
#include "session/loop.h"

#define ASIDE_LIMIT_S	 20
#define ASIDE_OUTPUT_MAX (32u << 20) /* bytes */

struct aside;

int aside_new(struct loop *l, struct aside **ret) _must_check_;
void aside_free(struct aside *a); /* ends what runs, without a call of done; NULL is fine */

/* In the child: writes to f.  0 or a negative errno. */
typedef int aside_work(FILE *f, void *arg);
/*
 * err: what the work returned; -ETIME: it took too long; -EIO: it died; -EFBIG: it wrote too much.
 * data: what it wrote, malloc'ed, for the callee to free; NULL with an error.
 */
typedef void aside_done(int err, char *data, size_t size, void *arg);

/* -EBUSY: something is under way. */
int aside_start(struct aside *a, aside_work *work, aside_done *done, void *arg) _must_check_;

/* Nobody wants the result any more: ends it, without a call of done. */
void aside_cancel(struct aside *a);

/* Ends work that takes too long.  Call about once a second. */
void aside_sweep(struct aside *a);

#endif
