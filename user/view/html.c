/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/html.h"

#include <string.h>

#include "view/view.h"

/* What no XML file may hold becomes "?". */
void html_escape(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '<')
			fputs("&lt;", f);
		else if (*s == '>')
			fputs("&gt;", f);
		else if (*s == '&')
			fputs("&amp;", f);
		else if (*s == '"')
			fputs("&quot;", f);
		else if (!strncmp(s, "\xef\xbf\xbe", 3) || !strncmp(s, "\xef\xbf\xbf", 3))
			fputc('?', f), s += 2;
		else
			fputc(*s, f);
	}
}

void html_name(FILE *f, const char *name)
{
	char buf[VIEW_NAME_MAX];

	html_escape(f, view_name(buf, name));
}
