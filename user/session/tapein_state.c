/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/tapein_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

/* ---- what may be read ---- */

void in_fail(struct tapein *t, int err)
{
	if (!t->err)
		t->err = err;
}

void in_hear(struct tapein *t, const struct in_process *ip, struct fact *f)
{
	if (t->err)
		return;
	f->pid = ip ? ip->pid : 0;
	t->to->hear(t->to->arg, f);
}

uint64_t in_up_to(struct bytes *b, uint64_t max)
{
	uint64_t v = bytes_uvarint(b);

	if (v > max)
		b->failed = true;
	return bytes_ok(b) ? v : 0;
}

/* A time, written as its distance from the last tick. */
uint64_t in_time(const struct tapein *t, struct bytes *b)
{
	int64_t by = bytes_svarint(b);
	uint64_t ts_ns = t->clocks.monotonic_ns + (uint64_t)by;

	if (by < -DISTANCE_MAX || by > DISTANCE_MAX || ts_ns > CLOCK_MAX)
		b->failed = true;
	return bytes_ok(b) ? ts_ns : 0;
}

/* One more thing to remember. */
bool in_has_room(struct tapein *t, struct in_process *ip)
{
	if (t->items >= TAPEIN_ITEMS_MAX) {
		in_fail(t, -EBADMSG);
		return false;
	}
	t->items++;
	ip->items++;
	return true;
}

const char *in_string(const struct tapein *t, struct bytes *b)
{
	uint64_t id = in_up_to(b, t->strings.n);

	return id ? t->strings.items[id - 1] : NULL;
}

const char *in_text(const struct tapein *t, struct bytes *b)
{
	const char *text = in_string(t, b);

	return text ? text : "";
}

void in_take_string(struct tapein *t, struct bytes *b)
{
	char text[MODEL_NAME_MAX];
	size_t n = bytes_left(b);
	const uint8_t *bytes = bytes_take(b, n);

	n = text_scrub(text, sizeof(text), bytes ? (const char *)bytes : "", n);
	t->text += n + 32; /* what a piece of memory costs besides */
	if (t->text > TAPEIN_TEXT_MAX)
		return in_fail(t, -EBADMSG);
	_cleanup_free_ char *copy = strndup(text, n);

	if (!copy || vec_push(&t->strings, copy))
		return in_fail(t, -ENOMEM);
	(void)TAKE_PTR(copy); /* is in the vector */
}

/* ---- names, asked by the model ---- */

static struct in_site *site_by_gopc(const struct in_process *ip, uint64_t gopc)
{
	struct in_site_key *k = NULL;

	HASH_FIND(hh, ip->by_gopc, &gopc, sizeof(gopc), k);
	return k ? ip->sites.items[k->number - 1] : NULL;
}

static void resolve_site(void *arg, uint64_t gopc, uint64_t startpc, struct model_site_name *ret)
{
	const struct in_site *s = site_by_gopc(arg, gopc);

	*ret = (struct model_site_name){ .link_gopc = gopc };
	if (!s)
		return;
	const struct in_name *n = startpc ? &s->named : &s->plain;

	n = n->is_set ? n : startpc ? &s->plain : &s->named;
	ret->link_gopc = n->link_gopc;
	snprintf(ret->function, sizeof(ret->function), "%s", n->function);
	snprintf(ret->file, sizeof(ret->file), "%s", n->file);
	snprintf(ret->start_function, sizeof(ret->start_function), "%s", n->start_function);
	ret->line = n->line;
	ret->is_system = n->is_system;
}

static size_t resolve_frames(void *arg, uint64_t pc, struct model_frame *ret, size_t max)
{
	const struct in_process *ip = arg;
	struct in_frames *f = NULL;

	HASH_FIND(hh, ip->frames, &pc, sizeof(pc), f);
	size_t n = f ? MIN((size_t)f->n, max) : 0;

	for (size_t i = 0; i < n; i++) {
		snprintf(ret[i].function, sizeof(ret[i].function), "%s", f->at[i].function);
		snprintf(ret[i].file, sizeof(ret[i].file), "%s", f->at[i].file);
		ret[i].line = f->at[i].line;
	}
	return n;
}

static const char *resolve_reason(void *arg, uint32_t reason)
{
	const struct in_process *ip = arg;
	struct in_reason *r = NULL;

	HASH_FIND(hh, ip->reasons, &reason, sizeof(reason), r);
	return r ? r->name : NULL;
}

/* ---- names, as they come ---- */

static struct in_site *site_new_at(struct tapein *t, struct in_process *ip, uint64_t gopc)
{
	if (site_by_gopc(ip, gopc)) {
		in_fail(t, -EBADMSG);
		return NULL;
	}
	_cleanup_free_ struct in_site *s = calloc(1, sizeof(*s));
	_cleanup_free_ struct in_site_key *k = calloc(1, sizeof(*k));

	if (!in_has_room(t, ip))
		return NULL;
	if (!s || !k || vec_push(&ip->sites, s)) {
		in_fail(t, -ENOMEM);
		return NULL;
	}
	s->gopc = k->gopc = gopc;
	k->number = (uint32_t)ip->sites.n;
	HASH_ADD(hh, ip->by_gopc, gopc, sizeof(k->gopc), k);
	(void)TAKE_PTR(k);
	return TAKE_PTR(s);
}

