/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes made into a gzip file (RFC 1952) in memory, quickly rather than small.
 */
#ifndef GOTIDE_BASE_GZIP_H
#define GOTIDE_BASE_GZIP_H

#include <stddef.h>

#include "base/err.h"

/* *ret is malloc'ed.  -ENOMEM; -EFBIG: beyond 1 GiB. */
int gzip_pack(const void *data, size_t size, char **ret, size_t *ret_size) _must_check_;

#endif
