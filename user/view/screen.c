/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/screen.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "view/report.h"

#define LIST_FIRST_ROW 2 /* below the title and the heading */
#define FOOTER_ROWS    2
#define WRAP_INDENT    8U
#define LINGER_NS      (10 * NSEC_PER_SEC) /* that a process stays after it has ended */

enum screen_mode {
	MODE_LIST = 0,
	MODE_DETAIL,
	MODE_HELP,
};

struct entry {
	struct row row;
	char *detail; /* the report as text, drawn when sampled */
	char summary[VERDICT_LINE_MAX];
};

struct screen {
	screen_judge judge;
	void *judge_arg;
	struct entry *entries;
	struct row **order; /* entries' rows, sorted; row is an entry's first member */
	size_t n;
	enum column_id sort_by;
	bool is_descending;
	enum screen_mode mode;
	pid_t selected; /* pid; 0: none yet */
	unsigned int scroll; /* of the detail */
	unsigned int page; /* rows of the last picture that scroll */
	unsigned int columns; /* of the last picture, for the detail's wrapping */
	uint64_t received, lost, sampled_ns;
	uint64_t refused; /* Go processes that could not be watched */
	double events_per_s;
};

int screen_new(screen_judge judge, void *arg, struct screen **ret)
{
	struct screen *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->judge = judge;
	s->judge_arg = arg;
	s->sort_by = COLUMN_VERDICT;
	s->is_descending = true;
	s->page = 1;
	s->columns = 80;
	*ret = s;
	return 0;
}

static void entries_free(struct entry *entries, size_t n)
{
	for (size_t i = 0; entries && i < n; i++)
		free(entries[i].detail);
	free(entries);
}

void screen_free(struct screen *s)
{
	if (!s)
		return;
	entries_free(s->entries, s->n);
	free(s->order);
	free(s);
}

/* ---- sampling ---- */

static char *detail_of(const struct snapshot_process *p, const struct verdict *v,
		       unsigned int columns)
{
	char *text = NULL;
	size_t size = 0;
	struct view_out o = { .f = open_memstream(&text, &size), .width = columns };

	if (!o.f)
		return NULL;
	report_process(&o, p, v, true);
	if (fclose(o.f)) {
		free(text);
		return NULL;
	}
	return text;
}

static int entry_fill(struct screen *s, const struct snapshot_process *p, struct entry *ret)
{
	_cleanup_free_ struct verdict *v = malloc(sizeof(*v));

	if (!v)
		return -ENOMEM;
	s->judge(s->judge_arg, p, v);
	row_of(p, v, &ret->row);
	text_scrub(ret->summary, sizeof(ret->summary), v->summary, sizeof(v->summary));
	ret->detail = detail_of(p, v, s->columns);
	return ret->detail ? 0 : -ENOMEM;
}

static void sort(struct screen *s)
{
	rows_sort(s->order, s->n, s->sort_by, s->is_descending);
}

/* Index in the sorted list; a process that has gone leaves the selection at the top. */
static size_t selected_index(const struct screen *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->order[i]->pid == s->selected)
			return i;
	}
	return 0;
}

static const struct entry *selected_entry(const struct screen *s)
{
	return s->n ? (const struct entry *)s->order[selected_index(s)] : NULL;
}

/* Totals of all processes, and events per second since the last sample. */
static void count_events(struct screen *s, const struct snapshot *snap)
{
	uint64_t received = 0, lost = 0, refused = 0, unseen = 0;

	for (size_t i = 0; i < snap->n; i++) {
		const struct snapshot_process *p = &snap->processes[i];

		received += p->received;
		lost += p->lost + p->stacks_lost;
		/* Each process tells the same of the observer. */
		refused = MAX(refused, p->observer.refused);
		unseen = MAX(unseen, p->observer.malformed + p->observer.tasks_lost);
	}
	/* A process that ended takes its share out of the sum. */
	if (s->sampled_ns && snap->now_ns > s->sampled_ns && received >= s->received)
		s->events_per_s = (double)(received - s->received) /
				  ((double)(snap->now_ns - s->sampled_ns) / 1e9);
	s->received = received;
	s->lost = lost + unseen;
	s->refused = refused;
	s->sampled_ns = snap->now_ns;
}

