/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/goroutines.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "view/jsonl.h"

/* Frames shown of the example in a group that is not one of equal stacks. */
#define EXAMPLE_FRAMES 5
#define INDENT	       10

struct stack goroutines_stack(const struct stacks *s, const struct census_goroutine *g)
{
	if (g->stack == STACKS_NONE)
		return (struct stack){ 0 };
	return stacks_get(s, g->stack);
}

/* The names of wait reasons are the executable's own. */
static const char *state_of(const struct goroutines *g, const struct walk_goroutine *w)
{
	const char *text = symbols_text(g->symbols, g->state_name(g->bin, w));

	return text ? text : "?";
}

static bool is_main(const struct census_goroutine *g)
{
	return g->g.goid == 1;
}

/* ---- the text ---- */

static void print_site(struct view_out *o, const struct goroutines *g, enum view_style style,
		       unsigned int at, const struct census_goroutine *c)
{
	struct symbol_site site = symbols_site(g->symbols, c->g.gopc);

	if (is_main(c))
		view_printf(o, style, "the main goroutine\n");
	else
		view_place(o, style, at, site.function, site.file, site.line);
}

/* What a goroutine runs, with room for what is said of it on the same line. */
static const char *runs(const struct view_out *o, const struct goroutines *g,
			const struct census_goroutine *c)
{
	const char *name = symbols_start(g->symbols, c->g.startpc);

	return INDENT + view_columns(name) + 40 > o->columns ? view_short_function(name) : name;
}

struct frames {
	struct view_out *o;
	bool with_runtime;
	unsigned int left; /* how many may still be printed */
	unsigned int printed, unprinted;
	struct symbol_frame last; /* printed */
	unsigned int repeats; /* of it, one after the other, that were not yet */
};

/* How the runtime and its next of kin make a goroutine wait, which the state says already. */
static bool is_plumbing(const char *function)
{
	return symbols_is_runtime(function) || !strncmp(function, "internal/", 9);
}

/* The function's name tells the folder already. */
static void print_place(struct frames *f, const struct symbol_frame *frame)
{
	fprintf(f->o->f, "%*s", INDENT + 2, "");
	view_place(f->o, VIEW_PLAIN, INDENT + 2, frame->function, text_base_name(frame->file),
		   frame->line);
}

/* Recursion may be deeper than any screen: what repeats itself is counted. */
static void end_repeats(struct frames *f)
{
	if (f->repeats == 1)
		print_place(f, &f->last);
	else if (f->repeats)
		fprintf(f->o->f, "%*s... %u more times\n", INDENT + 2, "", f->repeats);
	f->repeats = 0;
}

/* Equal strings are one pointer. */
static bool is_last(const struct frames *f, const struct symbol_frame *frame)
{
	return f->printed && frame->function == f->last.function && frame->file == f->last.file &&
	       frame->line == f->last.line;
}

static void print_frame(struct frames *f, const struct symbol_frame *frame)
{
	if (!profile_is_shown(frame) || (!f->with_runtime && is_plumbing(frame->function)))
		return;
	if (!f->unprinted && is_last(f, frame)) {
		f->repeats++;
		return;
	}
	end_repeats(f);
	if (!f->left) {
		f->unprinted++;
		return;
	}
	f->left--;
	f->printed++;
	f->last = *frame;
	print_place(f, frame);
}

static void print_frames_of(struct frames *f, const struct goroutines *g, const struct stack *stack)
{
	for (uint32_t i = 0; i < stack->n; i++) {
		const struct symbol *s = symbols_at(g->symbols, stack->pcs[i], false);

		for (uint32_t k = 0; k < s->n; k++)
			print_frame(f, &s->frames[k]);
	}
	end_repeats(f);
}

static const char *stack_state_str(enum census_stack s)
{
	switch (s) {
	case CENSUS_STACK_NONE:
		return "not read";
	case CENSUS_STACK_WHOLE:
		return "whole";
	case CENSUS_STACK_CUT:
		return "cut";
	case CENSUS_STACK_RUNNING:
		return "running";
	case CENSUS_STACK_MOVING:
		return "moving";
	case CENSUS_STACK_TORN:
		return "torn";
	case CENSUS_STACK_BROKEN:
		return "broken";
	case CENSUS_STACK_MAX:
		break;
	}
	return "unknown";
}

