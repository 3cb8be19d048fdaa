/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live screen on a terminal: puts what view/screen.h draws on ncurses, and keys back into it.
 * One at a time: ncurses has one screen.
 */
#ifndef GOTIDE_VIEW_TOP_H
#define GOTIDE_VIEW_TOP_H

#include "base/err.h"
#include "view/screen.h"

struct top;

/* Takes over the terminal.  -ENOTTY: there is none, TERM is unknown, or too simple. */
int top_open(screen_judge judge, void *arg, struct top **ret) _must_check_;
void top_close(struct top *t); /* gives it back; NULL is fine */

/* Shows a new snapshot. */
int top_sample(struct top *t, const struct snapshot *snap) _must_check_;

/* Reads the keys that are waiting and shows the result; true if the user wants to quit. */
bool top_input(struct top *t);

#endif
