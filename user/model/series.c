/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/series.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct horizon {
	uint64_t interval_ns;
	uint32_t points;
	bool is_scaling;
};

static const struct horizon horizons[SERIES_HORIZONS] = {
	[SERIES_NEAR] = { NSEC_PER_SEC, 600, false },
	[SERIES_MIDDLE] = { 24 * NSEC_PER_SEC, 300, false },
	[SERIES_FAR] = { 288 * NSEC_PER_SEC, 300, false },
};

static const struct horizon horizons_small[SERIES_HORIZONS] = {
	[SERIES_NEAR] = { NSEC_PER_SEC, 64, false },
	[SERIES_MIDDLE] = { 32 * NSEC_PER_SEC, 64, false },
	[SERIES_FAR] = { NSEC_PER_SEC, 64, true },
};

#define NO_RUN UINT32_MAX

void series_init(struct series *s, uint64_t interval_ns, uint32_t capacity, bool is_scaling)
{
	*s = (struct series){ .interval_ns = interval_ns,
			      .capacity = capacity,
			      .is_scaling = is_scaling,
			      .run_at = NO_RUN };
}

static void clear(struct series *s)
{
	s->n = s->head = s->size = 0;
	s->run_at = NO_RUN;
}

void series_release(struct series *s)
{
	free(s->data);
	s->data = NULL;
	s->cap = 0;
	clear(s);
}

uint32_t series_count(const struct series *s)
{
	return s->n;
}

bool series_is_whole(const struct series *s)
{
	return s->is_scaling || s->n < s->capacity;
}

/* ---- packing ---- */

/*
 * An item is a run, of which the byte tells how many points it has less one; or a point: this byte,
 * how many slots it is after the one before less one (if STEP), and the bits of its values that
 * differ: of the last one from that of the point before, of the others from that of this point.
 */
#define ITEM_POINT 0x80
#define ITEM_STEP  0x01
#define ITEM_MIN   0x02 /* it differs from the last */
#define ITEM_MAX   0x04
#define RUN_MAX	   128
#define ITEM_BYTES (1 + 4 * 5)

