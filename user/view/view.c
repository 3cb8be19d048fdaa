/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/view.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

#define WIDTH_DEFAULT 100
#define WIDTH_MIN     40

static const char *const style_sgr[VIEW_STYLE_MAX] = {
	[VIEW_PLAIN] = "",   [VIEW_BOLD] = "1",	 [VIEW_DIM] = "2",
	[VIEW_BAD] = "1;31", [VIEW_WARN] = "33", [VIEW_GOOD] = "32",
};

void view_out_init(struct view_out *o, FILE *f)
{
	const char *no_color = getenv("NO_COLOR");
	struct winsize ws = { 0 };

	*o = (struct view_out){ .f = f, .width = WIDTH_DEFAULT, .columns = WIDTH_DEFAULT };
	if (!isatty(fileno(f)))
		return;
	o->is_coloured = !no_color || !*no_color;
	if (!ioctl(fileno(f), TIOCGWINSZ, &ws) && ws.ws_col >= WIDTH_MIN) {
		o->width = MIN(ws.ws_col, (unsigned short)WIDTH_DEFAULT);
		o->columns = ws.ws_col;
	}
}

void view_printf(struct view_out *o, enum view_style style, const char *fmt, ...)
{
	bool is_styled = o->is_coloured && style != VIEW_PLAIN;
	va_list ap;

	if (is_styled)
		fprintf(o->f, "\033[%sm", style_sgr[style]);
	va_start(ap, fmt);
	vfprintf(o->f, fmt, ap);
	va_end(ap);
	if (is_styled)
		fputs("\033[0m", o->f);
}

/* Columns of the first len bytes. */
static unsigned int columns_of(const char *text, size_t len)
{
	unsigned int n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

unsigned int view_columns(const char *text)
{
	return columns_of(text, strlen(text));
}

void view_wrap(struct view_out *o, enum view_style lead_style, const char *lead, const char *text)
{
	unsigned int indent = view_columns(lead), at = indent;

	view_printf(o, lead_style, "%s", lead);
	for (bool is_first = true; *(text += strspn(text, " ")); is_first = false) {
		size_t len = strcspn(text, " ");
		unsigned int columns = columns_of(text, len);

		if (!is_first && at + 1 + columns > o->width) {
			fprintf(o->f, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!is_first) {
			fputc(' ', o->f);
			at++;
		}
		fwrite(text, 1, len, o->f);
		at += columns;
		text += len;
	}
	fputc('\n', o->f);
}

const char *view_name(char buf[static VIEW_NAME_MAX], const char *name)
{
	text_scrub(buf, VIEW_NAME_MAX, name ? name : "", name ? strlen(name) : 0);
	return buf;
}

/* Bytes that the first n characters of text take. */
static size_t prefix_bytes(const char *text, unsigned int n)
{
	size_t i = 0;

	for (; text[i]; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80 && n-- == 0)
			break;
	}
	return i;
}

void view_fit(char *buf, size_t size, const char *text, unsigned int columns, bool is_right)
{
	unsigned int have = view_columns(text);
	bool is_cut = have > columns;
	size_t len = prefix_bytes(text, is_cut && columns ? columns - 1 : columns);
	int pad = is_cut ? 0 : (int)(columns - have);

	snprintf(buf, size, "%*s%.*s%s%*s", is_right ? pad : 0, "", (int)len, text,
		 is_cut && columns ? "~" : "", is_right ? 0 : pad, "");
}

/* Where the element of the path begins that ends at end. */
static const char *element_start(const char *path, const char *end)
{
	while (end > path && end[-1] != '/')
		end--;
	return end;
}

const char *view_short_function(const char *function)
{
	const char *p = element_start(function, function + strcspn(function, "(["));

	/* "v2" alone says nothing: it is "web/v2". */
	if (p > function && p[0] == 'v' && isdigit((unsigned char)p[1]) &&
	    p[1 + strspn(p + 1, "0123456789")] == '.')
		p = element_start(function, p - 1);
	return p;
}

void view_place(struct view_out *o, enum view_style style, unsigned int at, const char *function,
		const char *file, uint32_t line)
{
	const char *slash = strrchr(file, '/');
	char place[VIEW_NAME_MAX + 16] = "", name[VIEW_NAME_MAX];

	if (*file)
		snprintf(place, sizeof(place), "  %s:%" PRIu32, view_name(name, file), line);
	if (*file && slash && at + view_columns(function) + view_columns(place) > o->columns)
		snprintf(place, sizeof(place), "  %s:%" PRIu32, view_name(name, slash + 1), line);
	if (at + view_columns(function) + view_columns(place) > o->columns)
		function = view_short_function(function);
	view_printf(o, style, "%s", function);
	fprintf(o->f, "%s\n", place);
}

const char *view_title(char buf[static VIEW_TITLE_MAX], enum verdict_kind k)
{
	const char *name = verdict_kind_str(k);
	size_t i = 0;

	for (; name[i] && i + 1 < VIEW_TITLE_MAX; i++)
		buf[i] = (char)(name[i] == '-' ? ' ' : toupper((unsigned char)name[i]));
	buf[i] = '\0';
	return buf;
}

enum view_style view_kind_style(enum verdict_kind k)
{
	if (verdict_kind_is_leak(k) || k == VERDICT_OOM_RISK)
		return VIEW_BAD;
	if (k == VERDICT_HEALTHY)
		return VIEW_GOOD;
	return k == VERDICT_WARMING_UP ? VIEW_DIM : VIEW_WARN;
}