int screen_sample(struct screen *s, const struct snapshot *snap)
{
	struct entry *entries = calloc(snap->n + 1, sizeof(*entries));
	struct row **order = calloc(snap->n + 1, sizeof(struct row *));
	int err = entries && order ? 0 : -ENOMEM;
	size_t n = 0;

	for (size_t i = 0; !err && i < snap->n; i++) {
		const struct snapshot_process *p = &snap->processes[i];

		if (p->has_exited && snap->now_ns - p->now_ns > LINGER_NS)
			continue;
		err = entry_fill(s, p, &entries[n]);
		order[n] = &entries[n].row;
		n++;
	}
	if (err) {
		entries_free(entries, n);
		free(order);
		return err;
	}
	entries_free(s->entries, s->n);
	free(s->order);
	s->entries = entries;
	s->order = order;
	s->n = n;
	count_events(s, snap);
	sort(s);
	return 0;
}

/* ---- keys ---- */

static void select_move(struct screen *s, int by)
{
	if (!s->n)
		return;
	long i = (long)selected_index(s) + by;

	i = MAX(0, MIN(i, (long)s->n - 1));
	s->selected = s->order[i]->pid;
}

static void scroll_move(struct screen *s, int by)
{
	long to = (long)s->scroll + by;

	s->scroll = (unsigned int)MAX(0, to); /* the end is found when drawn */
}

/* Rows that a key moves by; 0 if it is no such key. */
static int key_step(const struct screen *s, int key)
{
	int page = (int)s->page;

	switch (key) {
	case SCREEN_KEY_UP:
	case 'k':
		return -1;
	case SCREEN_KEY_DOWN:
	case 'j':
		return 1;
	case SCREEN_KEY_PAGE_UP:
		return -page;
	case SCREEN_KEY_PAGE_DOWN:
	case ' ':
		return page;
	case SCREEN_KEY_HOME:
		return -(1 << 20);
	case SCREEN_KEY_END:
		return 1 << 20;
	default:
		return 0;
	}
}

/* The same column again turns the order round. */
static void sort_by_key(struct screen *s, int key)
{
	for (unsigned int id = 0; id < COLUMN_MAX; id++) {
		const struct column *c = column_get(id);

		if (!c->key || c->key != key)
			continue;
		s->is_descending = s->sort_by == id ? !s->is_descending : c->is_descending;
		s->sort_by = id;
		sort(s);
	}
}

static void list_key(struct screen *s, int key)
{
	const struct entry *e = selected_entry(s);

	if (key == SCREEN_KEY_ENTER && e) {
		s->selected = e->row.pid;
		s->scroll = 0;
		s->mode = MODE_DETAIL;
	} else if (key_step(s, key)) {
		select_move(s, key_step(s, key));
	} else {
		sort_by_key(s, key);
	}
}

bool screen_key(struct screen *s, int key)
{
	if (s->mode == MODE_LIST && (key == 'q' || key == 'Q'))
		return true;
	if (key == '?' && s->mode != MODE_HELP)
		s->mode = MODE_HELP;
	else if (s->mode == MODE_LIST)
		list_key(s, key);
	else if (s->mode == MODE_DETAIL && key_step(s, key))
		scroll_move(s, key_step(s, key));
	else if (s->mode == MODE_HELP || key == 'q' || key == SCREEN_KEY_BACK ||
		 key == SCREEN_KEY_ENTER)
		s->mode = MODE_LIST;
	return false;
}

/* ---- drawing ---- */

static void line_set(struct screen_line *l, unsigned int columns, enum view_style style,
		     const char *text)
{
	char cell[COLUMNS_LINE_MAX];
	unsigned int width = MIN(columns, (unsigned int)(COLUMNS_LINE_MAX - 1) / 4);

	view_fit(cell, sizeof(cell), text, width, false);
	size_t len = strlen(cell);

	while (len > 0 && cell[len - 1] == ' ')
		len--;
	*l = (struct screen_line){ .style = style };
	memcpy(l->text, cell, len);
}

static void draw_title(const struct screen *s, const char *clock, unsigned int columns,
		       struct screen_line *ret)
{
	char text[256], rate[TEXT_HUMAN_MAX], refused[64] = "";
	size_t leaking = 0;

