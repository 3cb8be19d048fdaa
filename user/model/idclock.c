/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/idclock.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Entries nearer than this are one; with the thinning below, 24 h need about 300 entries. */
#define STEP_NS	    NSEC_PER_MSEC
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

uint64_t idclock_lookup(const struct idclock *c, uint64_t goid)
{
	if (c->recent && goid) {
		const struct idclock_entry *r = &c->recent[goid & (IDCLOCK_RECENT - 1)];

		if (r->goid == goid)
			return r->ts_ns;
	}
	if (!c->n || goid <= c->entries[0].goid)
		return 0;
	uint32_t lo = 0, hi = c->n - 1; /* entries[lo].goid < goid */

	if (goid > c->entries[hi].goid)
		return c->entries[hi].ts_ns;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (c->entries[mid].goid < goid)
			lo = mid;
		else
			hi = mid;
	}
	const struct idclock_entry *a = &c->entries[lo], *b = &c->entries[hi];
	double part = (double)(goid - a->goid) / (double)(b->goid - a->goid);

	return a->ts_ns + (uint64_t)(part * (double)(b->ts_ns - a->ts_ns));
}
