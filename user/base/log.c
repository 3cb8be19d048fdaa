/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum log_level level_now = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	level_now = level;
}

enum log_level log_level_get(void)
{
	return level_now;
}

static void say(const char *prefix, const char *fmt, va_list ap, int err)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (err)
		fprintf(stderr, "gotide: %s%s: %s\n", prefix, text, strerror(-err));
	else
		fprintf(stderr, "gotide: %s%s\n", prefix, text);
}

int log_err(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap, err);
	va_end(ap);
	return err;
}

#define DEFINE_LOG(name, level, prefix)  \
	void name(const char *fmt, ...)  \
	{                                \
		va_list ap;              \
                                         \
		if (level_now < (level)) \
			return;          \
		va_start(ap, fmt);       \
		say(prefix, fmt, ap, 0); \
		va_end(ap);              \
	}

DEFINE_LOG(log_warn, LOG_LEVEL_INFO, "warning: ")
DEFINE_LOG(log_info, LOG_LEVEL_INFO, "")
DEFINE_LOG(log_verbose, LOG_LEVEL_VERBOSE, "")
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG, "debug: ")
