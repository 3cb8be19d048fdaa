/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/top.h"

#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "view/screen.h"

#define KEY_INTERRUPT 3 /* ^C */

struct top {
	struct screen *screen;
	SCREEN *terminal;
	chtype attr[VIEW_STYLE_MAX];
};

static void attributes_init(struct top *t)
{
	const char *no_color = getenv("NO_COLOR");

	t->attr[VIEW_BOLD] = t->attr[VIEW_BAD] = A_BOLD;
	t->attr[VIEW_DIM] = A_DIM;
	if ((no_color && *no_color) || start_color() == ERR || COLORS < 8)
		return;
	use_default_colors();
	init_pair(1, COLOR_RED, -1);
	init_pair(2, COLOR_YELLOW, -1);
	init_pair(3, COLOR_GREEN, -1);
	t->attr[VIEW_BAD] = A_BOLD | COLOR_PAIR(1);
	t->attr[VIEW_WARN] = COLOR_PAIR(2);
	t->attr[VIEW_GOOD] = COLOR_PAIR(3);
}

/* A terminal on which the cursor can be moved; NULL if it is none. */
static SCREEN *terminal_open(void)
{
	SCREEN *terminal = newterm(NULL, stdout, stdin);

	if (terminal && !tigetstr("cup")) {
		endwin();
		delscreen(terminal);
		terminal = NULL;
	}
	return terminal;
}

int top_open(screen_judge judge, void *arg, struct top **ret)
{
	struct top *t = calloc(1, sizeof(*t));
	int err = t ? screen_new(judge, arg, &t->screen) : -ENOMEM;

	if (!err && !(t->terminal = terminal_open()))
		err = -ENOTTY;
	if (err) {
		if (t)
			screen_free(t->screen);
		free(t);
		return err;
	}
	set_escdelay(25);
	raw(); /* ^C is a key: it gives the terminal back as q does */
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	attributes_init(t);
	*ret = t;
	return 0;
}

void top_close(struct top *t)
{
	if (!t)
		return;
	endwin();
	delscreen(t->terminal);
	screen_free(t->screen);
	free(t);
}

static void paint_line(const struct top *t, int y, const struct screen_line *l)
{
	chtype selected = l->is_selected ? A_REVERSE : 0;
	int width = l->is_selected ? COLS : 0;

	attrset(t->attr[l->style] | selected);
	mvaddstr(y, 0, l->text);
	if (width > (int)view_columns(l->text))
		hline(' ' | selected, width - (int)view_columns(l->text));
	if (l->mark_columns)
		mvchgat(y, (int)l->mark_at, (int)l->mark_columns,
			(t->attr[l->mark_style] & ~A_COLOR) | selected,
			(short)PAIR_NUMBER(t->attr[l->mark_style]), NULL);
}

static void paint(struct top *t)
{
	_cleanup_free_ struct screen_line *lines = calloc((size_t)LINES + 1, sizeof(*lines));
	time_t now = time(NULL);
	struct tm tm;
	char clock[16];

	if (!lines)
		return;
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
	screen_render(t->screen, clock, (unsigned int)LINES, (unsigned int)COLS, lines);
	erase();
	for (int y = 0; y < LINES; y++)
		paint_line(t, y, &lines[y]);
	attrset(A_NORMAL);
	refresh();
}

int top_sample(struct top *t, const struct snapshot *snap)
{
	int err = screen_sample(t->screen, snap);

	if (!err)
		paint(t);
	return err;
}

static int key_of(int c)
{
	static const struct {
		int curses;
		enum screen_key key;
	} keys[] = {
		{ KEY_UP, SCREEN_KEY_UP },	   { KEY_DOWN, SCREEN_KEY_DOWN },
		{ KEY_PPAGE, SCREEN_KEY_PAGE_UP }, { KEY_NPAGE, SCREEN_KEY_PAGE_DOWN },
		{ KEY_HOME, SCREEN_KEY_HOME },	   { KEY_END, SCREEN_KEY_END },
		{ KEY_ENTER, SCREEN_KEY_ENTER },   { '\n', SCREEN_KEY_ENTER },
		{ '\r', SCREEN_KEY_ENTER },	   { KEY_BACKSPACE, SCREEN_KEY_BACK },
		{ 27, SCREEN_KEY_BACK },	   { KEY_LEFT, SCREEN_KEY_BACK },
		{ KEY_RIGHT, SCREEN_KEY_ENTER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].curses == c)
			return (int)keys[i].key;
	}
	return c < 0x100 ? c : 0;
}

bool top_input(struct top *t)
{
	bool is_quit = false, is_any = false;

	for (int c = getch(); c != ERR; c = getch()) {
		is_any = true;
		if (c == KEY_INTERRUPT)
			is_quit = true;
		else if (c != KEY_RESIZE) /* curses has the new size already */
			is_quit = screen_key(t->screen, key_of(c)) || is_quit;
	}
	if (is_any && !is_quit)
		paint(t);
	return is_quit;
}
