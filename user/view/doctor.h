/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel and the privileges allow, item by item, as text or JSON.  A pure function of the
 * checks made.
 */
#ifndef GOTIDE_VIEW_DOCTOR_H
#define GOTIDE_VIEW_DOCTOR_H

#include <json-c/json.h>

#include "probe/kernel.h"
#include "view/view.h"

/* Whether everything that is required is there. */
bool doctor_is_well(const struct kernel_check *checks, size_t n);

void doctor_text(struct view_out *o, const struct kernel_check *checks, size_t n);

/* One object per check, for jsonl_write(). */
struct json_object *doctor_json(const struct kernel_check *check);

#endif
