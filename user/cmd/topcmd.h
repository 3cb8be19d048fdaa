/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What top and replay share: an observation shown as it goes, on a screen or in lines.
 */
#ifndef GOTIDE_CMD_TOPCMD_H
#define GOTIDE_CMD_TOPCMD_H

#include "cmd/opts.h"

/*
 * Fills in *s and runs observe() with it.  On a terminal it is a screen, otherwise lines, with -j
 * JSON.  Returns an exit status.
 */
int top_show(struct opts *o, struct session_opts *s, int (*observe)(const struct session_opts *));

#endif
