/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Foreign text within markup, HTML or SVG: what is written here is text to any parser, between
 * tags as well as between double quotes, whatever it holds.  Errors stay with the stream.
 */
#ifndef GOTIDE_VIEW_HTML_H
#define GOTIDE_VIEW_HTML_H

#include <stdio.h>

#include "base/err.h"

/* Valid UTF-8 without control characters, as view_name() makes it. */
void html_escape(FILE *f, const char *s);

/* A name that comes from a target: scrubbed first; nothing for NULL. */
void html_name(FILE *f, const char *name);

#endif