	for (size_t i = 0; i < s->n; i++)
		leaking += verdict_kind_is_leak(s->order[i]->kind);
	if (s->refused)
		snprintf(refused, sizeof(refused), "  refused %" PRIu64, s->refused);
	snprintf(text, sizeof(text),
		 "gotide %s  %zu Go process%s, %zu leaking  events %s/s  lost %" PRIu64 "%s", clock,
		 s->n, s->n == 1 ? "" : "es", leaking, text_count(rate, s->events_per_s), s->lost,
		 refused);
	line_set(ret, columns, leaking ? VIEW_BAD : VIEW_BOLD, text);
}

/* The heading, with the name of the column that rows are sorted by standing out. */
static void draw_heading(const struct screen *s, uint32_t set, unsigned int columns,
			 struct screen_line *ret)
{
	const struct column *c = column_get(s->sort_by);
	char text[COLUMNS_LINE_MAX];

	columns_line(set, columns, NULL, text);
	line_set(ret, columns, VIEW_DIM, text);
	if (!(set & 1U << s->sort_by))
		return;
	ret->mark_columns = view_columns(c->name);
	ret->mark_at = columns_start(set, columns, s->sort_by) +
		       (c->is_right ? c->width - ret->mark_columns : 0);
	ret->mark_style = VIEW_BOLD;
}

static void draw_row(const struct screen *s, uint32_t set, unsigned int columns,
		     const struct row *r, struct screen_line *ret)
{
	char text[COLUMNS_LINE_MAX];

	columns_line(set, columns, r, text);
	line_set(ret, columns, r->has_exited ? VIEW_DIM : VIEW_PLAIN, text);
	ret->is_selected = r->pid == s->order[selected_index(s)]->pid;
	if (!(set & 1U << COLUMN_VERDICT))
		return;
	ret->mark_at = columns_start(set, columns, COLUMN_VERDICT);
	ret->mark_columns = view_columns(verdict_kind_str(r->kind));
	ret->mark_style = view_kind_style(r->kind);
}

static void draw_empty(unsigned int rows, unsigned int columns, struct screen_line *ret)
{
	if (rows > LIST_FIRST_ROW)
		line_set(&ret[LIST_FIRST_ROW], columns, VIEW_PLAIN,
			 "No Go process is being watched yet: new ones appear as they start.");
}

/* Of a list that is cut, the last row says by how much. */
static void draw_cut(size_t above, size_t below, unsigned int columns, struct screen_line *ret)
{
	char text[96], and_above[48] = "";

	if (above)
		snprintf(and_above, sizeof(and_above), "%s%zu above", below ? ", " : "", above);
	if (below)
		snprintf(text, sizeof(text), "... %zu more below%s", below, and_above);
	else
		snprintf(text, sizeof(text), "... %s", and_above);
	line_set(ret, columns, VIEW_DIM, text);
}

static void draw_list(struct screen *s, unsigned int rows, unsigned int columns,
		      struct screen_line *ret)
{
	uint32_t set = columns_fit((1U << COLUMN_MAX) - 1, columns);
	unsigned int room =
		rows > LIST_FIRST_ROW + FOOTER_ROWS ? rows - LIST_FIRST_ROW - FOOTER_ROWS : 0;
	bool is_cut = s->n > room && room > 1;

	room -= is_cut;
	size_t at = selected_index(s), first = at >= room ? at + 1 - room : 0;

	s->page = MAX(room, 1U);
	if (rows > 1)
		draw_heading(s, set, columns, &ret[1]);
	if (!s->n)
		draw_empty(rows, columns, ret);
	for (unsigned int i = 0; i < room && first + i < s->n; i++)
		draw_row(s, set, columns, s->order[first + i], &ret[LIST_FIRST_ROW + i]);
	if (is_cut)
		draw_cut(first, s->n - first - room, columns, &ret[LIST_FIRST_ROW + room]);
}

/* Below the list: where the selected process leaks, or why its verdict is what it is. */
static void draw_footer(const struct screen *s, unsigned int rows, unsigned int columns,
			struct screen_line *ret)
{
	const struct entry *e = selected_entry(s);
	char text[COLUMNS_LINE_MAX];

	if (rows < LIST_FIRST_ROW + FOOTER_ROWS + 1)
		return;
	if (e) {
		snprintf(text, sizeof(text), "%s (%d): %s", e->row.name, (int)e->row.pid,
			 e->row.where[0] ? e->row.where : e->summary);
		line_set(&ret[rows - 2], columns, view_kind_style(e->row.kind), text);
	}
	line_set(&ret[rows - 1], columns, VIEW_DIM,
		 "arrows select  Enter detail  p n v g + h r c sort  ? help  q quit");
}

