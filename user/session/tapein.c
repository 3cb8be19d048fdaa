/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/tapein.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "session/tapein_priv.h"

/* How far a clock is ahead of the monotonic one. */
#define AHEAD_MAX_MS (INT64_C(1) << 44)
#define PCS_MAX	     WIRE_STACK_DEPTH

static double in_seconds(struct bytes *b, double min)
{
	double v = bytes_double(b);

	if (!isfinite(v) || v < min || v > 1e10)
		b->failed = true;
	return bytes_ok(b) ? v : 0;
}

/* Older tapes have the first two only. */
static void get_names(const struct tapein *t, struct bytes *b, struct model_names *ret)
{
	*ret = (struct model_names){ .container = in_string(t, b) };
	ret->pod = in_string(t, b);
	if (!bytes_left(b))
		return;
	ret->pod_namespace = in_string(t, b);
	ret->pod_uid = in_string(t, b);
	ret->container_name = in_string(t, b);
}

static void take_named(struct tapein *t, const struct in_process *ip, struct bytes *b)
{
	struct model_names names;

	get_names(t, b, &names);
	if (!bytes_ok(b))
		return in_fail(t, -EBADMSG);
	in_hear(t, ip, &(struct fact){ .kind = FACT_NAMED, .names = &names });
}

static void take_process(struct tapein *t, struct bytes *b)
{
	uint64_t id = bytes_uvarint(b);
	struct model_process_info info = { .pid = (pid_t)in_up_to(b, INT32_MAX) };

	info.start_ns = in_time(t, b);
	uint64_t flags = bytes_uvarint(b);

	info.hooks_on = (uint32_t)in_up_to(b, UINT32_MAX);
	info.age_s = (double)bytes_svarint(b) / TAPE_AGE_PER_S;
	info.comm = in_string(t, b);
	info.exe = in_string(t, b);
	info.go_version = in_string(t, b);
	info.module = in_string(t, b);
	get_names(t, b, &info.names);
	info.is_stripped = flags & TAPE_STRIPPED;
	info.is_park_watched = flags & TAPE_PARK_WATCHED;
	info.is_from_start = flags & TAPE_FROM_START;
	if (!bytes_ok(b) || id != (uint64_t)t->last_process + 1 || id >= UINT32_MAX || !info.pid ||
	    HASH_COUNT(t->processes) >= TAPEIN_PROCESSES_MAX)
		return in_fail(t, -EBADMSG);
	/* Two of one pid: the model would refuse the second. */
	for (const struct in_process *it = t->processes; it; it = it->hh.next)
		if (it->pid == info.pid)
			return in_fail(t, -EBADMSG);
	struct in_process *ip = in_process_new(t, info.pid);

	if (!ip)
		return;
	info.resolver = in_resolver(ip);
	in_hear(t, ip, &(struct fact){ .kind = FACT_PROCESS, .info = &info });
}

static void take_exited(struct tapein *t, const struct in_process *ip, struct bytes *b)
{
	struct fact f = { .kind = FACT_EXITED };

	f.exit.ts_ns = in_time(t, b);
	int64_t code = bytes_svarint(b);

	f.exit.code = (int)code;
	if (!bytes_ok(b) || code != f.exit.code)
		return in_fail(t, -EBADMSG);
	in_hear(t, ip, &f);
}

/* ---- counters ---- */

/* A counter moved on; none is so large that sums of them could overflow. */
static void move(struct bytes *b, __u64 *counter)
{
	*counter += (uint64_t)bytes_svarint(b);
	if (*counter > UINT64_C(1) << 56)
		b->failed = true;
}

static void get_sites(struct in_process *ip, struct bytes *b)
{
	uint64_t n = in_up_to(b, ip->sites.n), at = 0;

	for (uint64_t i = 0; i < n && bytes_ok(b); i++) {
		at += in_up_to(b, ip->sites.n - at);
		if (!at || !bytes_ok(b)) {
			b->failed = true;
			return;
		}
		struct in_site *s = ip->sites.items[at - 1];

		s->is_counted = true;
		move(b, &s->counts.births);
		move(b, &s->counts.deaths);
	}
}

static void get_new_park(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	struct in_park k = { .site = (uint32_t)in_up_to(b, ip->sites.n) };

	k.reason = (uint32_t)in_up_to(b, UINT32_MAX);
	if (!k.site || !in_has_room(t, ip) || vec_push(&ip->parks, k))
		b->failed = true;
}

