/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/marks.h"

#include <string.h>

struct times {
	uint64_t end_unix[MARKS_MAX]; /* a ring: cycle n, counted from 0, is at n % MARKS_MAX */
	int64_t last_unix, last_ns; /* the end of the last cycle by both clocks */
	uint32_t cycles;
};

static int read_times(struct mem *m, uint64_t memstats, const struct offsets *o, struct times *t)
{
	struct mem_range r[] = {
		{ memstats + o->mst_pause_end, sizeof(t->end_unix), t->end_unix, false },
		{ memstats + o->mst_last_gc_unix, sizeof(t->last_unix), &t->last_unix, false },
		{ memstats + o->mst_last_gc_nanotime, sizeof(t->last_ns), &t->last_ns, false },
		{ memstats + o->mst_numgc, sizeof(t->cycles), &t->cycles, false },
	};
	int err = mem_read_many(m, r, ARRAY_SIZE(r));

	for (size_t i = 0; !err && i < ARRAY_SIZE(r); i++)
		err = r[i].ok ? 0 : -EFAULT;
	return err;
}

/* False where the wall clock was set back, or the ring was caught in the middle of a change. */
static bool add(struct marks *marks, const struct times *t, uint64_t end_unix)
{
	uint64_t ago = (uint64_t)t->last_unix - end_unix;
	int64_t ns;

	if (end_unix > (uint64_t)t->last_unix || ago >= (uint64_t)t->last_ns)
		return false;
	ns = t->last_ns - (int64_t)ago;
	if (marks->n && ns < marks->end_ns[marks->n - 1])
		return false;
	marks->end_ns[marks->n++] = ns;
	return true;
}

void marks_read(struct mem *m, uint64_t memstats, const struct offsets *o, struct marks *ret)
{
	struct times t;

	ret->n = 0;
	if (!memstats || o->mst_pause_end == OFFSET_NONE || o->mst_last_gc_unix == OFFSET_NONE ||
	    o->mst_last_gc_nanotime == OFFSET_NONE || o->mst_numgc == OFFSET_NONE ||
	    read_times(m, memstats, o, &t) || t.last_unix <= 0 || t.last_ns <= 0)
		return;
	for (uint32_t i = MIN(t.cycles, (uint32_t)MARKS_MAX); i; i--) {
		if (!add(ret, &t, t.end_unix[(t.cycles - i) % MARKS_MAX])) {
			ret->n = 0;
			return;
		}
	}
}

int64_t marks_waits_since(const struct marks *marks, int64_t waitsince_ns)
{
	size_t i = 0;

	if (waitsince_ns <= 0)
		return 0;
	while (i < marks->n && marks->end_ns[i] < waitsince_ns)
		i++;
	/* The first to end is the one whose marking set the time, the next has seen it wait. */
	return i + 1 < marks->n ? marks->end_ns[i + 1] : 0;
}