/* Why there is none, for people. */
static const char *no_stack_str(enum census_stack s)
{
	switch (s) {
	case CENSUS_STACK_RUNNING:
		return "on a CPU";
	case CENSUS_STACK_MOVING:
		return "their stack was being moved";
	case CENSUS_STACK_TORN:
		return "moved while they were read, twice";
	case CENSUS_STACK_BROKEN:
		return "their stack leads nowhere";
	default:
		return "not read";
	}
}

/* Innermost first; without the runtime's, unless there are no others. */
static void print_stack(struct view_out *o, const struct goroutines *g,
			const struct census_goroutine *c, bool is_whole, bool with_runtime)
{
	struct stack stack = goroutines_stack(g->stacks, c);
	struct frames f = { .o = o, .with_runtime = with_runtime, .left = EXAMPLE_FRAMES };

	if (!stack.n) {
		fprintf(o->f, "%*sno stack (%s); runs %s\n", INDENT, "",
			no_stack_str(c->stack_state), runs(o, g, c));
		return;
	}
	if (is_whole)
		f.left = UINT32_MAX;
	print_frames_of(&f, g, &stack);
	if (!f.printed) {
		f.with_runtime = true;
		print_frames_of(&f, g, &stack);
	}
	if (f.unprinted)
		fprintf(o->f, "%*sand %u more\n", INDENT + 2, "", f.unprinted);
	else if (stack.is_cut)
		fprintf(o->f, "%*s%s\n", INDENT + 2, "", PROFILE_CUT);
}

static double age_s(const struct goroutines *g, int64_t since_ns)
{
	return since_ns > 0 ? seconds_between((uint64_t)since_ns, g->result->end_ns) : NAN;
}

/* ", for 2m10s to 5m12s or longer": a GC's mark notes the time, so that it began before that. */
static void print_ages(struct view_out *o, const struct goroutines *g, const struct group *group)
{
	char oldest[TEXT_HUMAN_MAX], youngest[TEXT_HUMAN_MAX];

	if (!group->with_waitsince)
		return;
	text_duration(oldest, age_s(g, group->waitsince_min_ns));
	text_duration(youngest, age_s(g, group->waitsince_max_ns));
	if (strcmp(oldest, youngest))
		fprintf(o->f, ", for %s to %s or longer", youngest, oldest);
	else
		fprintf(o->f, ", for %s or longer", oldest);
	if (group->with_waitsince < group->count)
		fprintf(o->f, " (known of %" PRIu64 ")", group->with_waitsince);
}

static const struct {
	enum walk_status status;
	const char *name;
} statuses[] = {
	{ WALK_WAITING, "waiting" },	 { WALK_RUNNABLE, "runnable" },
	{ WALK_RUNNING, "running" },	 { WALK_SYSCALL, "in a system call" },
	{ WALK_PREEMPTED, "preempted" }, { WALK_COPYSTACK, "moving their stack" },
	{ WALK_LEAKED, "leaked" },
};

static void print_statuses(struct view_out *o, const struct group *group)
{
	bool is_first = true;

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		uint64_t n = group->by_status[statuses[i].status];

		if (!n)
			continue;
		fprintf(o->f, "%s%" PRIu64 " %s", is_first ? "" : ", ", n, statuses[i].name);
		is_first = false;
	}
}

static void print_group_site(struct view_out *o, const struct goroutines *g, const struct group *gr)
{
	print_site(o, g, VIEW_BOLD, INDENT, gr->first);
	fprintf(o->f, "%*sruns %s: ", INDENT, "", runs(o, g, gr->first));
	print_statuses(o, gr);
	print_ages(o, g, gr);
	fprintf(o->f, "\n%*sgoroutine %" PRIu64 ": %s\n", INDENT, "", gr->first->g.goid,
		state_of(g, &gr->first->g));
}

/* Whether a group of several was made of goroutines that were groups of their own. */
static bool is_merged(const struct groups *before, const struct group *gr)
{
	vec_for_each (&before->groups, g) {
		if (g->first == gr->first)
			return g->count == 1;
	}
	return false;
}

/*
 * Of a group by what is waited for: whether it is one channel or as many as goroutines.  Of the
 * channels of a select only the first, by address, is known.
 */
static void print_channel(struct view_out *o, const struct goroutines *g, const struct group *gr)
{
	bool is_select = !strncmp(state_of(g, &gr->first->g), "select", 6);
	uint64_t channel = gr->first->waits_on;

	if (g->by != GROUP_WAIT || !channel)
		return;
	if (gr->count > 1 && g->alone && is_merged(g->alone, gr))
		fprintf(o->f, ", each at a%s channel of its own", is_select ? " first" : "");
	else
		fprintf(o->f, ", %s channel 0x%" PRIx64, is_select ? "first" : "at", channel);
}