static void get_parks(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	uint64_t n = bytes_uvarint(b), at = 0;

	for (uint64_t i = 0; i < n && bytes_ok(b); i++) {
		uint64_t gap = in_up_to(b, ip->parks.n + 1 - at);

		at += gap;
		if (!gap || !bytes_ok(b)) {
			b->failed = true;
			return;
		}
		if (at > ip->parks.n)
			get_new_park(t, ip, b);
		if (!bytes_ok(b))
			return;
		move(b, &ip->parks.items[at - 1].count.parks);
		move(b, &ip->parks.items[at - 1].count.readies);
	}
}

/* All that there are, as they stand: the model expects the whole of them. */
static void tell_counts(struct tapein *t, struct in_process *ip)
{
	if (ip->counted & TAPE_COUNTED) {
		vec_for_each (&ip->sites, it) {
			struct in_site *s = *it;

			s->counts.startpc = s->startpc;
			if (s->is_counted)
				in_hear(t, ip,
					&(struct fact){ .kind = FACT_SITE_COUNTS,
							.gopc = s->gopc,
							.startpc = s->startpc,
							.site = &s->counts });
		}
		vec_for_each (&ip->parks, k)
			in_hear(t, ip,
				&(struct fact){ .kind = FACT_PARK_COUNTS,
						.gopc = ip->sites.items[k->site - 1]->gopc,
						.park = { k->reason, &k->count } });
	}
	if (ip->counted & TAPE_STATE_READ)
		in_hear(t, ip, &(struct fact){ .kind = FACT_COUNTERS, .state = &ip->state });
	ip->counted = 0;
}

static void take_counts(struct tapein *t, struct bytes *b)
{
	bool is_whole = in_up_to(b, 1);
	uint64_t n = in_up_to(b, TAPEIN_PROCESSES_MAX);

	for (uint64_t i = 0; i < n && bytes_ok(b); i++) {
		struct in_process *ip = in_process_at(t, b);

		if (!ip || ip->counted)
			return in_fail(t, -EBADMSG);
		ip->counted = (uint32_t)in_up_to(b, UINT32_MAX);
		if (ip->counted & TAPE_COUNTED) {
			get_sites(ip, b);
			get_parks(t, ip, b);
		}
		if (ip->counted & TAPE_STATE_READ)
			fields_get(b, TABLE_STATE, t->n_fields[TABLE_STATE], &ip->state);
	}
	if (!bytes_ok(b))
		return in_fail(t, -EBADMSG);
	in_hear(t, NULL, &(struct fact){ .kind = FACT_COUNTS_BEGIN });
	for (struct in_process *ip = t->processes; ip; ip = ip->hh.next)
		tell_counts(t, ip);
	if (is_whole)
		in_hear(t, NULL, &(struct fact){ .kind = FACT_COUNTS_END });
}

/* ---- readings ---- */

static void get_timers(const struct tapein *t, struct bytes *b, struct snapshot_timers *ret)
{
	*ret = (struct snapshot_timers){ 0 };
	ret->total = in_up_to(b, UINT32_MAX);
	ret->periodic = in_up_to(b, UINT32_MAX);
	ret->is_partial = in_up_to(b, 1);
	ret->n_top = in_up_to(b, SNAPSHOT_TIMERS_TOP);
	for (size_t i = 0; i < ret->n_top; i++) {
		snprintf(ret->top[i].function, sizeof(ret->top[i].function), "%s", in_text(t, b));
		ret->top[i].is_periodic = in_up_to(b, 1);
		ret->top[i].count = in_up_to(b, UINT32_MAX);
	}
}

static void get_part(struct tapein *t, struct bytes *b, enum tape_table table, void *last)
{
	fields_get(b, table, t->n_fields[table], last);
}

