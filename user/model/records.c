/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/records.h"

#include "base/cleanup.h"
#include "model/fact.h"

/* ---- as they come ---- */

int records_birth(struct process *p, const struct event *ev)
{
	struct site *s = NULL;
	int err = idclock_birth(&p->clock, ev->ts_ns, ev->go.goid);

	err = err ? err : process_site(p, ev->go.gopc, ev->go.startpc, &s);
	return err ? err : site_birth(s);
}

int records_death(struct process *p, const struct event *ev)
{
	struct site *s = NULL;
	int err = process_site(p, ev->go.gopc, 0, &s);

	if (err)
		return err;
	return site_death(s, idclock_lookup(&p->clock, ev->go.goid), ev->ts_ns, p->start_ns);
}

void records_mark_end(struct process *p, uint64_t ts_ns, int64_t bytes)
{
	struct fact_records *r = &p->pending;

	if (ts_ns <= MAX(p->last_mark_ns, r->mark_last_ns))
		return;
	r->mark_min_bytes = r->mark_last_ns ? MIN(r->mark_min_bytes, bytes) : bytes;
	r->mark_max_bytes = r->mark_last_ns ? MAX(r->mark_max_bytes, bytes) : bytes;
	r->mark_last_bytes = bytes;
	r->mark_last_ns = ts_ns;
}

/* ---- what they come to ---- */

static int take_marks(struct process *p, const struct fact_records *r)
{
	int err = 0;

	if (r->mark_last_ns <= p->last_mark_ns)
		return 0;
	p->last_mark_ns = r->mark_last_ns;
	p->heap_live_bytes = r->mark_last_bytes;
	if (r->mark_min_bytes < r->mark_last_bytes)
		err = series3_add(&p->heap_live, r->mark_last_ns, (double)r->mark_min_bytes);
	if (!err && r->mark_max_bytes > r->mark_last_bytes)
		err = series3_add(&p->heap_live, r->mark_last_ns, (double)r->mark_max_bytes);
	return err ? err : series3_add(&p->heap_live, r->mark_last_ns, (double)r->mark_last_bytes);
}

int records_take(struct process *p, const struct fact_records *r)
{
	p->received += r->received;
	p->marks += r->marks;
	return take_marks(p, r);
}

int records_take_ages(struct process *p, const struct fact *f)
{
	struct site *s = NULL;
	int err = process_site_told(p, f, &s);

	return err ? err : site_records(s, f->ages, p->start_ns, p->tick_ns);
}

static int close_site(struct process *p, struct site *s)
{
	_cleanup_free_ struct ages_digest *d = TAKE_PTR(s->pending);
	struct fact f = { .kind = FACT_AGES, .ages = d };

	if (!d)
		return 0;
	process_tell(p, s, &f);
	return site_records(s, d, p->start_ns, p->tick_ns);
}

int records_close(struct process *p)
{
	const struct fact_records r = p->pending;
	struct fact f = { .kind = FACT_RECORDS, .records = &r };
	int ret = 0;

	for_each_site(p, s)
	{
		int err = close_site(p, s);

		ret = ret ? ret : err;
	}
	p->pending = (struct fact_records){ 0 };
	if (!r.received && !r.marks && !r.mark_last_ns)
		return ret;
	process_tell(p, NULL, &f);
	int err = records_take(p, &r);

	return ret ? ret : err;
}