static void print_group_state(struct view_out *o, const struct goroutines *g,
			      const struct group *gr)
{
	int at = INDENT;

	view_printf(o, VIEW_BOLD, "%s", state_of(g, &gr->first->g));
	print_channel(o, g, gr);
	print_ages(o, g, gr);
	fprintf(o->f, "\n%*s", INDENT, "");
	if (is_main(gr->first)) {
		fputs("the main goroutine\n", o->f);
		return;
	}
	if (g->by == GROUP_WAIT)
		at += fprintf(o->f, "goroutine %" PRIu64 ", ", gr->first->g.goid);
	at += fprintf(o->f, "created by ");
	print_site(o, g, VIEW_PLAIN, (unsigned int)at, gr->first);
}

static void print_group(struct view_out *o, const struct goroutines *g, const struct group *gr,
			bool is_verbose)
{
	fprintf(o->f, "\n%*" PRIu64 "  ", INDENT - 2, gr->count);
	if (g->by == GROUP_SITE)
		print_group_site(o, g, gr);
	else
		print_group_state(o, g, gr);
	print_stack(o, g, gr->first, g->by == GROUP_STACK, is_verbose);
}

static const char *by_str(enum group_by by)
{
	switch (by) {
	case GROUP_STACK:
		return "stack";
	case GROUP_SITE:
		return "site";
	case GROUP_WAIT:
		return "wait";
	}
	return "unknown";
}

static uint64_t counted(const struct goroutines *g)
{
	const struct walk_result *w = &g->result->walk;

	return g->with_system ? w->live : w->live - w->system;
}

static uint64_t shown(const struct goroutines *g)
{
	uint64_t n = 0;

	vec_for_each (&g->groups->groups, gr)
		n += gr->count;
	return n;
}

static void print_head(struct view_out *o, const struct goroutines *g)
{
	static const char *const one[] = { "stack", "go statement", "kind of waiting" };
	static const char *const many[] = { "stacks", "go statements", "kinds of waiting" };
	size_t n_groups = g->groups->groups.n;
	char name[VIEW_NAME_MAX], version[VIEW_NAME_MAX], read[TEXT_HUMAN_MAX], text[256];
	int n;

	view_printf(o, VIEW_BOLD, "%s", view_name(name, g->comm));
	fprintf(o->f, " (pid %d, %s): ", (int)g->pid, view_name(version, g->go_version));
	if (g->min_age_s > 0)
		view_printf(o, VIEW_BOLD, "%" PRIu64 " of ", shown(g));
	view_printf(o, VIEW_BOLD, "%" PRIu64 " goroutine%s", counted(g),
		    counted(g) == 1 ? "" : "s");
	fprintf(o->f, ", %zu %s\n", n_groups, n_groups == 1 ? one[g->by] : many[g->by]);
	n = snprintf(text, sizeof(text), "read in %.1f ms (%s of memory) while the program ran on",
		     seconds_between(g->result->start_ns, g->result->end_ns) * 1000,
		     text_bytes(read, g->result->read_bytes));
	if (!g->with_system)
		snprintf(text + n, sizeof(text) - (size_t)n,
			 "; %" PRIu64 " of the runtime's own left out (-a)",
			 g->result->walk.system);
	view_wrap(o, VIEW_PLAIN, "  ", text);
}

/* ---- what is not there ---- */

struct notes {
	struct view_out *o;
	bool is_begun;
};

static void note_text(struct notes *o, enum view_style style, const char *text)
{
	if (!o->is_begun)
		fputc('\n', o->o->f);
	o->is_begun = true;
	view_wrap(o->o, style, "  - ", text);
}

static void note(struct notes *o, enum view_style style, uint64_t n, const char *what)
{
	char text[256];

	if (!n)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 " %s", n, what);
	note_text(o, style, text);
}

/* Of those shown. */
static uint64_t in_state(const struct goroutines *g, enum census_stack s)
{
	uint64_t n = 0;

	vec_for_each (&g->groups->groups, gr)
		n += gr->by_stack[s];
	return n;
}