static void get_parts(struct tapein *t, struct in_process *ip, uint64_t parts, struct bytes *b)
{
	if (parts & PART_ACCOUNT)
		get_part(t, b, TABLE_ACCOUNT, &ip->account);
	if (parts & PART_MEMORY)
		get_part(t, b, TABLE_MEMORY, &ip->memory);
	if (parts & PART_ROLLUP)
		get_part(t, b, TABLE_ROLLUP, &ip->rollup);
	if (parts & PART_FDS)
		get_part(t, b, TABLE_FDS, &ip->fds);
	if (parts & PART_CGROUP)
		get_part(t, b, TABLE_CGROUP, &ip->cgroup);
	if (parts & PART_TIMERS)
		get_timers(t, b, &ip->timers);
	if (parts & PART_CPU) {
		__u64 cpu = (__u64)ip->cpu;

		move(b, &cpu);
		ip->cpu = (int64_t)cpu;
	}
	if (parts & PART_IO)
		get_part(t, b, TABLE_IO, &ip->io);
	if (parts & PART_SOCKETS) {
		get_part(t, b, TABLE_SOCKETS, &ip->sockets);
		ip->sockets.is_partial = in_up_to(b, 1);
	}
	if (parts & PART_MACHINE)
		get_part(t, b, TABLE_MACHINE, &ip->machine);
}

static void take_reading(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	uint64_t parts = bytes_uvarint(b);

	get_parts(t, ip, parts, b);
	const struct model_reading r = {
		.account = parts & PART_ACCOUNT ? &ip->account : NULL,
		.memory = parts & PART_MEMORY ? &ip->memory : NULL,
		.rollup = parts & PART_ROLLUP ? &ip->rollup : NULL,
		.fds = parts & PART_FDS ? &ip->fds : NULL,
		.cgroup = parts & PART_CGROUP ? &ip->cgroup : NULL,
		.timers = parts & (PART_TIMERS | PART_TIMERS_AGAIN) ? &ip->timers : NULL,
		.io = parts & PART_IO ? &ip->io : NULL,
		.sockets = parts & PART_SOCKETS ? &ip->sockets : NULL,
		.mem_total_bytes = parts & PART_MACHINE ? ip->machine.mem_total_bytes : 0,
		.mem_available_bytes = parts & PART_MACHINE ? ip->machine.mem_available_bytes : 0,
		.cpu_s = parts & PART_CPU ? (double)ip->cpu / TAPE_CPU_PER_S : -1,
	};

	if (!bytes_ok(b))
		return in_fail(t, -EBADMSG);
	in_hear(t, ip, &(struct fact){ .kind = FACT_READING, .reading = &r });
}

/* ---- the heap by allocation site ---- */

static void get_alloc(struct tapein *t, struct in_process *ip, struct bytes *b,
		      struct model_alloc_site *ret)
{
	uint64_t head = bytes_uvarint(b), number = head >> 1, pcs[PCS_MAX];

	if (!number || number > ip->allocs.n + 1 || !bytes_ok(b))
		return in_fail(t, -EBADMSG);
	if (number > ip->allocs.n) {
		struct in_alloc fresh = { .site = { .pc = bytes_uvarint(b) } };

		if (!in_has_room(t, ip))
			return;
		if (vec_push(&ip->allocs, fresh))
			return in_fail(t, -ENOMEM);
	}
	struct in_alloc *a = &ip->allocs.items[number - 1];

	get_part(t, b, TABLE_ALLOC, &a->site);
	if (head & 1) {
		uint32_t n = pcs_get(b, pcs, PCS_MAX);
		uint64_t *stack = calloc(MAX(n, 1u), sizeof(*stack));

		if (!stack)
			return in_fail(t, -ENOMEM);
		memcpy(stack, pcs, n * sizeof(*stack));
		free(a->stack);
		a->stack = stack;
		a->site.stack = stack;
		a->site.depth = n;
	}
	*ret = a->site;
}

static void take_allocs(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	struct model_allocs all = { .ts_ns = in_time(t, b) };

	all.rate = bytes_svarint(b);
	all.n = in_up_to(b, bytes_left(b)); /* each takes more than a byte */
	_cleanup_free_ struct model_alloc_site *sites = calloc(all.n + 1, sizeof(*sites));

	if (!sites)
		return in_fail(t, -ENOMEM);
	for (size_t i = 0; i < all.n && bytes_ok(b) && !t->err; i++)
		get_alloc(t, ip, b, &sites[i]);
	if (!bytes_ok(b) || all.rate < -1 || all.rate > INT64_C(1) << 56)
		return in_fail(t, -EBADMSG);
	all.sites = sites;
	in_hear(t, ip, &(struct fact){ .kind = FACT_ALLOCS, .allocs = &all });
}

/* ---- censuses and stacks ---- */

static void take_census_begin(struct tapein *t, const struct in_process *ip, struct bytes *b)
{
	struct fact f = { .kind = FACT_CENSUS_BEGIN, .goids = bytes_svarint(b) };

	if (!bytes_ok(b) || f.goids < -1 || f.goids > INT64_C(1) << 56)
		return in_fail(t, -EBADMSG);
	in_hear(t, ip, &f);
}

