/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One wire record to one event.  Records come from our own programs in the kernel, but also from
 * tapes, which are files: nothing in them is believed unchecked.
 */
#ifndef GOTIDE_EVENT_DECODE_H
#define GOTIDE_EVENT_DECODE_H

#include "event/event.h"

/* -EBADMSG: wrong size, unknown kind, or a value out of its range.  *ret is untouched then. */
int decode_record(const void *data, size_t size, struct event *ret) _must_check_;

#endif
