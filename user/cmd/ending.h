/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of an observation, the same for report and run: judges every process of the last
 * snapshot and prints it, worst first; of many, those without a finding in one line each.
 */
#ifndef GOTIDE_CMD_ENDING_H
#define GOTIDE_CMD_ENDING_H

#include "cmd/opts.h"
#include "trend/judge.h"

/*
 * Prints to o->out, as text or JSON.  *ret_status: CMD_LEAK if any verdict is a leak, else CMD_OK.
 * -ENOMEM, or -errno of the stream.
 */
int ending_print(const struct opts *o, const struct judge *judge, const struct snapshot *s,
		 int *ret_status) _must_check_;

#endif
