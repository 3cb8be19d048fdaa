/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/tapeout_priv.h"

#include <stdlib.h>
#include <string.h>

/* Texts that are remembered, so that each is written once; then they are written again. */
#define STRINGS_MAX (1u << 16)

/* ---- records ---- */

void out_note(struct tapeout *o, int err)
{
	if (err && !o->err)
		o->err = err;
}

void out_put(struct tapeout *o, enum tape_kind kind, const struct pack *p)
{
	out_note(o, pack_ok(p) ? tape_put(o->w, kind, p->items, p->n) : -ENOMEM);
}

/* The record in the making: begin() to end(). */
struct pack *out_begin(struct tapeout *o, const struct out_process *op)
{
	pack_clear(&o->p);
	if (op)
		pack_uvarint(&o->p, op->id);
	return &o->p;
}

void out_end(struct tapeout *o, enum tape_kind kind)
{
	out_put(o, kind, &o->p);
}

/* ---- names ---- */

void out_strings_free(struct tapeout *o)
{
	struct out_string *s, *next;

	HASH_ITER (hh, o->strings, s, next) {
		HASH_DEL(o->strings, s);
		free(s);
	}
}

/* The number of a text, which is written if it is new; NULL is 0. */
uint32_t out_string(struct tapeout *o, const char *text)
{
	struct out_string *s = NULL;

	if (!text)
		return 0;
	size_t n = strnlen(text, MODEL_NAME_MAX);

	HASH_FIND(hh, o->strings, text, n, s);
	if (s)
		return s->id;
	if (HASH_COUNT(o->strings) >= STRINGS_MAX)
		out_strings_free(o);
	s = calloc(1, sizeof(*s) + n + 1);
	if (!s) {
		out_note(o, -ENOMEM);
		return 0;
	}
	memcpy(s->text, text, n);
	s->id = ++o->last_string;
	HASH_ADD_KEYPTR(hh, o->strings, s->text, n, s);
	out_note(o, tape_put(o->w, TAPE_STRING, text, n));
	return s->id;
}

static bool is_known(struct tapeout *o, struct out_known **set, uint64_t key)
{
	struct out_known *k = NULL;

	HASH_FIND(hh, *set, &key, sizeof(key), k);
	if (k)
		return true;
	k = calloc(1, sizeof(*k));
	if (!k) {
		out_note(o, -ENOMEM);
		return true;
	}
	k->key = key;
	HASH_ADD(hh, *set, key, sizeof(k->key), k);
	return false;
}

static void write_site_name(struct tapeout *o, const struct out_process *op,
			    const struct out_site *s)
{
	struct model_site_name name = { .link_gopc = s->gopc };

	op->resolver.site(op->resolver.arg, s->gopc, s->startpc, &name);
	uint32_t function = out_string(o, name.function), file = out_string(o, name.file);
	uint32_t start = out_string(o, name.start_function);
	struct pack *p = out_begin(o, op);

	pack_uvarint(p, s->number);
	pack_uvarint(p, s->gopc);
	pack_uvarint(p, s->startpc);
	pack_uvarint(p, name.link_gopc);
	pack_uvarint(p, function);
	pack_uvarint(p, file);
	pack_uvarint(p, start);
	pack_uvarint(p, name.line);
	pack_uvarint(p, name.is_system);
	out_end(o, TAPE_SITE_NAME);
}

/* The site of a go statement; named when it is new, and when what it starts becomes known. */
struct out_site *out_site_of(struct tapeout *o, struct out_process *op, const struct fact *f)
{
	struct out_site *s = NULL;

	if (f->is_other)
		return &op->other;
	HASH_FIND(hh, op->sites, &f->gopc, sizeof(f->gopc), s);
	if (s && (!f->startpc || s->startpc == f->startpc))
		return s;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s || vec_push(&op->by_number, s)) {
			free(s);
			out_note(o, -ENOMEM);
			return NULL;
		}
		s->gopc = f->gopc;
		s->number = (uint32_t)op->by_number.n; /* 0 is the rest */
		HASH_ADD(hh, op->sites, gopc, sizeof(s->gopc), s);
	}
	s->startpc = f->startpc;
	write_site_name(o, op, s);
	return s;
}

