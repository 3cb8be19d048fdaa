/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent's status page: all that it watches, worst first, as one HTML page that a person can
 * read.  A pure function of pictures, verdicts and the agent's own account.  The page needs nothing
 * but itself, and no script; with one it keeps itself up to date, sorts and filters.
 *
 * Names are foreign: they are only ever text in it.  Beside that stands status_policy(), by which a
 * browser runs and fetches nothing but what this file wrote.
 */
#ifndef GOTIDE_VIEW_STATUS_H
#define GOTIDE_VIEW_STATUS_H

#include "view/account.h"
#include "view/metrics.h"

/* Processes shown; of the others, the least serious, the page says how many they are. */
#define STATUS_PROCESSES_MAX 500

/* Of the page: the values of the headers Content-Type and Content-Security-Policy. */
#define STATUS_TYPE "text/html; charset=utf-8"
const char *status_policy(void);

/*
 * The list is in any order; it may hold processes that have ended.  About 12 KB, and 3 to 4 KB for
 * each process, more where much is found.  -ENOMEM, or -errno of the stream.
 */
int status_write(FILE *f, const struct agent_account *a, const struct metrics_process *list,
		 size_t n) _must_check_;

#endif
