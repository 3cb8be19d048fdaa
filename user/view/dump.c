/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/dump.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

/* runtime/traceback.go: tracebackInnerFrames and -OuterFrames from Go 1.21 on. */
#define INNER_FRAMES 50
#define OUTER_FRAMES 50
/* runtime/runtime2.go: _TracebackMaxFrames, before. */
#define FRAMES_MAX 100

/* ---- which frames are shown (showfuncinfo) ---- */

/* runtime.Gosched, runtime.(*Func).Name, but not runtime.(*mheap).alloc. */
static bool is_exported_runtime(const char *name)
{
	const char *method, *p = name + strlen("runtime.");

	if (!strncmp(p, "(*", 2)) {
		method = strchr(p, ')');
		return isupper((unsigned char)p[2]) && method && method[1] == '.' &&
		       isupper((unsigned char)method[2]);
	}
	return isupper((unsigned char)*p);
}

static bool is_shown(const struct symbol_frame *f, bool is_first)
{
	const char *name = f->function;

	if (f->is_wrapper)
		return false;
	/* Where ordinary code ends and what a panic runs begins. */
	if (!strcmp(name, "runtime.gopanic"))
		return !is_first;
	if (!strcmp(name, "runtime.runFinalizers") || !strcmp(name, "runtime.runCleanups"))
		return true;
	return strchr(name, '.') && (strncmp(name, "runtime.", 8) || is_exported_runtime(name));
}

/* ---- frames ---- */

static void print_name(FILE *f, const char *name)
{
	fputs(strcmp(name, "runtime.gopanic") ? name : "panic", f);
}

static void print_frame(FILE *f, const struct symbol_frame *frame, uint64_t offset)
{
	print_name(f, frame->function);
	fprintf(f, "(...)\n\t%s:%" PRIu32, *frame->file ? frame->file : "?", frame->line);
	if (!frame->is_inlined && offset)
		fprintf(f, " +0x%" PRIx64, offset);
	fputc('\n', f);
}

/* Which of the frames shown are printed: those before skip and those from resume on. */
struct window {
	bool with_runtime;
	uint64_t skip, resume; /* resume UINT64_MAX: never again */
	uint64_t n; /* shown so far */
	FILE *f; /* NULL: only counted */
};

static void visit(struct window *w, const struct symbol_frame *frame, uint64_t offset)
{
	if (!w->with_runtime && !is_shown(frame, !w->n))
		return;
	if (w->f && w->n == w->skip && w->resume != UINT64_MAX)
		fprintf(w->f, "...%" PRIu64 " frames elided...\n", w->resume - w->skip);
	if (w->f && (w->n < w->skip || w->n >= w->resume))
		print_frame(w->f, frame, offset);
	w->n++;
}

/* Whether what it is on top of was interrupted there, and has not called it. */
static bool is_injected(const char *function)
{
	return !strcmp(function, "runtime.sigpanic") || !strcmp(function, "runtime.asyncPreempt") ||
	       !strncmp(function, "runtime.debugCall", 17);
}

/*
 * Where a call was injected, and where a goroutine is about to begin, the address is no return
 * address, but was put down one higher to look like the others (census/unwind.h).
 */
static uint64_t offset_of(const struct symbol *s, const char *callee)
{
	bool is_higher = callee ? is_injected(callee) : s->offset == 1;

	return s->offset - (is_higher && s->offset);
}

static void visit_all(struct window *w, struct symbols *symbols, const struct stack *stack)
{
	const char *callee = NULL;

	for (uint32_t i = 0; i < stack->n; i++) {
		const struct symbol *s = symbols_at(symbols, stack->pcs[i], false);

		for (uint32_t k = 0; k < s->n; k++)
			visit(w, &s->frames[k], offset_of(s, callee));
		callee = s->n ? s->frames[s->n - 1].function : NULL;
	}
}

static uint64_t count_shown(struct symbols *symbols, const struct stack *stack, bool with_runtime)
{
	struct window w = { .with_runtime = with_runtime };

	visit_all(&w, symbols, stack);
	return w.n;
}

static bool is_before_1_21(const struct goversion *v)
{
	return v->major == 1 && v->minor < 21;
}

/* Without the runtime's frames, unless there are no others. */
static void print_stack(const struct dump *d, const struct stack *stack)
{
	uint64_t n = count_shown(d->symbols, stack, false);
	struct window w = {
		.with_runtime = !n, .f = d->f, .skip = UINT64_MAX, .resume = UINT64_MAX
	};
	bool is_cut = stack->is_cut;

	if (!n)
		n = count_shown(d->symbols, stack, true);
	if (is_before_1_21(d->version) && n >= FRAMES_MAX) {
		w.skip = FRAMES_MAX;
		is_cut = true;
	} else if (n > INNER_FRAMES + OUTER_FRAMES && !is_cut) {
		w.skip = INNER_FRAMES;
		w.resume = n - OUTER_FRAMES;
	}
	visit_all(&w, d->symbols, stack);
	if (is_cut)
		fputs("...additional frames elided...\n", d->f);
}

/* ---- a goroutine ---- */

static void print_header(const struct dump *d, const struct walk_goroutine *g, const char *state)
{
	const char *text = symbols_text(d->symbols, state);
	uint64_t minutes = 0;

	if ((g->status == WALK_WAITING || g->status == WALK_SYSCALL) && g->waitsince_ns > 0 &&
	    (uint64_t)g->waitsince_ns < d->now_ns)
		minutes = (d->now_ns - (uint64_t)g->waitsince_ns) / (60 * NSEC_PER_SEC);
	fprintf(d->f, "goroutine %" PRIu64 " [%s", g->goid, text ? text : "?");
	if (g->status == WALK_LEAKED)
		fputs(" (leaked)", d->f);
	if (minutes)
		fprintf(d->f, ", %" PRIu64 " minutes", minutes);
	fputs("]:\n", d->f);
}

/* The main goroutine has no creator to speak of. */
static void print_creator(const struct dump *d, const struct walk_goroutine *g)
{
	struct symbol_site at = symbols_site(d->symbols, g->gopc);
	const struct symbol_frame frame = { .function = at.function };

	if (g->goid == 1 || !g->gopc || !is_shown(&frame, false))
		return;
	fputs("created by ", d->f);
	print_name(d->f, at.function);
	if (g->parent_goid)
		fprintf(d->f, " in goroutine %" PRIu64, g->parent_goid);
	fprintf(d->f, "\n\t%s:%" PRIu32, *at.file ? at.file : "?", at.line);
	if (at.offset)
		fprintf(d->f, " +0x%" PRIx64, at.offset);
	fputc('\n', d->f);
}

void dump_goroutine(struct dump *d, const struct census_goroutine *g, const char *state,
		    const struct stack *stack)
{
	if (d->printed++)
		fputc('\n', d->f);
	print_header(d, &g->g, state);
	if (stack->n)
		print_stack(d, stack);
	else
		fputs("\tgoroutine running on other thread; stack unavailable\n", d->f);
	print_creator(d, &g->g);
}
