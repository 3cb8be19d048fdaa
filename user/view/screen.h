/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the live screen shows and how keys change it, without a terminal: samples and keys in,
 * styled lines out.  top.c puts the lines on a terminal.  Everything shown is copied from the
 * snapshot when it is sampled, so that a key can be answered between samples.
 */
#ifndef GOTIDE_VIEW_SCREEN_H
#define GOTIDE_VIEW_SCREEN_H

#include "view/columns.h"
#include "view/view.h"

struct screen;

/* judge makes verdicts: the session's, or a test's. */
typedef void (*screen_judge)(void *arg, const struct snapshot_process *p, struct verdict *ret);
int screen_new(screen_judge judge, void *arg, struct screen **ret) _must_check_;
void screen_free(struct screen *s); /* NULL is fine */

/* Takes a new snapshot.  -ENOMEM leaves the old picture. */
int screen_sample(struct screen *s, const struct snapshot *snap) _must_check_;

/* Keys that are no characters. */
enum screen_key {
	SCREEN_KEY_UP = 0x1000,
	SCREEN_KEY_DOWN,
	SCREEN_KEY_PAGE_UP,
	SCREEN_KEY_PAGE_DOWN,
	SCREEN_KEY_HOME,
	SCREEN_KEY_END,
	SCREEN_KEY_ENTER,
	SCREEN_KEY_BACK,
};

/* True if the key asks to quit. */
bool screen_key(struct screen *s, int key);

struct screen_line {
	char text[COLUMNS_LINE_MAX];
	enum view_style style;
	bool is_selected;
	unsigned int mark_at, mark_columns; /* a part in another style; 0 columns: none */
	enum view_style mark_style;
};

/* Draws the picture, rows x columns; clock is the time of day as text.  All rows are set. */
void screen_render(struct screen *s, const char *clock, unsigned int rows, unsigned int columns,
		   struct screen_line *ret);

#endif