static int get_reasons(struct in_site *s, struct bytes *b)
{
	size_t n = in_up_to(b, SNAPSHOT_REASONS_MAX);
	struct fact_reason *reasons = calloc(n + 1, sizeof(*reasons));

	if (!reasons)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		reasons[i].reason = (uint32_t)in_up_to(b, UINT32_MAX);
		reasons[i].found = (uint32_t)in_up_to(b, UINT32_MAX);
	}
	free(s->reasons);
	s->reasons = reasons;
	s->n_reasons = n;
	return 0;
}

static void take_census_site(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	struct fact f = { .kind = FACT_CENSUS_SITE };
	struct in_site *s = in_site_at(ip, b, &f);
	uint64_t flags = bytes_uvarint(b);

	if (!s)
		return in_fail(t, -EBADMSG);
	get_part(t, b, TABLE_CENSUS, &s->census);
	int err = flags & 2 ? get_reasons(s, b) : 0;

	if (err || !bytes_ok(b))
		return in_fail(t, err ? err : -EBADMSG);
	f.census = (struct fact_census){ &s->census, s->reasons, s->n_reasons, flags & 1 };
	in_hear(t, ip, &f);
}

static void take_census_end(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	struct model_census *c = &ip->census_end;
	struct fact f = { .kind = FACT_CENSUS_END };

	c->ts_ns = in_time(t, b);
	c->has_tracking = in_up_to(b, 1);
	f.census_end.newest = in_up_to(b, UINT64_C(1) << 56);
	get_part(t, b, TABLE_CENSUS_END, c);
	if (!bytes_ok(b))
		return in_fail(t, -EBADMSG);
	f.census_end.c = c;
	in_hear(t, ip, &f);
}

static void take_example(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	struct fact f = { .kind = FACT_EXAMPLE };
	const struct in_site *s = in_site_at(ip, b, &f);
	uint64_t pc[PCS_MAX];
	struct model_example ex = { .gopc = f.gopc, .pc = pc };

	ex.reason = (uint32_t)in_up_to(b, UINT32_MAX);
	ex.channels = bytes_svarint(b);
	ex.channels_of = bytes_svarint(b);
	ex.depth = pcs_get(b, pc, PCS_MAX);
	if (!s || f.is_other || !bytes_ok(b) || ex.channels < -1 || ex.channels > UINT32_MAX ||
	    ex.channels_of < -1 || ex.channels_of > UINT32_MAX)
		return in_fail(t, -EBADMSG);
	f.example = &ex;
	in_hear(t, ip, &f);
}

static void take_stack(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	struct fact f = { .kind = FACT_STACK };
	const struct in_site *s = in_site_at(ip, b, &f);
	uint64_t pc[PCS_MAX];
	__u64 wire[PCS_MAX];
	struct event ev = { .kind = WIRE_STACK, .pid = ip->pid };

	ev.ts_ns = in_time(t, b);
	ev.stack.gopc = f.gopc;
	uint64_t hook = in_up_to(b, WIRE_HOOK_PARK);

	ev.stack.hook = hook ? WIRE_HOOK_PARK : WIRE_HOOK_BIRTH;
	ev.stack.reason = (uint32_t)in_up_to(b, UINT32_MAX);
	ev.stack.depth = pcs_get(b, pc, PCS_MAX);
	for (uint32_t i = 0; i < ev.stack.depth; i++)
		wire[i] = pc[i];
	ev.stack.pc = wire;
	if (!s || f.is_other || !bytes_ok(b) || !ev.stack.depth)
		return in_fail(t, -EBADMSG);
	f.event = &ev;
	in_hear(t, ip, &f);
}

/* ---- ticks ---- */

static void get_lifetimes(struct bytes *b, struct lifetimes *l)
{
	sparse_get(b, l->bucket, LIFETIMES_BUCKETS);
	for (int i = 0; i < LIFETIMES_BUCKETS; i++)
		l->n += l->bucket[i];
}