static void print_stackless(struct notes *o, const struct goroutines *g)
{
	uint64_t cut = in_state(g, CENSUS_STACK_CUT);

	for (enum census_stack s = CENSUS_STACK_RUNNING; s < CENSUS_STACK_MAX; s++) {
		uint64_t n = in_state(g, s);
		char text[128];

		snprintf(text, sizeof(text), "%s no stack here: %s", n == 1 ? "has" : "have",
			 no_stack_str(s));
		note(o, VIEW_PLAIN, n, text);
	}
	note(o, VIEW_PLAIN, cut,
	     cut == 1 ? "has a stack deeper than what is read: its outermost frames are missing"
		      : "have stacks deeper than what is read: their outermost frames are missing");
}

/* A time known is a lower bound: those left out may have waited as long. */
static void print_filter(struct notes *o, const struct goroutines *g)
{
	uint64_t unknown = g->groups->age_unknown;
	uint64_t left_out = g->groups->left_out;
	char text[160], age[TEXT_HUMAN_MAX];

	if (g->min_age_s <= 0)
		return;
	if (!g->with_system)
		left_out -= MIN(left_out, g->result->walk.system);
	text_duration(age, g->min_age_s);
	if (g->apart_s > 0) {
		snprintf(text, sizeof(text), "left out: younger than %s", age);
		note(o, VIEW_PLAIN, left_out, text);
		return;
	}
	snprintf(text, sizeof(text), "left out: not known to have waited %s%s%s%s", age,
		 unknown ? "" : "; --for ", unknown ? "" : age, unknown ? "" : " tells");
	note(o, VIEW_PLAIN, left_out - MIN(left_out, unknown), text);
	snprintf(text, sizeof(text),
		 "left out: too few GCs have seen them to tell how long they wait; "
		 "--for %s tells",
		 age);
	note(o, VIEW_PLAIN, unknown, text);
}

static void print_notes(struct notes *o, const struct goroutines *g)
{
	print_stackless(o, g);
	print_filter(o, g);
	note(o, VIEW_WARN, g->result->walk.torn, "could not be read: they changed twice meanwhile");
	note(o, VIEW_WARN, g->result->walk.unread, "could not be read: their memory was not there");
	note(o, VIEW_WARN, stacks_refused(g->stacks), "stacks were too many to be kept");
	note(o, VIEW_WARN, g->groups->ungrouped, "are in groups beyond those that are kept");
	note(o, VIEW_WARN, symbols_refused(g->symbols), "addresses were too many to be named");
	if (g->result->is_partial)
		note_text(o, VIEW_BAD,
			  "NOT ALL goroutines are here: the time or the memory to be read, "
			  "or a limit, was used up");
}

/* ---- those that wait alone ---- */

static bool is_same_state(const struct group *a, const struct group *b)
{
	return a->first->g.status == b->first->g.status &&
	       a->first->g.wait_reason == b->first->g.wait_reason;
}

static void merge(struct group *to, const struct group *from)
{
	to->count += from->count;
	to->goid_max = MAX(to->goid_max, from->goid_max);
	to->with_waitsince += from->with_waitsince;
	to->waitsince_max_ns = MAX(to->waitsince_max_ns, from->waitsince_max_ns);
	if (from->waitsince_min_ns > 0 &&
	    (!to->waitsince_min_ns || from->waitsince_min_ns < to->waitsince_min_ns))
		to->waitsince_min_ns = from->waitsince_min_ns;
	for (size_t i = 0; i < GROUP_STATUS_MAX; i++)
		to->by_status[i] += from->by_status[i];
	for (size_t i = 0; i < CENSUS_STACK_MAX; i++)
		to->by_stack[i] += from->by_stack[i];
}

static int compare_groups(const void *pa, const void *pb)
{
	const struct group *a = pa, *b = pb;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return (a->goid_min > b->goid_min) - (a->goid_min < b->goid_min);
}

/* States that were met, by where in the list their group is. */
struct states {
	size_t at[256];
	size_t n;
};

/* The group of those alone in that state; NULL: there is none yet. */
static struct group *state_group(const struct states *s, struct groups *all, const struct group *g)
{
	for (size_t i = 0; i < s->n; i++) {
		if (is_same_state(&all->groups.items[s->at[i]], g))
			return &all->groups.items[s->at[i]];
	}
	return NULL;
}

/*
 * A thousand goroutines, each at its own channel, are one thing to look at: those that are alone at
 * what they wait for become one group for each state.
 */
