/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of options: lines "NAME = VALUE", or NAME alone for one that takes no value; '#' begins a
 * comment line.  A value is what is between the '=' and the end of the line, without the blanks
 * around it; nothing is quoted.
 */
#ifndef GOTIDE_CMD_CONFIG_H
#define GOTIDE_CMD_CONFIG_H

#include <stdio.h>

#include "base/err.h"

#define CONFIG_LINE_MAX	 1024 /* bytes */
#define CONFIG_LINES_MAX 4096

/* value: NULL if there is no '='.  Not 0: it is no such option, or no value for it. */
typedef int config_fn(const char *name, const char *value, void *arg);

/* Calls fn for each line until one fails.  Reported with the place: -EINVAL, or -errno. */
int config_read(const char *path, config_fn *fn, void *arg) _must_check_;

/* The same of a stream; path is for messages. */
int config_parse(FILE *f, const char *path, config_fn *fn, void *arg) _must_check_;

#endif
