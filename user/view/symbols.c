/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/symbols.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/text.h"

/* Calls inlined into one another at one address, and the function around them. */
#define FRAMES_MAX 65
/* A name or a path; longer ones are cut. */
#define TEXT_MAX 1024

struct text {
	UT_hash_handle hh;
	char s[];
};

struct place {
	uint64_t key[2]; /* pc, is_exact */
	struct symbol symbol;
	UT_hash_handle hh;
	struct symbol_frame frames[];
};

struct symbols {
	struct symbols_source src;
	struct gobin *bin;
	uint64_t bias;
	uint64_t bytes; /* kept */
	uint64_t refused;
	struct text *texts;
	struct place *places;
	struct symbol unknown; /* what is returned where nothing can be kept */
	struct goframe scratch[FRAMES_MAX];
};

static int bin_frames(void *arg, uint64_t pc, bool is_return, struct goframe *frames, size_t max)
{
	return gobin_frames(arg, pc, is_return, frames, max);
}

static int bin_func_at(void *arg, uint64_t pc, struct gofunc *ret)
{
	return gobin_func_at(arg, pc, ret, NULL, 0);
}

static int bin_start(void *arg, uint64_t va, char *name, size_t size)
{
	return gobin_start_function(arg, va, name, size);
}

int symbols_new_source(const struct symbols_source *src, uint64_t bias, struct symbols **ret)
{
	struct symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->src = *src;
	s->bias = bias;
	*ret = s;
	return 0;
}

int symbols_new(struct gobin *bin, uint64_t bias, struct symbols **ret)
{
	const struct symbols_source src = { bin_frames, bin_func_at, bin_start, bin };

	return symbols_new_source(&src, bias, ret);
}

void symbols_free(struct symbols *s)
{
	struct text *t, *t_next;
	struct place *p, *p_next;

	if (!s)
		return;
	HASH_ITER (hh, s->texts, t, t_next) {
		HASH_DEL(s->texts, t);
		free(t);
	}
	HASH_ITER (hh, s->places, p, p_next) {
		HASH_DEL(s->places, p);
		free(p);
	}
	free(s);
}

/* Zeroed memory out of the budget, or NULL. */
static void *take_memory(struct symbols *s, size_t size)
{
	void *p = s->bytes + size <= SYMBOLS_BYTES_MAX ? calloc(1, size) : NULL;

	if (p)
		s->bytes += size;
	return p;
}

const char *symbols_text(struct symbols *s, const char *text)
{
	char clean[TEXT_MAX];
	size_t n = text_scrub(clean, sizeof(clean), text, strlen(text));
	struct text *t = NULL;

	HASH_FIND(hh, s->texts, clean, n, t);
	if (t)
		return t->s;
	t = take_memory(s, sizeof(*t) + n + 1);
	if (!t)
		return NULL;
	memcpy(t->s, clean, n);
	HASH_ADD_KEYPTR(hh, s->texts, t->s, n, t);
	return t->s;
}

static int take_frame(struct symbols *s, const struct goframe *from, struct symbol_frame *to)
{
	to->function = symbols_text(s, *from->function ? from->function : "?");
	to->file = symbols_text(s, from->file);
	to->line = from->line;
	to->is_inlined = from->is_inlined;
	to->is_wrapper = from->is_wrapper;
	return to->function && to->file ? 0 : -ENOMEM;
}

/* Fills in where and what; a place without a function keeps no frames. */
static int place_new(struct symbols *s, uint64_t pc, bool is_exact, struct place **ret)
{
	uint64_t va = pc - s->bias;
	struct gofunc func = { 0 };
	bool is_known = !s->src.func_at(s->src.arg, va, &func);
	bool is_return = !is_exact && (!is_known || va > func.va);
	int n = s->src.frames(s->src.arg, va, is_return, s->scratch, FRAMES_MAX);
	size_t frames = n > 0 ? (size_t)n : 0;
	_cleanup_free_ struct place *p =
		take_memory(s, sizeof(*p) + frames * sizeof(struct symbol_frame));

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < frames; i++) {
		int err = take_frame(s, &s->scratch[i], &p->frames[i]);

		if (err)
			return err;
	}
	p->symbol = (struct symbol){
		.addr = pc - is_return,
		.offset = is_known ? va - func.va : 0,
		.n = (uint32_t)frames,
		.frames = p->frames,
	};
	*ret = TAKE_PTR(p);
	return 0;
}

static const struct symbol *refuse(struct symbols *s, uint64_t pc, bool is_exact)
{
	s->refused++;
	s->unknown = (struct symbol){ .addr = pc - !is_exact };
	return &s->unknown;
}

const struct symbol *symbols_at(struct symbols *s, uint64_t pc, bool is_exact)
{
	const uint64_t key[2] = { pc, is_exact };
	struct place *p = NULL;

	HASH_FIND(hh, s->places, key, sizeof(key), p);
	if (p)
		return &p->symbol;
	if (HASH_COUNT(s->places) >= SYMBOLS_MAX || place_new(s, pc, is_exact, &p))
		return refuse(s, pc, is_exact);
	memcpy(p->key, key, sizeof(key));
	HASH_ADD(hh, s->places, key, sizeof(key), p);
	return &p->symbol;
}

const char *symbols_start(struct symbols *s, uint64_t startpc)
{
	char name[TEXT_MAX];
	const char *text;

	if (s->src.start(s->src.arg, startpc - s->bias, name, sizeof(name)) || !*name)
		return "?";
	text = symbols_text(s, name);
	return text ? text : "?";
}

struct symbol_site symbols_site(struct symbols *s, uint64_t gopc)
{
	const struct symbol *p = symbols_at(s, gopc, false);

	if (!p->n)
		return (struct symbol_site){ .function = "?", .file = "" };
	return (struct symbol_site){
		.function = p->frames[p->n - 1].function,
		.file = p->frames[0].file,
		.line = p->frames[0].line,
		.offset = p->offset,
	};
}

uint64_t symbols_refused(const struct symbols *s)
{
	return s->refused;
}

bool symbols_is_runtime(const char *function)
{
	return !strncmp(function, "runtime.", 8) || !strncmp(function, "internal/runtime/", 17);
}

bool symbols_is_allocator(const char *function)
{
	static const char *const names[] = {
		"runtime.mallocgc",  "runtime.newobject",    "runtime.makeslice",
		"runtime.growslice", "runtime.makechan",     "runtime.newarray",
		"runtime.makemap",   "runtime.rawbyteslice", "runtime.rawstring",
		"runtime.concatstr",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strncmp(function, names[i], strlen(names[i])))
			return true;
	}
	return false;
}
