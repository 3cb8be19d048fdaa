/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flame graph as one SVG file, root at the top.  Frames are placed in per cent of the width, so
 * that it fits any window; it is a plain picture where scripts are not run, and the script within
 * it zooms, searches and shows details.  Names are data in it, never markup.
 */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "flame_script.h"
#include "view/html.h"
#include "view/stacktree.h"
#include "view/view.h"

/* The width a picture has that no script can fit to a window, and the sizes of what is in it. */
#define WIDTH	   1200
#define MARGIN	   10
#define ROW	   17
#define TOP	   64
#define BOTTOM	   14
#define CHAR_WIDTH 7.25 /* of the 12 px fixed-width font, rounded up */
/* Narrower frames are not drawn: it is this that limits the file's size. */
#define VISIBLE_PX 0.2

struct flame {
	FILE *f;
	const struct profile *p;
	int64_t total;
	uint64_t hidden; /* frames too narrow */
};

static void print_value(const struct flame *fl, int64_t value)
{
	const char *unit = fl->p->types[fl->p->shown].unit;
	char buf[TEXT_HUMAN_MAX];

	if (!strcmp(unit, "bytes"))
		fputs(text_bytes(buf, (uint64_t)value), fl->f);
	else
		fprintf(fl->f, "%" PRId64, value);
}

/* ---- colours ---- */

/* Length of the package's path in a function's name: "a.com/b.c/d.(*T).M" is of "a.com/b.c/d". */
static size_t package_length(const char *name)
{
	const char *slash = name + strcspn(name, "(["), *dot;

	while (slash > name && *slash != '/')
		slash--;
	dot = strchr(slash, '.');
	return dot ? (size_t)(dot - name) : strlen(name);
}

/* FNV-1a. */
static uint32_t hash(const char *s, size_t n)
{
	uint32_t h = 2166136261U;

	while (n--)
		h = (h ^ (uint8_t)*s++) * 16777619U;
	return h;
}

/* Equal packages have equal colours; the runtime and what is no function are grey. */
static void print_colour(FILE *f, const char *name)
{
	size_t n = package_length(name);
	bool is_runtime =
		(n == 7 && !strncmp(name, "runtime", n)) || !strncmp(name, "internal/runtime/", 17);
	uint32_t h = hash(name, n);

	if (is_runtime)
		fputs("#d4d7dc", f);
	else if (*name == '[' || !strncmp(name, "created by ", 11) || !strcmp(name, "all"))
		fputs("#ececec", f);
	else
		fprintf(f, "#%02x%02x%02x", 155 + h % 100, 155 + h / 100 % 100,
			125 + h / 10000 % 100);
}

/* ---- frames ---- */

static double percent(const struct flame *fl, int64_t value)
{
	return fl->total ? 100.0 * (double)value / (double)fl->total : 0;
}

static double pixels(const struct flame *fl, int64_t value)
{
	return percent(fl, value) / 100 * (WIDTH - 2 * MARGIN);
}

/* As much of a name as fits; the script does the same when it places frames anew. */
static void print_label(const struct flame *fl, const char *name, int64_t value)
{
	double room = (pixels(fl, value) - 6) / CHAR_WIDTH;
	size_t fits = room > 0 ? (size_t)room : 0;
	char cut[4 * (WIDTH / 7) + 8];

	if (fits < 3)
		return;
	if (view_columns(name) > fits)
		name = view_short_function(name);
	if (view_columns(name) <= fits) {
		html_escape(fl->f, name);
		return;
	}
	view_fit(cut, sizeof(cut), name, (unsigned int)fits - 1, false);
	cut[strlen(cut) - 1] = '\0';
	html_escape(fl->f, cut);
	fputs("..", fl->f);
}

