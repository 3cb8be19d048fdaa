/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pressure: what rises and falls with the work.
 */
#include <math.h>

#include "trend/judging.h"
#include "trend/wave.h"

/* What rises by this and comes back is a wave. */
#define WAVE_GOROUTINES 100
#define WAVE_BYTES	(8 << 20)

static void wave_found(struct judging *j, enum verdict_unit unit, const char *rate_name,
		       const struct wave *w)
{
	const char *what =
		unit == VERDICT_BYTES ? "heap live after GC" : "the number of goroutines";
	struct finding *f = judging_add(j, VERDICT_PRESSURE, w->span_s);
	struct words x;

	if (!f)
		return;
	f->unit = unit;
	f->first = w->first;
	f->last = w->last;
	f->per_min = (w->last - w->first) / w->span_s * 60;
	f->per_min_low = f->per_min_high = f->per_min;
	f->confidence = fmin(0.9, 0.4 + 0.5 * fabs(w->correlation));
	finding_say(f, "%s follows %s (correlation %.2f)", what, rate_name, w->correlation);
	if (unit == VERDICT_BYTES)
		finding_say(f, "it went from %s up to %s", words_bytes(x.a, w->low),
			    words_bytes(x.b, w->peak));
	else
		finding_say(f, "it went from %.0f up to %.0f", w->low, w->peak);
	finding_say(f, "%s",
		    w->is_back ? "it came back down when the load fell"
			       : "it has not come back down yet");
	finding_advise(f, "%s",
		       w->is_back
			       ? "nothing leaks here; size the limits for the peak"
			       : "observe until after the load has fallen, or under a steady load");
}

void judge_waves(struct judging *j)
{
	struct wave w;

	if (wave_find(j->p->live_series, j->p->birth_series, WAVE_GOROUTINES, &w))
		wave_found(j, VERDICT_GOROUTINES, "the rate at which they start", &w);
	if (wave_find(j->p->heap_live_series, j->p->alloc_series, WAVE_BYTES, &w))
		wave_found(j, VERDICT_BYTES, "the allocation rate", &w);
}