static int merge_alone(const struct groups *from, struct groups *to)
{
	struct states states = { .n = 0 };
	int err = 0;

	for (size_t i = 0; !err && i < from->groups.n; i++) {
		const struct group *g = &from->groups.items[i];
		struct group *same = g->count == 1 ? state_group(&states, to, g) : NULL;

		if (same) {
			merge(same, g);
			continue;
		}
		if (g->count == 1 && states.n < ARRAY_SIZE(states.at))
			states.at[states.n++] = to->groups.n;
		err = vec_push(&to->groups, *g);
	}
	if (to->groups.n)
		qsort(to->groups.items, to->groups.n, sizeof(*to->groups.items), compare_groups);
	return err;
}

static void print_all(struct view_out *o, const struct goroutines *g, bool is_verbose)
{
	size_t n = g->groups->groups.n,
	       listed = is_verbose ? n : MIN(n, (size_t)GOROUTINES_GROUPS_MAX);
	struct notes notes = { .o = o };
	uint64_t rest = 0;

	print_head(o, g);
	for (size_t i = 0; i < n; i++) {
		const struct group *gr = &g->groups->groups.items[i];

		if (i < listed)
			print_group(o, g, gr, is_verbose);
		else
			rest += gr->count;
	}
	if (rest)
		fprintf(o->f, "\n%*" PRIu64 "  in %zu more group%s (-v lists all)\n", INDENT - 2,
			rest, n - listed, n - listed == 1 ? "" : "s");
	print_notes(&notes, g);
}

void goroutines_text(struct view_out *o, const struct goroutines *g, bool is_verbose)
{
	struct groups merged = { 0 };
	struct goroutines by_state = *g;

	if (g->by == GROUP_WAIT && !is_verbose && !merge_alone(g->groups, &merged)) {
		merged.left_out = g->groups->left_out;
		merged.age_unknown = g->groups->age_unknown;
		by_state.groups = &merged;
		by_state.alone = g->groups;
	}
	print_all(o, &by_state, is_verbose);
	vec_release(&merged.groups);
}

/* ---- JSON ---- */

static struct json_object *stack_states_json(const struct goroutines *g)
{
	struct json_object *o = json_object_new_object();

	for (enum census_stack s = CENSUS_STACK_WHOLE; s < CENSUS_STACK_MAX; s++)
		jsonl_add(o, stack_state_str(s), jsonl_count(g->result->stack_states[s]));
	return o;
}

struct json_object *goroutines_json(const struct goroutines *g)
{
	const struct census_result *r = g->result;
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	jsonl_add(o, "type", jsonl_text("census"));
	jsonl_add(o, "pid", json_object_new_int64(g->pid));
	jsonl_add(o, "comm", jsonl_text(g->comm));
	jsonl_add(o, "exe", jsonl_name(g->exe));
	jsonl_add(o, "go_version", jsonl_name(g->go_version));
	jsonl_add(o, "goroutines", jsonl_count(r->walk.live - r->walk.system));
	jsonl_add(o, "system", jsonl_count(r->walk.system));
	jsonl_add(o, "by", jsonl_text(by_str(g->by)));
	jsonl_add(o, "groups", jsonl_count(g->groups->groups.n));
	jsonl_add(o, "min_age_s", g->min_age_s > 0 ? jsonl_number(g->min_age_s) : NULL);
	jsonl_add(o, "apart_s", g->apart_s > 0 ? jsonl_number(g->apart_s) : NULL);
	jsonl_add(o, "left_out", jsonl_count(g->groups->left_out));
	jsonl_add(o, "age_unknown", jsonl_count(g->groups->age_unknown));
	jsonl_add(o, "ungrouped", jsonl_count(g->groups->ungrouped));
	jsonl_add(o, "stacks", stack_states_json(g));
	jsonl_add(o, "torn", jsonl_count(r->walk.torn));
	jsonl_add(o, "unread", jsonl_count(r->walk.unread));
	jsonl_add(o, "partial", jsonl_flag(r->is_partial));
	jsonl_add(o, "read_ms", jsonl_number(seconds_between(r->start_ns, r->end_ns) * 1000));
	jsonl_add(o, "read_bytes", jsonl_count(r->read_bytes));
	jsonl_add(o, "schema", json_object_new_int(JSONL_SCHEMA));
	return o;
}

