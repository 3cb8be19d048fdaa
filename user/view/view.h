/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all views share: where text goes and whether it may be coloured, wrapping of prose, and the
 * cleaning of names that come from a target.  Used by the files of this room and by commands;
 * decides nothing and keeps no state.
 */
#ifndef GOTIDE_VIEW_VIEW_H
#define GOTIDE_VIEW_VIEW_H

#include <stdio.h>

#include "base/err.h"
#include "trend/verdict.h"

enum view_style {
	VIEW_PLAIN = 0,
	VIEW_BOLD,
	VIEW_DIM,
	VIEW_BAD, /* a leak */
	VIEW_WARN,
	VIEW_GOOD,
	VIEW_STYLE_MAX,
};

struct view_out {
	FILE *f; /* borrowed */
	bool is_coloured;
	unsigned int width; /* columns at which prose is wrapped */
	unsigned int columns; /* of the terminal, for what is no prose; 100 if it is none */
};

/*
 * For a stream: coloured only if it is a terminal and NO_COLOR is not set; as wide as the terminal,
 * at most 100 columns, and 100 columns if it is none.
 */
void view_out_init(struct view_out *o, FILE *f);

/* Prints in a style.  Colour sequences come only if is_coloured. */
void view_printf(struct view_out *o, enum view_style style, const char *fmt, ...) _printf_(3, 4);

/*
 * Prints prose after lead, wrapped at the width; lines after the first are indented by the columns
 * that lead takes.  Ends with a newline.
 */
void view_wrap(struct view_out *o, enum view_style lead_style, const char *lead, const char *text);

/*
 * A line of pieces, none of which is broken: one that does not fit goes on the next line, indented.
 * Begin it at {o, indent, columns printed so far}, and end it with a newline.
 */
struct view_line {
	struct view_out *o;
	unsigned int indent, at;
	unsigned int n; /* pieces so far */
};

/* Columns that a piece may take on a line of its own. */
unsigned int view_line_room(const struct view_line *l);

/* Prints a piece, after a gap unless it begins a line. */
void view_piece(struct view_line *l, enum view_style style, const char *gap, const char *text);

/*
 * Prints a function, in that style, and where it is as view_source() has it; of a function's name
 * that has no room even on a line of its own the folders of the package are left out.
 */
void view_piece_source(struct view_line *l, enum view_style style, const char *function,
		       const char *file, uint32_t line);

/* A name fit for a terminal or JSON: a scrubbed copy in buf; "" for NULL.  Returns buf. */
#define VIEW_NAME_MAX 520
const char *view_name(char buf[static VIEW_NAME_MAX], const char *name);

/*
 * A function's name without the path of its package: "d.(*T).M" of "a.com/b.c/d.(*T).M"; points
 * into it.
 */
const char *view_short_function(const char *function);

/*
 * Prints "function  file:line" and a newline at a column; what does not fit loses the folders of
 * the file, then the path of the package.  No file: the function alone.
 */
void view_place(struct view_out *o, enum view_style style, unsigned int at, const char *function,
		const char *file, uint32_t line);

/*
 * "file:line", scrubbed: of files of Go's own library and of modules only what the import path has
 * of it; and what is longer than columns begins with "..." instead of its first folders.  The
 * file's own name and the line are always there.  "" for NULL or an empty name.
 */
const char *view_source(char buf[static VIEW_NAME_MAX], const char *file, uint32_t line,
			unsigned int columns);

/* Columns that text takes: one per character of UTF-8. */
unsigned int view_columns(const char *text);

/*
 * Copies text cut to columns (the cut shown by '~') and padded with blanks to exactly that many,
 * on the left if is_right.  buf must hold 4 * columns + 1 bytes.
 */
void view_fit(char *buf, size_t size, const char *text, unsigned int columns, bool is_right);

/*
 * What the goroutines of a site run: what the go statement names, if need be as an example's stack
 * tells it.  "" if it is not known.  Scrubbed, in buf, which is returned.
 */
const char *view_runs(char buf[static VIEW_NAME_MAX], const struct snapshot_site *s);

/* "GOROUTINE LEAK" for goroutine-leak. */
#define VIEW_TITLE_MAX 32
const char *view_title(char buf[static VIEW_TITLE_MAX], enum verdict_kind k);

/* The style in which a verdict of that kind is shown. */
enum view_style view_kind_style(enum verdict_kind k);

#endif