static void print_frame(struct flame *fl, const struct stacktree_node *n, const char *name,
			int64_t start)
{
	unsigned int y = n->depth * ROW;

	fprintf(fl->f, "<g class=\"f\" data-s=\"%" PRId64 "\" data-v=\"%" PRId64 "\"><title>",
		start, n->total);
	html_escape(fl->f, name);
	fputs(" (", fl->f);
	print_value(fl, n->total);
	fprintf(fl->f, ", %.2f%%)</title>", percent(fl, n->total));
	fprintf(fl->f, "<rect x=\"%.4f%%\" y=\"%u\" width=\"%.4f%%\" height=\"%u\" fill=\"",
		percent(fl, start), y, percent(fl, n->total), ROW - 1);
	print_colour(fl->f, name);
	fprintf(fl->f, "\"/><text x=\"%.4f%%\" dx=\"3\" y=\"%u\">", percent(fl, start), y + 12);
	print_label(fl, name, n->total);
	fputs("</text></g>\n", fl->f);
}

static void print_children(struct flame *fl, const struct stacktree_node *n, int64_t start)
{
	for (const struct stacktree_node *c = n->children; c; c = c->next) {
		if (pixels(fl, c->total) < VISIBLE_PX) {
			fl->hidden++;
		} else {
			print_frame(fl, c, c->name, start);
			print_children(fl, c, start);
		}
		start += c->total;
	}
}

/* ---- the file ---- */

static const char style[] =
	"<style>\n"
	"svg { background: #fff; font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, "
	"monospace; }\n"
	"text { fill: #111; pointer-events: none; }\n"
	".head { font-size: 15px; font-weight: bold; }\n"
	".dim { fill: #666; }\n"
	".act { fill: #0a58ca; cursor: pointer; pointer-events: auto; }\n"
	".f rect { stroke: #fff; stroke-width: .5; cursor: pointer; }\n"
	".f:hover rect { stroke: #000; }\n"
	".above rect { opacity: .55; }\n"
	".hit rect { fill: #d63fe0; }\n"
	"</style>\n";

static void print_head(const struct flame *fl, const char *title, unsigned int height)
{
	fprintf(fl->f,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"top\" width=\"%u\" height=\"%u\">\n",
		WIDTH, height);
	fputs("<title>", fl->f);
	html_name(fl->f, title);
	fputs("</title>\n", fl->f);
	fputs(style, fl->f);
	fprintf(fl->f, "<text class=\"head\" x=\"%u\" y=\"20\">", MARGIN);
	html_name(fl->f, title);
	fprintf(fl->f, "</text>\n<text class=\"dim\" x=\"%u\" y=\"38\">", MARGIN);
	html_name(fl->f, fl->p->comment ? fl->p->comment : "");
	fprintf(fl->f,
		"</text>\n<text id=\"info\" x=\"%u\" y=\"56\"> </text>\n"
		"<g id=\"acts\" visibility=\"hidden\" text-anchor=\"end\">\n"
		"<text id=\"reset\" class=\"act\" x=\"100%%\" dx=\"-%u\" y=\"38\"> </text>\n"
		"<text id=\"find\" class=\"act\" x=\"100%%\" dx=\"-%u\" y=\"20\">search (/)</text>\n"
		"<text id=\"found\" x=\"100%%\" dx=\"-%u\" y=\"56\"> </text>\n</g>\n",
		MARGIN, MARGIN, MARGIN, MARGIN);
}

static void print_body(struct flame *fl, const struct stacktree *t)
{
	fprintf(fl->f, "<svg x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" id=\"frames\">\n", MARGIN,
		TOP, WIDTH - 2 * MARGIN, (t->depth + 1) * ROW);
	print_frame(fl, &t->root, "all", 0);
	print_children(fl, &t->root, 0);
	fputs("</svg>\n", fl->f);
	if (fl->hidden)
		fprintf(fl->f, "<!-- %" PRIu64 " frames are too narrow to be drawn -->\n",
			fl->hidden);
}

int profile_write_flame(const struct profile *p, const char *title, FILE *f)
{
	_cleanup_(stacktree_release) struct stacktree t = { 0 };
	struct flame fl = { .f = f, .p = p };
	int err = stacktree_make(p, &t);

	if (err)
		return err;
	fl.total = t.root.total;
	errno = 0;
	print_head(&fl, title, TOP + (t.depth + 1) * ROW + BOTTOM);
	print_body(&fl, &t);
	fputs("<script><![CDATA[\n", f);
	fputs(flame_script, f);
	fputs("]]></script>\n</svg>\n", f);
	if (!ferror(f))
		return 0;
	return errno ? -errno : -EIO;
}
