/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other way of base/bytes: a growable buffer that values are appended to.  An append that finds
 * no memory sets the failed flag and changes nothing, so that a caller may write a whole record
 * and ask pack_ok() once at the end.
 */
#ifndef GOTIDE_BASE_PACK_H
#define GOTIDE_BASE_PACK_H

#include "base/bytes.h"
#include "base/vec.h"

struct pack {
	uint8_t *items; /* owned */
	size_t n, cap;
	bool failed;
};

static inline bool pack_ok(const struct pack *p)
{
	return !p->failed;
}

static inline void pack_clear(struct pack *p)
{
	p->n = 0;
	p->failed = false;
}

static inline void pack_release(struct pack *p)
{
	vec_release(p);
}

void pack_bytes(struct pack *p, const void *data, size_t n);
void pack_u32(struct pack *p, uint32_t v); /* little-endian */
void pack_uvarint(struct pack *p, uint64_t v); /* as bytes_uvarint() */
void pack_double(struct pack *p, double v);
/* Small numbers of either sign in few bytes. */
void pack_svarint(struct pack *p, int64_t v);
int64_t bytes_svarint(struct bytes *b);
double bytes_double(struct bytes *b);

#endif
