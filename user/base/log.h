/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Talk for people, on stderr.  Only session and the rooms after it speak above LOG_DEBUG: a
 * function lower down returns its error and lets the caller say it once, with the name of the
 * thing it failed on.
 */
#ifndef GOTIDE_BASE_LOG_H
#define GOTIDE_BASE_LOG_H

#include "base/err.h"

enum log_level {
	LOG_LEVEL_QUIET = -1, /* errors only */
	LOG_LEVEL_INFO = 0,
	LOG_LEVEL_VERBOSE = 1,
	LOG_LEVEL_DEBUG = 2,
};

void log_set_level(enum log_level level);
enum log_level log_level_get(void);

/*
 * Prints "gotide: MESSAGE: ERRNO-TEXT" and returns err unchanged, so that a failure is reported
 * and passed on in one line.  err is a negative errno, or 0 for a message with no errno text.
 */
int log_err(int err, const char *fmt, ...) _printf_(2, 3);

void log_warn(const char *fmt, ...) _printf_(1, 2); /* unless quiet */
void log_info(const char *fmt, ...) _printf_(1, 2); /* unless quiet */
void log_verbose(const char *fmt, ...) _printf_(1, 2); /* -v */
void log_debug(const char *fmt, ...) _printf_(1, 2); /* -vv */

#endif