static void take_ages(struct tapein *t, struct in_process *ip, struct bytes *b)
{
	struct fact f = { .kind = FACT_AGES };
	const struct in_site *s = in_site_at(ip, b, &f);
	struct ages_digest d = { .births = (uint32_t)in_up_to(b, UINT32_MAX) };

	d.before = (uint32_t)in_up_to(b, UINT32_MAX);
	sparse_get(b, d.deaths, AGES_COHORTS);
	get_lifetimes(b, &d.ended);
	get_lifetimes(b, &d.before_ended);
	if (!s || !bytes_ok(b))
		return in_fail(t, -EBADMSG);
	f.ages = &d;
	in_hear(t, ip, &f);
}

static void take_records(struct tapein *t, const struct in_process *ip, struct bytes *b)
{
	const uint64_t max = UINT64_C(1) << 40, bytes_max = UINT64_C(1) << 55;
	struct fact_records r = { .received = in_up_to(b, max) };

	r.marks = in_up_to(b, max);
	if (in_up_to(b, 1)) {
		r.mark_last_ns = in_time(t, b);
		r.mark_last_bytes = (int64_t)in_up_to(b, bytes_max);
		r.mark_min_bytes = r.mark_last_bytes - (int64_t)in_up_to(b, bytes_max);
		r.mark_max_bytes = r.mark_last_bytes + (int64_t)in_up_to(b, bytes_max);
	}
	if (!bytes_ok(b) || r.mark_min_bytes < 0)
		return in_fail(t, -EBADMSG);
	in_hear(t, ip, &(struct fact){ .kind = FACT_RECORDS, .records = &r });
}

static void set_clocks(struct tapein *t, uint64_t now_ns)
{
	t->clocks = (struct tape_clocks){
		.monotonic_ns = now_ns,
		.wall_ns = (int64_t)now_ns + t->wall_ms * (int64_t)NSEC_PER_MSEC,
		.boot_ns = (int64_t)now_ns + t->boot_ms * (int64_t)NSEC_PER_MSEC,
	};
}

/* By how many ms a clock is ahead of the monotonic one. */
static void move_ahead(struct bytes *b, int64_t *ahead_ms)
{
	int64_t by = bytes_svarint(b);

	if (by < -AHEAD_MAX_MS || by > AHEAD_MAX_MS || *ahead_ms + by < -AHEAD_MAX_MS ||
	    *ahead_ms + by > AHEAD_MAX_MS)
		b->failed = true;
	else
		*ahead_ms += by;
}

/* The clocks do not go back, and not so far that sums with them would overflow. */
static void take_tick(struct tapein *t, struct bytes *b)
{
	uint64_t dt = t->dt + (uint64_t)bytes_svarint(b);

	move_ahead(b, &t->wall_ms);
	move_ahead(b, &t->boot_ms);
	if (!bytes_ok(b) || dt > (uint64_t)DISTANCE_MAX || t->clocks.monotonic_ns + dt > CLOCK_MAX)
		return in_fail(t, -EBADMSG);
	t->dt = dt;
	set_clocks(t, t->clocks.monotonic_ns + dt);
	in_hear(t, NULL, &(struct fact){ .kind = FACT_TICK, .now_ns = t->clocks.monotonic_ns });
}

static void take_gap(struct tapein *t, struct bytes *b)
{
	struct fact f = { .kind = FACT_GAP };

	f.gap.now_ns = in_time(t, b);
	f.gap.seconds = in_seconds(b, 0);
	if (!bytes_ok(b))
		return in_fail(t, -EBADMSG);
	in_hear(t, NULL, &f);
}

/* ---- the header ---- */

static void get_text(struct bytes *b, char *buf, size_t size)
{
	size_t n = in_up_to(b, bytes_left(b));
	const uint8_t *text = bytes_take(b, n);

	text_scrub(buf, size, text ? (const char *)text : "", text ? n : 0);
}

static void take_header(struct tapein *t, struct bytes *b)
{
	struct tape_header *h = &t->header;
	uint64_t n = in_up_to(b, 256);

	for (uint64_t i = 0; i < n; i++) {
		unsigned int fields = (unsigned int)in_up_to(b, 64);

		if (i < TABLES)
			t->n_fields[i] = fields;
	}
	h->begun.monotonic_ns = in_up_to(b, CLOCK_MAX);
	move_ahead(b, &t->wall_ms);
	move_ahead(b, &t->boot_ms);
	h->mem_total_bytes = bytes_uvarint(b);
	get_text(b, h->gotide, sizeof(h->gotide));
	get_text(b, h->kernel, sizeof(h->kernel));
	get_text(b, h->machine, sizeof(h->machine));
	if (!bytes_ok(b) || t->has_header)
		return in_fail(t, -EBADMSG);
	set_clocks(t, h->begun.monotonic_ns);
	h->begun = t->clocks;
	t->has_header = true;
}