static uint32_t bits_of(float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* Counts have zeros at the end, and neighbours the same beginning: what is left is short this way.
 */
static uint32_t difference(float a, float b)
{
	return __builtin_bswap32(bits_of(a) ^ bits_of(b));
}

static float apply(float a, uint32_t difference)
{
	uint32_t bits = bits_of(a) ^ __builtin_bswap32(difference);
	float v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static uint8_t *put_number(uint8_t *to, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		*to++ = (uint8_t)(v | 0x80);
	*to++ = (uint8_t)v;
	return to;
}

static const uint8_t *get_number(const uint8_t *from, uint32_t *ret)
{
	uint32_t v = *from & 0x7f;

	for (unsigned int shift = 7; *from++ & 0x80; shift += 7)
		v |= (uint32_t)(*from & 0x7f) << shift;
	*ret = v;
	return from;
}

static bool is_same(float a, float b)
{
	return bits_of(a) == bits_of(b);
}

static bool is_like(const struct series_packed *p, const struct series_mark *before)
{
	return p->slot == before->slot + 1 && is_same(p->min, p->last) &&
	       is_same(p->max, p->last) && is_same(p->last, before->value);
}

static uint32_t put_point(uint8_t to[static ITEM_BYTES], const struct series_packed *p,
			  const struct series_mark *before)
{
	uint32_t step = p->slot - before->slot - 1;
	uint8_t *at = to + 1;

	*to = ITEM_POINT | (step ? ITEM_STEP : 0) | (is_same(p->min, p->last) ? 0 : ITEM_MIN) |
	      (is_same(p->max, p->last) ? 0 : ITEM_MAX);
	if (*to & ITEM_STEP)
		at = put_number(at, step);
	at = put_number(at, difference(p->last, before->value));
	if (*to & ITEM_MIN)
		at = put_number(at, difference(p->min, p->last));
	if (*to & ITEM_MAX)
		at = put_number(at, difference(p->max, p->last));
	return (uint32_t)(at - to);
}

static const uint8_t *get_point(const uint8_t *from, const struct series_mark *before,
				struct series_packed *ret)
{
	uint8_t item = *from++;
	uint32_t step = 0, diff;

	if (item & ITEM_STEP)
		from = get_number(from, &step);
	from = get_number(from, &diff);
	ret->slot = before->slot + 1 + step;
	ret->last = ret->min = ret->max = apply(before->value, diff);
	if (item & ITEM_MIN) {
		from = get_number(from, &diff);
		ret->min = apply(ret->last, diff);
	}
	if (item & ITEM_MAX) {
		from = get_number(from, &diff);
		ret->max = apply(ret->last, diff);
	}
	return from;
}

static struct series_mark mark_of(const struct series_packed *p)
{
	return (struct series_mark){ p->slot, p->last };
}

/* Room for one more item. */
static int reserve(struct series *s)
{
	if (s->size + ITEM_BYTES <= s->cap)
		return 0;
	/* What is moved is at most thrice what was dropped since. */
	if (s->head >= s->size / 4 && s->size - s->head + ITEM_BYTES <= s->cap) {
		memmove(s->data, s->data + s->head, s->size - s->head);
		s->size -= s->head;
		s->run_at -= s->run_at == NO_RUN ? 0 : s->head;
		s->head = 0;
		return 0;
	}
	/* By a quarter: most never need much. */
	uint32_t cap = MAX(s->size + ITEM_BYTES, s->cap + s->cap / 4);
	uint8_t *data = realloc(s->data, cap);

	if (!data)
		return -ENOMEM;
	s->data = data;
	s->cap = cap;
	return 0;
}

/* Packs the newest point; there is room. */
static void pack_newest(struct series *s)
{
	if (is_like(&s->newest, &s->after)) {
		if (s->run_at != NO_RUN && s->data[s->run_at] < RUN_MAX - 1) {
			s->data[s->run_at]++;
		} else {
			s->run_at = s->size;
			s->data[s->size++] = 0;
		}
	} else {
		s->run_at = NO_RUN;
		s->size += put_point(s->data + s->size, &s->newest, &s->after);
	}
	s->after = mark_of(&s->newest);
}

/* Of two at least, so that it is packed. */
static void drop_oldest(struct series *s)
{
	uint8_t *item = s->data + s->head;
	struct series_packed p;

	s->n--;
	if (*item & ITEM_POINT) {
		s->head = (uint32_t)(get_point(item, &s->before, &p) - s->data);
		s->before = mark_of(&p);
		return;
	}
	s->before.slot++;
	if (*item) {
		--*item;
		return;
	}
	s->run_at = s->run_at == s->head ? NO_RUN : s->run_at;
	s->head++;
}

/* ---- reading ---- */

static struct series_point point_of(const struct series *s, const struct series_packed *p)
{
	return (struct series_point){ s->base_ns + p->slot * s->interval_ns, p->min, p->max,
				      p->last };
}

struct series_iter series_begin(const struct series *s)
{
	return (struct series_iter){
		.s = s,
		.at = s->data ? s->data + s->head : NULL,
		.mark = s->before,
		.left = s->n,
	};
}

static bool next_packed(struct series_iter *it, struct series_packed *ret)
{
	if (!it->left)
		return false;
	if (!--it->left) {
		*ret = it->s->newest;
		return true;
	}
	if (!it->run && !(*it->at & ITEM_POINT))
		it->run = *it->at++ + 1U;
	if (it->run) {
		it->run--;
		it->mark.slot++;
		*ret = (struct series_packed){ it->mark.slot, it->mark.value, it->mark.value,
					       it->mark.value };
		return true;
	}
	it->at = get_point(it->at, &it->mark, ret);
	it->mark = mark_of(ret);
	return true;
}

bool series_next(struct series_iter *it, struct series_point *ret)
{
	struct series_packed p;

	if (!next_packed(it, &p))
		return false;
	*ret = point_of(it->s, &p);
	return true;
}

struct series_point series_at(const struct series *s, uint32_t i)
{
	struct series_iter it = series_begin(s);
	struct series_packed p = s->newest;

	if (i + 1 < s->n)
		for (uint32_t k = 0; k <= i; k++)
			(void)next_packed(&it, &p);
	return point_of(s, &p);
}

/* ---- adding ---- */

/* The interval that ts falls into.  A scaling series counts from its first point. */
static uint32_t slot_of(const struct series *s, uint64_t ts_ns)
{
	uint64_t slot = ts_ns < s->base_ns ? 0 : (ts_ns - s->base_ns) / s->interval_ns;

	return (uint32_t)MIN(slot, (uint64_t)UINT32_MAX);
}

static void packed_merge(struct series_packed *p, const struct series_packed *q)
{
	p->min = q->min < p->min ? q->min : p->min;
	p->max = q->max > p->max ? q->max : p->max;
	p->last = q->last;
}

/* A later one than all; there is a place for it. */
static int append(struct series *s, const struct series_packed *p)
{
	if (!s->n) {
		clear(s);
		s->before = s->after = (struct series_mark){ p->slot - 1, 0 };
	} else {
		int err = reserve(s);

		if (err)
			return err;
		pack_newest(s);
	}
	s->newest = *p;
	s->n++;
	return 0;
}

/* Doubles the interval until at least one place is free; returns how many there are then. */
static uint32_t merge_neighbours(struct series_packed *points, uint32_t count,
				 uint64_t *interval_ns)
{
	uint32_t n = count;

	while (n == count) {
		*interval_ns *= 2;
		n = 0;
		for (uint32_t i = 0; i < count; i++) {
			points[i].slot /= 2;
			if (n && points[i].slot == points[n - 1].slot)
				packed_merge(&points[n - 1], &points[i]);
			else
				points[n++] = points[i];
		}
	}
	return n;
}

static int series_coarsen(struct series *s)
{
	struct series_packed *points = calloc(s->n, sizeof(*points));
	struct series_iter it = series_begin(s);
	struct series coarse = *s;
	int err = 0;

	if (!points)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n; i++)
		(void)next_packed(&it, &points[i]);
	coarse.data = NULL;
	coarse.cap = 0;
	clear(&coarse);
	uint32_t n = merge_neighbours(points, s->n, &coarse.interval_ns);

	for (uint32_t i = 0; i < n && !err; i++)
		err = append(&coarse, &points[i]);
	free(points);
	free(err ? coarse.data : s->data);
	if (!err)
		*s = coarse;
	return err;
}

int series_add(struct series *s, uint64_t ts_ns, double value)
{
	float v = (float)value;
	struct series_packed p = { .min = v, .max = v, .last = v };
	int err;

	if (s->is_scaling && !s->n)
		s->base_ns = ts_ns;
	p.slot = slot_of(s, ts_ns);
	if (s->n && p.slot <= s->newest.slot) {
		packed_merge(&s->newest, &p);
		return 0;
	}
	if (s->n == s->capacity && s->is_scaling) {
		err = series_coarsen(s);
		return err ? err : series_add(s, ts_ns, value);
	}
	err = append(s, &p);
	if (!err && s->n > s->capacity)
		drop_oldest(s);
	return err;
}

static void init_horizons(struct series3 *s, const struct horizon *h)
{
	for (int i = 0; i < SERIES_HORIZONS; i++)
		series_init(&s->h[i], h[i].interval_ns, h[i].points, h[i].is_scaling);
}

void series3_init(struct series3 *s)
{
	init_horizons(s, horizons);
}

void series3_init_small(struct series3 *s)
{
	init_horizons(s, horizons_small);
}

void series3_release(struct series3 *s)
{
	for (int i = 0; i < SERIES_HORIZONS; i++)
		series_release(&s->h[i]);
}

int series3_add(struct series3 *s, uint64_t ts_ns, double value)
{
	int ret = 0;

	for (int i = 0; i < SERIES_HORIZONS; i++) {
		int err = series_add(&s->h[i], ts_ns, value);

		ret = ret ? ret : err;
	}
	return ret;
}