void out_reason(struct tapeout *o, struct out_process *op, uint32_t reason)
{
	if (is_known(o, &op->reasons, reason))
		return;
	uint32_t id = out_string(o, op->resolver.reason(op->resolver.arg, reason));
	struct pack *p = out_begin(o, op);

	pack_uvarint(p, reason);
	pack_uvarint(p, id);
	out_end(o, TAPE_REASON);
}

static void write_frames(struct tapeout *o, struct out_process *op, uint64_t pc)
{
	struct model_frame *frames;
	uint32_t ids[SNAPSHOT_STACK_MAX][2];

	if (is_known(o, &op->frames, pc))
		return;
	frames = calloc(SNAPSHOT_STACK_MAX, sizeof(*frames));
	if (!frames) {
		out_note(o, -ENOMEM);
		return;
	}
	size_t n = op->resolver.frames(op->resolver.arg, pc, frames, SNAPSHOT_STACK_MAX);

	n = MIN(n, (size_t)SNAPSHOT_STACK_MAX);
	for (size_t i = 0; i < n; i++) {
		ids[i][0] = out_string(o, frames[i].function);
		ids[i][1] = out_string(o, frames[i].file);
	}
	struct pack *p = out_begin(o, op);

	pack_uvarint(p, pc);
	pack_uvarint(p, n);
	for (size_t i = 0; i < n; i++) {
		pack_uvarint(p, ids[i][0]);
		pack_uvarint(p, ids[i][1]);
		pack_uvarint(p, frames[i].line);
	}
	out_end(o, TAPE_FRAMES);
	free(frames);
}

void out_frames(struct tapeout *o, struct out_process *op, const uint64_t *pc, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		write_frames(o, op, pc[i]);
}

/* ---- processes ---- */

struct out_process *out_process_of(const struct tapeout *o, pid_t pid)
{
	struct out_process *op = NULL;

	HASH_FIND(hh, o->processes, &pid, sizeof(pid), op);
	return op;
}

static void known_free(struct out_known **set)
{
	struct out_known *k, *next;

	HASH_ITER (hh, *set, k, next) {
		HASH_DEL(*set, k);
		free(k);
	}
}

static void allocs_free(struct out_process *op)
{
	struct out_alloc *a, *next;

	HASH_ITER (hh, op->allocs, a, next) {
		HASH_DEL(op->allocs, a);
		pack_release(&a->stack);
		free(a);
	}
}

void out_process_forget(struct tapeout *o, struct out_process *op)
{
	HASH_DEL(o->processes, op);
	HASH_CLEAR(hh, op->sites);
	HASH_CLEAR(hh, op->parks);
	vec_for_each (&op->by_number, s) {
		pack_release(&(*s)->reasons);
		free(*s);
	}
	vec_for_each (&op->park_order, k)
		free(*k);
	vec_release(&op->by_number);
	vec_release(&op->park_order);
	pack_release(&op->other.reasons);
	pack_release(&op->timers);
	allocs_free(op);
	known_free(&op->frames);
	known_free(&op->reasons);
	free(op);
}

static void process_init(struct out_process *op)
{
	fields_init(TABLE_ACCOUNT, &op->account);
	fields_init(TABLE_MEMORY, &op->memory);
	fields_init(TABLE_ROLLUP, &op->rollup);
	fields_init(TABLE_FDS, &op->fds);
	fields_init(TABLE_CGROUP, &op->cgroup);
	fields_init(TABLE_IO, &op->io);
	fields_init(TABLE_SOCKETS, &op->sockets);
	fields_init(TABLE_MACHINE, &op->machine);
	fields_init(TABLE_CENSUS_END, &op->census_end);
	fields_init(TABLE_STATE, &op->state);
}

struct out_process *out_process_new(struct tapeout *o, const struct model_process_info *info)
{
	struct out_process *op = out_process_of(o, info->pid);

	if (op)
		out_process_forget(o, op);
	op = calloc(1, sizeof(*op));
	if (!op) {
		out_note(o, -ENOMEM);
		return NULL;
	}
	op->pid = info->pid;
	op->id = ++o->last_process;
	op->resolver = info->resolver;
	process_init(op);
	HASH_ADD(hh, o->processes, pid, sizeof(op->pid), op);
	return op;
}