/* Bytes of the next piece of a line that fit: to a blank if there is one in its second half. */
static size_t piece_bytes(const char *line, size_t len, unsigned int columns)
{
	size_t i = 0, blank = 0;

	for (unsigned int n = 0; i < len; i++) {
		if (((unsigned char)line[i] & 0xc0) != 0x80 && n++ == columns)
			break;
		if (line[i] == ' ')
			blank = i;
	}
	return i < len && blank > i / 2 ? blank : i;
}

/*
 * Draws rows of text from the row numbered skip on; lines that are too long go on below, indented.
 * Returns how many rows the whole text takes.
 */
static unsigned int draw_text(const char *text, unsigned int skip, unsigned int rows,
			      unsigned int columns, struct screen_line *ret)
{
	unsigned int n = 0, indent = 0;
	bool is_first = true;

	for (; *text; n++) {
		size_t len = strcspn(text, "\n");
		size_t piece = piece_bytes(text, len, columns - indent);
		char line[COLUMNS_LINE_MAX];

		if (n >= skip && n - skip < rows) {
			snprintf(line, sizeof(line), "%*s%.*s", (int)indent, "", (int)piece, text);
			line_set(&ret[n - skip], columns, is_first ? VIEW_BOLD : VIEW_PLAIN, line);
		}
		is_first = is_first && piece < len;
		indent = piece < len ? MIN(WRAP_INDENT, columns / 2) : 0;
		text += piece + (piece == len ? text[len] == '\n' : strspn(text + piece, " "));
	}
	return n;
}

static void draw_detail(struct screen *s, unsigned int rows, unsigned int columns,
			struct screen_line *ret)
{
	const struct entry *e = selected_entry(s);
	unsigned int room = rows - 2;

	s->page = room;
	if (!e) {
		s->mode = MODE_LIST;
		return;
	}
	unsigned int n = draw_text(e->detail, 0, 0, columns, NULL);

	s->scroll = MIN(s->scroll, n > room ? n - room : 0);
	draw_text(e->detail, s->scroll, room, columns, ret + 1);
	line_set(&ret[rows - 1], columns, VIEW_DIM,
		 "arrows scroll  Enter or q back to the list  ? help");
}

static void draw_help(unsigned int rows, unsigned int columns, struct screen_line *ret)
{
	static const char text[] =
		"\n"
		"  up down j k       select a process, or scroll its detail\n"
		"  PgUp PgDn space   the same by pages; Home End to the ends\n"
		"  Enter             detail of the selected process, and back\n"
		"  p n v g + h r c   sort by pid, name, verdict, goroutines, growth, heap,\n"
		"                    RSS, GC; the same key again turns the order round\n"
		"  q                 back, or quit\n"
		"\n"
		"  +/MIN   growth of the number of goroutines over the last minute\n"
		"  HEAP    heap live after the last garbage collection\n"
		"  RSS     resident memory: anonymous, file and shared\n"
		"  GC/MIN  garbage collections per minute since observation began\n"
		"  WHERE   the go statement of the worst finding -> what it runs; or a summary\n"
		"\n"
		"  ? is a figure that is not known, - one that it is too early for.\n"
		"  A process that has ended is dim, and goes after ten seconds.\n"
		"\n"
		"  Any key goes back.\n";

	draw_text(text, 0, rows - 1, columns, ret + 1);
}

void screen_render(struct screen *s, const char *clock, unsigned int rows, unsigned int columns,
		   struct screen_line *ret)
{
	for (unsigned int i = 0; i < rows; i++)
		ret[i] = (struct screen_line){ 0 };
	s->columns = MAX(columns, 40U);
	if (!rows)
		return;
	draw_title(s, clock, columns, &ret[0]);
	if (rows < 3)
		return;
	if (s->mode == MODE_HELP)
		draw_help(rows, columns, ret);
	if (s->mode == MODE_DETAIL)
		draw_detail(s, rows, columns, ret);
	if (s->mode == MODE_LIST) {
		draw_list(s, rows, columns, ret);
		draw_footer(s, rows, columns, ret);
	}
}
