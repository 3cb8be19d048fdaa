/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/pack.h"

#include <stdlib.h>
#include <string.h>

void pack_bytes(struct pack *p, const void *data, size_t n)
{
	if (p->failed || !n)
		return;
	if (n > p->cap - p->n) {
		size_t cap = MAX(p->cap * 2, p->n + n + 64);
		uint8_t *items = realloc(p->items, cap);

		if (!items) {
			p->failed = true;
			return;
		}
		p->items = items;
		p->cap = cap;
	}
	memcpy(p->items + p->n, data, n);
	p->n += n;
}

void pack_u32(struct pack *p, uint32_t v)
{
	pack_bytes(p, &v, sizeof(v));
}

void pack_uvarint(struct pack *p, uint64_t v)
{
	uint8_t buf[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		buf[n++] = (uint8_t)(v | 0x80);
	buf[n++] = (uint8_t)v;
	pack_bytes(p, buf, n);
}

void pack_double(struct pack *p, double v)
{
	pack_bytes(p, &v, sizeof(v));
}

double bytes_double(struct bytes *b)
{
	const uint8_t *p = bytes_take(b, sizeof(double));
	double v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

/* 0, -1, 1, -2, 2, ... as 0, 1, 2, 3, 4, ... */
void pack_svarint(struct pack *p, int64_t v)
{
	pack_uvarint(p, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

int64_t bytes_svarint(struct bytes *b)
{
	uint64_t v = bytes_uvarint(b);

	return (int64_t)(v >> 1 ^ -(v & 1));
}
