/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/view.h"

#include <ctype.h>
#include <inttypes.h>
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

unsigned int view_line_room(const struct view_line *l)
{
	unsigned int columns = l->o->columns ? l->o->columns : l->o->width;

	return columns > l->indent ? columns - l->indent : 0;
}

void view_piece(struct view_line *l, enum view_style style, const char *gap, const char *text)
{
	unsigned int columns = view_columns(text);
	bool is_first = !l->n++;

	if (!is_first)
		columns += view_columns(gap);
	if (l->at > l->indent && l->at + columns > l->indent + view_line_room(l)) {
		fprintf(l->o->f, "\n%*s", (int)l->indent, "");
		l->at = l->indent;
		columns = view_columns(text);
	} else if (!is_first) {
		fputs(gap, l->o->f);
	}
	view_printf(l->o, style, "%s", text);
	l->at += columns;
}

/* Without the folders of the package's path, which come before any bracket. */
static const char *function_end(const char *function)
{
	size_t path = strcspn(function, "([");

	while (path > 0 && function[path - 1] != '/')
		path--;
	return function + path;
}

void view_piece_source(struct view_line *l, enum view_style style, const char *function,
		       const char *file, uint32_t line)
{
	char text[VIEW_NAME_MAX];
	unsigned int room = view_line_room(l);

	view_name(text, function);
	view_piece(l, style, "  ", view_columns(text) > room ? function_end(text) : text);
	if (*view_source(text, file, line, room))
		view_piece(l, VIEW_PLAIN, "  ", text);
}

const char *view_name(char buf[static VIEW_NAME_MAX], const char *name)
{
	text_scrub(buf, VIEW_NAME_MAX, name ? name : "", name ? strlen(name) : 0);
	return buf;
}

/* "go", "go-1.22", "go1.27": the folder that holds Go's own library, and src in it. */
static bool is_goroot(const char *start, const char *end)
{
	size_t len = (size_t)(end - start);

	if (len < 2 || strncmp(start, "go", 2))
		return false;
	return len == 2 || isdigit((unsigned char)start[2]) || start[2] == '-';
}

/* "main.spawn.gowrap1": made by the compiler (cmd/compile, Go 1.22 on) for go f(x). */
static bool is_gowrap(const char *function)
{
	static const char name[] = ".gowrap";
	const char *at = strstr(function, name);

	return at && at[strlen(name)] &&
	       !at[strlen(name) + strspn(at + strlen(name), "0123456789")];
}

/*
 * A wrapper that calls through a pointer (go f(x), f a variable; go i.M()) does not say whom.  The
 * outermost frame of an example does: stacks are shown without wrappers.
 */
const char *view_runs(char buf[static VIEW_NAME_MAX], const struct snapshot_site *s)
{
	const char *start = s->start_function ? s->start_function : "";
	bool is_whole = s->stack_depth > 0 && s->stack_depth < SNAPSHOT_STACK_MAX;

	if (is_whole && is_gowrap(start)) {
		const char *outermost = s->stack[s->stack_depth - 1].function;

		if (strncmp(outermost, "runtime.", strlen("runtime.")))
			start = outermost;
	}
	return view_name(buf, start);
}

/* Past where Go's library or the modules are kept (GOROOT/src, GOMODCACHE). */
static const char *source_of(const char *file)
{
	static const char modules[] = "/pkg/mod/", library[] = "/src/";
	const char *mod = strstr(file, modules), *src, *folder;

	file = mod ? mod + strlen(modules) : file;
	src = strstr(file, library);
	if (!src)
		return file;
	for (folder = src; folder > file && folder[-1] != '/'; folder--)
		;
	/* A toolchain is a module as well: golang.org/toolchain@v0.0.1-go1.24.3.linux-amd64 */
	return is_goroot(folder, src) || (mod && !strncmp(folder, "toolchain@", 10))
		       ? src + strlen(library)
		       : file;
}

/* The longest end of path that follows a slash and fits; at least the last name. */
static const char *path_end(const char *path, unsigned int columns)
{
	while (view_columns(path) > columns) {
		const char *slash = strchr(path + 1, '/');

		if (!slash)
			break;
		path = slash;
	}
	return path;
}

const char *view_source(char buf[static VIEW_NAME_MAX], const char *file, uint32_t line,
			unsigned int columns)
{
	static const char cut[] = "...";
	char name[VIEW_NAME_MAX], place[VIEW_NAME_MAX + 16];

	buf[0] = '\0';
	if (!*view_name(name, file))
		return buf;
	snprintf(place, sizeof(place), "%s:%" PRIu32, source_of(name), line);
	if (view_columns(place) <= columns) {
		snprintf(buf, VIEW_NAME_MAX, "%.*s", VIEW_NAME_MAX - 1, place);
		return buf;
	}
	const char *end = path_end(place, columns > strlen(cut) ? columns - strlen(cut) : 0);
	bool is_whole = end == place || view_columns(end) + strlen(cut) > columns;

	end += is_whole && *end == '/';
	snprintf(buf, VIEW_NAME_MAX, "%s%.*s", is_whole ? "" : cut, VIEW_NAME_MAX - 4, end);
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
	char place[VIEW_NAME_MAX + 16] = "", name[VIEW_NAME_MAX], no[16] = "";

	/* An object has no lines. */
	if (line)
		snprintf(no, sizeof(no), ":%" PRIu32, line);
	if (*file)
		snprintf(place, sizeof(place), "  %s%s", view_name(name, file), no);
	if (*file && slash && at + view_columns(function) + view_columns(place) > o->columns)
		snprintf(place, sizeof(place), "  %s%s", view_name(name, slash + 1), no);
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