void in_take_site_name(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	uint64_t number = in_up_to(b, ip->sites.n + 1), gopc = bytes_uvarint(b);
	uint64_t startpc = bytes_uvarint(b);
	struct in_name name = { .is_set = true };

	name.link_gopc = bytes_uvarint(b);
	name.function = in_text(t, b);
	name.file = in_text(t, b);
	name.start_function = in_text(t, b);
	name.line = (uint32_t)in_up_to(b, UINT32_MAX);
	name.is_system = in_up_to(b, 1);
	if (!bytes_ok(b) || !number)
		return in_fail(t, -EBADMSG);
	struct in_site *s =
		number <= ip->sites.n ? ip->sites.items[number - 1] : site_new_at(t, ip, gopc);

	if (!s)
		return;
	if (s->gopc != gopc)
		return in_fail(t, -EBADMSG);
	s->startpc = startpc;
	*(startpc ? &s->named : &s->plain) = name;
}

void in_take_frames(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	uint64_t pc = bytes_uvarint(b), n = in_up_to(b, SNAPSHOT_STACK_MAX);
	struct in_frames *old = NULL;
	_cleanup_free_ struct in_frames *f = calloc(1, sizeof(*f) + n * sizeof(f->at[0]));

	if (!f)
		return in_fail(t, -ENOMEM);
	f->pc = pc;
	f->n = (uint32_t)n;
	for (uint64_t i = 0; i < n; i++) {
		f->at[i].function = in_text(t, b);
		f->at[i].file = in_text(t, b);
		f->at[i].line = (uint32_t)in_up_to(b, UINT32_MAX);
	}
	HASH_FIND(hh, ip->frames, &pc, sizeof(pc), old);
	if (!bytes_ok(b) || old || !in_has_room(t, ip))
		return in_fail(t, -EBADMSG);
	HASH_ADD(hh, ip->frames, pc, sizeof(f->pc), f);
	(void)TAKE_PTR(f);
}

void in_take_reason(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	uint32_t reason = (uint32_t)in_up_to(b, UINT32_MAX);
	const char *name = in_string(t, b);
	struct in_reason *r = NULL;

	HASH_FIND(hh, ip->reasons, &reason, sizeof(reason), r);
	if (!bytes_ok(b) || r || !in_has_room(t, ip))
		return in_fail(t, -EBADMSG);
	r = calloc(1, sizeof(*r));
	if (!r)
		return in_fail(t, -ENOMEM);
	r->reason = reason;
	r->name = name;
	HASH_ADD(hh, ip->reasons, reason, sizeof(r->reason), r);
}

/* The site that is spoken of by its number; *f says so. */
struct in_site *in_site_at(struct in_process *ip, struct bytes *b, struct fact *f)
{
	uint64_t number = in_up_to(b, ip->sites.n);

	if (!bytes_ok(b))
		return NULL;
	f->is_other = !number;
	struct in_site *s = number ? ip->sites.items[number - 1] : &ip->other;

	f->gopc = s->gopc;
	f->startpc = s->startpc;
	return s;
}

/* ---- processes ---- */

struct in_process *in_process_at(const struct tapein *t, struct bytes *b)
{
	uint32_t id = (uint32_t)in_up_to(b, UINT32_MAX);
	struct in_process *ip = NULL;

	HASH_FIND(hh, t->processes, &id, sizeof(id), ip);
	return ip;
}

static void process_init(struct in_process *ip)
{
	fields_init(TABLE_ACCOUNT, &ip->account);
	ip->account.heap_addr = ip->account.last_gc_unix_ns = ip->account.goids = -1;
	fields_init(TABLE_MEMORY, &ip->memory);
	fields_init(TABLE_ROLLUP, &ip->rollup);
	fields_init(TABLE_FDS, &ip->fds);
	fields_init(TABLE_CGROUP, &ip->cgroup);
	fields_init(TABLE_IO, &ip->io);
	fields_init(TABLE_SOCKETS, &ip->sockets);
	fields_init(TABLE_MACHINE, &ip->machine);
	fields_init(TABLE_CENSUS_END, &ip->census_end);
	fields_init(TABLE_STATE, &ip->state);
}

struct in_process *in_process_new(struct tapein *t, pid_t pid)
{
	struct in_process *ip = calloc(1, sizeof(*ip));

	if (!ip) {
		in_fail(t, -ENOMEM);
		return NULL;
	}
	process_init(ip);
	ip->id = ++t->last_process;
	ip->pid = pid;
	HASH_ADD(hh, t->processes, id, sizeof(ip->id), ip);
	return ip;
}

void in_process_forget(struct tapein *t, struct in_process *ip)
{
	struct in_frames *f, *f_next;
	struct in_reason *r, *r_next;
	struct in_site_key *k, *k_next;

	HASH_DEL(t->processes, ip);
	t->items -= ip->items;
	HASH_ITER (hh, ip->frames, f, f_next) {
		HASH_DEL(ip->frames, f);
		free(f);
	}
	HASH_ITER (hh, ip->reasons, r, r_next) {
		HASH_DEL(ip->reasons, r);
		free(r);
	}
	HASH_ITER (hh, ip->by_gopc, k, k_next) {
		HASH_DEL(ip->by_gopc, k);
		free(k);
	}
	vec_for_each (&ip->sites, s) {
		free((*s)->reasons);
		free(*s);
	}
	vec_for_each (&ip->allocs, a)
		free(a->stack);
	free(ip->other.reasons);
	vec_release(&ip->sites);
	vec_release(&ip->parks);
	vec_release(&ip->allocs);
	free(ip);
}

struct model_resolver in_resolver(struct in_process *ip)
{
	return (struct model_resolver){
		.site = resolve_site,
		.frames = resolve_frames,
		.reason = resolve_reason,
		.arg = ip,
	};
}
