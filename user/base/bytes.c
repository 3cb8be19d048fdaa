/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/bytes.h"

#include <string.h>

void bytes_seek(struct bytes *b, size_t pos)
{
	if (pos > b->size)
		b->failed = true;
	else
		b->pos = pos;
}

const uint8_t *bytes_take(struct bytes *b, size_t n)
{
	if (b->failed || n > bytes_left(b)) {
		b->failed = true;
		return NULL;
	}
	b->pos += n;
	/* No arithmetic on the NULL of an empty range. */
	return b->data ? b->data + (b->pos - n) : NULL;
}

void bytes_skip(struct bytes *b, size_t n)
{
	(void)bytes_take(b, n); /* the cursor remembers a failure */
}

void bytes_align(struct bytes *b, size_t align)
{
	bytes_skip(b, -b->pos & (align - 1));
}

#define DEFINE_READ(name, type)                                 \
	type name(struct bytes *b)                              \
	{                                                       \
		const uint8_t *p = bytes_take(b, sizeof(type)); \
		type v = 0;                                     \
                                                                \
		if (p)                                          \
			memcpy(&v, p, sizeof(v));               \
		return v;                                       \
	}

DEFINE_READ(bytes_u8, uint8_t)
DEFINE_READ(bytes_u16, uint16_t)
DEFINE_READ(bytes_u32, uint32_t)
DEFINE_READ(bytes_u64, uint64_t)

uint64_t bytes_uvarint(struct bytes *b)
{
	size_t start = b->pos;
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		uint8_t c = bytes_u8(b);

		if (b->failed)
			break;
		if (shift == 63 && c > 1)
			break;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return v;
	}
	b->failed = true;
	b->pos = start;
	return 0;
}

const char *bytes_cstr(struct bytes *b, size_t max)
{
	/* The NUL itself does not count against the limit. */
	size_t reach = bytes_left(b) > max ? max + 1 : bytes_left(b);
	const uint8_t *start, *nul;

	if (b->failed || !reach) {
		b->failed = true;
		return NULL;
	}
	start = b->data + b->pos;
	nul = memchr(start, '\0', reach);
	if (!nul) {
		b->failed = true;
		return NULL;
	}
	b->pos += (size_t)(nul - start) + 1;
	return (const char *)start;
}

struct bytes bytes_sub(const struct bytes *b, size_t pos, size_t n)
{
	if (b->failed || pos > b->size || n > b->size - pos)
		return (struct bytes){ .data = b->data, .failed = true };
	return bytes_of(b->data + pos, n);
}
