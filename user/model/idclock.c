/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/idclock.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Entries nearer than this are one; with the thinning below, 24 h need about 300 entries. */
#define STEP_NS	    NSEC_PER_MSEC
#define BATCH	    16 /* ids that a P takes at a time: runtime/proc.go, _GoidCacheBatch */
#define THIN_FINEST 16 /* a gap may be one part in this of its age */

void idclock_init(struct idclock *c)
{
	*c = (struct idclock){ 0 };
}

void idclock_release(struct idclock *c)
{
	free(c->entries);
	free(c->recent);
	idclock_init(c);
}

static int ensure(struct idclock_entry **p, size_t n)
{
	if (!*p)
		*p = calloc(n, sizeof(**p));
	return *p ? 0 : -ENOMEM;
}

/* Drops entries whose neighbours are near each other for their age; coarser until one went. */
static void idclock_thin(struct idclock *c)
{
	for (uint64_t part = THIN_FINEST; c->n == IDCLOCK_ENTRIES; part = part > 1 ? part / 2 : 1) {
		uint64_t now = c->entries[c->n - 1].ts_ns;
		uint32_t kept = 1;

		for (uint32_t i = 1; i + 1 < c->n; i++) {
			uint64_t gap = c->entries[i + 1].ts_ns - c->entries[kept - 1].ts_ns;

			if (gap > (now - c->entries[i + 1].ts_ns) / part)
				c->entries[kept++] = c->entries[i];
		}
		c->entries[kept++] = c->entries[c->n - 1];
		/* At the coarsest, whatever it costs: a clock that stops would be worse. */
		if (kept == c->n && part == 1) {
			memmove(&c->entries[1], &c->entries[2], (c->n - 2) * sizeof(c->entries[0]));
			kept--;
		}
		c->n = kept;
	}
}

int idclock_newest(struct idclock *c, uint64_t ts_ns, uint64_t goid)
{
	int err = ensure(&c->entries, IDCLOCK_ENTRIES);

	if (err)
		return err;
	struct idclock_entry *last = c->n ? &c->entries[c->n - 1] : NULL;

	if (last && (goid <= last->goid || ts_ns < last->ts_ns))
		return 0;
	if (c->n > 1 && last->ts_ns - c->entries[c->n - 2].ts_ns < STEP_NS) {
		*last = (struct idclock_entry){ ts_ns, goid };
		return 0;
	}
	if (c->n == IDCLOCK_ENTRIES)
		idclock_thin(c);
	c->entries[c->n++] = (struct idclock_entry){ ts_ns, goid };
	return 0;
}

int idclock_handed(struct idclock *c, uint64_t ts_ns, uint64_t goidgen)
{
	while (c->n && c->entries[c->n - 1].goid > goidgen)
		c->n--;
	return goidgen < BATCH ? 0 : idclock_newest(c, ts_ns, goidgen - (BATCH - 1));
}

int idclock_birth(struct idclock *c, uint64_t ts_ns, uint64_t goid)
{
	int err = ensure(&c->recent, IDCLOCK_RECENT);

	if (err)
		return err;
	c->recent[goid & (IDCLOCK_RECENT - 1)] = (struct idclock_entry){ ts_ns, goid };
	/* Without a census the first birth says only that the ids before it are older. */
	if (!c->n && goid) {
		err = idclock_newest(c, ts_ns, goid - 1);
		if (err)
			return err;
	}
	return idclock_newest(c, ts_ns, goid);
}

static const struct idclock_entry *seen(const struct idclock *c, uint64_t goid)
{
	if (!c->recent || !goid)
		return NULL;
	const struct idclock_entry *r = &c->recent[goid & (IDCLOCK_RECENT - 1)];

	return r->goid == goid ? r : NULL;
}

/* The last entry with a smaller id; there is one. */
static const struct idclock_entry *entry_before(const struct idclock *c, uint64_t goid)
{
	uint32_t lo = 0, hi = c->n; /* entries[lo].goid < goid */

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (c->entries[mid].goid < goid)
			lo = mid;
		else
			hi = mid;
	}
	return &c->entries[lo];
}

static bool is_newest(const struct idclock *c, const struct idclock_entry *e)
{
	return e == &c->entries[c->n - 1];
}

uint64_t idclock_lookup(const struct idclock *c, uint64_t goid)
{
	const struct idclock_entry *e = seen(c, goid);

	if (e)
		return e->ts_ns;
	if (!c->n || goid <= c->entries[0].goid)
		return 0;
	e = entry_before(c, goid);
	if (is_newest(c, e))
		return e->ts_ns;
	double part = (double)(goid - e->goid) / (double)(e[1].goid - e->goid);

	return e->ts_ns + (uint64_t)(part * (double)(e[1].ts_ns - e->ts_ns));
}

uint64_t idclock_error(const struct idclock *c, uint64_t goid)
{
	if (seen(c, goid) || !c->n || goid <= c->entries[0].goid)
		return 0;
	const struct idclock_entry *e = entry_before(c, goid);

	return is_newest(c, e) ? 0 : e[1].ts_ns - e->ts_ns;
}