/* ---- records ---- */

static void take_of_process(struct tapein *t, enum tape_kind kind, struct bytes *b)
{
	struct in_process *ip = in_process_at(t, b);

	if (!ip)
		return in_fail(t, -EBADMSG);
	switch (kind) {
	case TAPE_NAMED:
		return take_named(t, ip, b);
	case TAPE_EXITED:
		return take_exited(t, ip, b);
	case TAPE_REMOVED:
		in_hear(t, ip, &(struct fact){ .kind = FACT_REMOVED });
		return in_process_forget(t, ip);
	case TAPE_SITE_NAME:
		return in_take_site_name(t, ip, b);
	case TAPE_FRAMES:
		return in_take_frames(t, ip, b);
	case TAPE_REASON:
		return in_take_reason(t, ip, b);
	case TAPE_SITE: {
		struct fact f = { .kind = FACT_SITE };

		return in_site_at(ip, b, &f) ? in_hear(t, ip, &f) : in_fail(t, -EBADMSG);
	}
	case TAPE_READING:
		return take_reading(t, ip, b);
	case TAPE_ALLOCS:
		return take_allocs(t, ip, b);
	case TAPE_CENSUS_BEGIN:
		return take_census_begin(t, ip, b);
	case TAPE_CENSUS_SITE:
		return take_census_site(t, ip, b);
	case TAPE_CENSUS_END:
		return take_census_end(t, ip, b);
	case TAPE_CENSUS_DROP:
		return in_hear(t, ip, &(struct fact){ .kind = FACT_CENSUS_DROP });
	case TAPE_EXAMPLE:
		return take_example(t, ip, b);
	case TAPE_STACK:
		return take_stack(t, ip, b);
	case TAPE_OOM:
		return in_hear(t, ip, &(struct fact){ .kind = FACT_OOM });
	case TAPE_AGES:
		return take_ages(t, ip, b);
	case TAPE_RECORDS:
		return take_records(t, ip, b);
	default:
		return;
	}
}

/* Kinds that are not known are of a gotide to come, which can do without their being understood. */
static void take(struct tapein *t, enum tape_kind kind, struct bytes *b)
{
	switch (kind) {
	case TAPE_HEADER:
		return take_header(t, b);
	case TAPE_STRING:
		return in_take_string(t, b);
	case TAPE_PROCESS:
		return take_process(t, b);
	case TAPE_COUNTS:
		return take_counts(t, b);
	case TAPE_TICK:
		return take_tick(t, b);
	case TAPE_GAP:
		return take_gap(t, b);
	case TAPE_OBSERVER:
		get_part(t, b, TABLE_OBSERVER, &t->observer);
		return bytes_ok(b) ? (void)0 : in_fail(t, -EBADMSG);
	case TAPE_END:
		t->has_ended = true;
		return;
	default:
		if (kind <= TAPE_NAMED)
			take_of_process(t, kind, b);
	}
}

int tapein_record(struct tapein *t, const struct tape_record *r)
{
	struct bytes b = r->data;

	if (!t->has_header && r->kind != TAPE_HEADER)
		in_fail(t, -EBADMSG);
	if (!t->err) {
		take(t, (enum tape_kind)r->kind, &b);
		if (t->err)
			log_debug("tape: a record of kind %u makes no sense", r->kind);
	}
	return t->err ? t->err : r->kind == TAPE_TICK;
}

const struct tape_header *tapein_header(const struct tapein *t)
{
	return t->has_header ? &t->header : NULL;
}

struct tape_clocks tapein_clocks(const struct tapein *t)
{
	return t->clocks;
}

const struct snapshot_observer *tapein_observer(const struct tapein *t)
{
	return &t->observer;
}

bool tapein_has_ended(const struct tapein *t)
{
	return t->has_ended;
}

int tapein_new(const struct fact_listener *to, struct tapein **ret)
{
	struct tapein *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->to = to;
	*ret = t;
	return 0;
}

void tapein_free(struct tapein *t)
{
	struct in_process *ip, *next;

	if (!t)
		return;
	HASH_ITER (hh, t->processes, ip, next)
		in_process_forget(t, ip);
	vec_for_each (&t->strings, s)
		free(*s);
	vec_release(&t->strings);
	free(t);
}