static struct json_object *site_json(const struct goroutines *g, const struct census_goroutine *c)
{
	struct symbol_site site = symbols_site(g->symbols, c->g.gopc);
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "function", jsonl_text(is_main(c) ? "runtime.main" : site.function));
	jsonl_add(o, "file", is_main(c) ? NULL : jsonl_name(site.file));
	jsonl_add(o, "line", is_main(c) ? NULL : json_object_new_int64(site.line));
	jsonl_add(o, "start_function", jsonl_text(symbols_start(g->symbols, c->g.startpc)));
	return o;
}

static struct json_object *stack_json(const struct goroutines *g, const struct stack *stack)
{
	struct json_object *a = stack->n ? json_object_new_array() : NULL;

	for (uint32_t i = 0; i < stack->n; i++) {
		const struct symbol *s = symbols_at(g->symbols, stack->pcs[i], false);

		for (uint32_t k = 0; k < s->n; k++) {
			if (profile_is_shown(&s->frames[k]))
				json_object_array_add(a, jsonl_frame(&s->frames[k]));
		}
	}
	return a;
}

static struct json_object *statuses_json(const struct group *group)
{
	static const char *const names[] = {
		[WALK_RUNNABLE] = "runnable", [WALK_RUNNING] = "running",
		[WALK_SYSCALL] = "syscall",   [WALK_WAITING] = "waiting",
		[WALK_COPYSTACK] = "moving",  [WALK_PREEMPTED] = "preempted",
		[WALK_LEAKED] = "leaked",
	};
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i])
			jsonl_add(o, names[i], jsonl_count(group->by_status[i]));
	}
	return o;
}

/* As text: no number of JSON is sure to hold it. */
static struct json_object *channel_json(uint64_t addr)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, addr);
	return addr ? json_object_new_string(text) : NULL;
}

struct json_object *goroutines_group_json(const struct goroutines *g, const struct group *group)
{
	struct stack stack = goroutines_stack(g->stacks, group->first);
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	jsonl_add(o, "type", jsonl_text("group"));
	jsonl_add(o, "pid", json_object_new_int64(g->pid));
	jsonl_add(o, "count", jsonl_count(group->count));
	jsonl_add(o, "state", jsonl_text(state_of(g, &group->first->g)));
	jsonl_add(o, "by_status", statuses_json(group));
	jsonl_add(o, "waited_known", jsonl_count(group->with_waitsince));
	jsonl_add(o, "waited_min_s", jsonl_number(age_s(g, group->waitsince_max_ns)));
	jsonl_add(o, "waited_max_s", jsonl_number(age_s(g, group->waitsince_min_ns)));
	jsonl_add(o, "goid", jsonl_count(group->first->g.goid));
	jsonl_add(o, "goid_min", jsonl_count(group->goid_min));
	jsonl_add(o, "goid_max", jsonl_count(group->goid_max));
	jsonl_add(o, "channel", channel_json(group->first->waits_on));
	jsonl_add(o, "site", site_json(g, group->first));
	jsonl_add(o, "stack_state", jsonl_text(stack_state_str(group->first->stack_state)));
	jsonl_add(o, "stack", stack_json(g, &stack));
	return o;
}

/* ---- the profile ---- */

static const char *creator_text(const struct goroutines *g, const struct census_goroutine *c)
{
	char text[VIEW_NAME_MAX];

	if (is_main(c))
		return "the main goroutine";
	snprintf(text, sizeof(text), "created by %s", symbols_site(g->symbols, c->g.gopc).function);
	return symbols_text(g->symbols, text);
}

static int add_sample(const struct goroutines *g, const struct group *group, bool by_site,
		      struct profile *p)
{
	const struct census_goroutine *c = group->first;
	struct stack stack = goroutines_stack(g->stacks, c);
	struct profile_sample s = {
		.pcs = stack.n ? stack.pcs : &c->g.startpc,
		.n = stack.n ? stack.n : 1,
		.is_cut = stack.is_cut,
		.first_is_exact = !stack.n,
		.values = { (int64_t)group->count },
		.label_key = "state",
		.label = symbols_text(g->symbols, state_of(g, &c->g)),
	};

	if (by_site || !stack.n)
		s.root = creator_text(g, c);
	return vec_push(&p->samples, s);
}

int goroutines_profile(const struct goroutines *g, bool by_site, struct profile *p)
{
	const struct profile_type type = { "goroutine", "count" };
	int err = 0;

	p->types[0] = p->period_type = type;
	p->n_types = 1;
	p->shown = 0;
	p->period = 1;
	for (size_t i = 0; !err && i < g->groups->groups.n; i++)
		err = add_sample(g, &g->groups->groups.items[i], by_site, p);
	return err;
}
