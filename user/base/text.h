/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers and names as people read and write them.  Names that come from a target (function
 * names, file names, comm) are hostile: text_scrub() makes them fit for a terminal, a label or
 * JSON.
 */
#ifndef GOTIDE_BASE_TEXT_H
#define GOTIDE_BASE_TEXT_H

#include "base/err.h"

#define TEXT_HUMAN_MAX 24

/* "0 B", "832 KiB", "1.5 GiB"; at most four significant digits.  Returns buf. */
const char *text_bytes(char buf[static TEXT_HUMAN_MAX], uint64_t bytes);
/* "+1.5 GiB", "-832 KiB", "+0 B".  Returns buf. */
const char *text_bytes_change(char buf[static TEXT_HUMAN_MAX], double bytes);
/* "250ms", "42s", "3m20s", "2h05m", "3d04h".  Returns buf. */
const char *text_duration(char buf[static TEXT_HUMAN_MAX], double seconds);
/* "832", "14.2k", "1.30M".  Returns buf. */
const char *text_count(char buf[static TEXT_HUMAN_MAX], double n);
/* "+143.6", "-12345": with its sign, four digits and no fewer than are before the point. */
const char *text_change(char buf[static TEXT_HUMAN_MAX], double n);

/*
 * Parses "30", "30s", "250ms", "5m", "2h", "1d" to seconds; a bare number is in seconds.
 * -EINVAL for anything else, for zero, for negative values and for more than ten years.
 */
int text_parse_duration(const char *text, double *ret_seconds) _must_check_;

/* Decimal integer within [min, max], nothing after it; -EINVAL or -ERANGE. */
int text_parse_int(const char *text, long long min, long long max, long long *ret) _must_check_;

/*
 * Copies src (n bytes, not necessarily terminated) to dst as valid UTF-8 without control
 * characters and without invisible ones (of writing direction, joiners, separators of lines): each
 * of them, and each byte of what is not UTF-8, becomes '?'.  Always terminates; truncates at a
 * character boundary.  Returns the length written.
 */
size_t text_scrub(char *dst, size_t dst_size, const char *src, size_t n);

/* What follows the last slash of a path; borrowed from it. */
const char *text_base_name(const char *path);

#endif
