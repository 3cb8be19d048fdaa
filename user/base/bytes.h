/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded cursor over foreign bytes (ELF, pclntab, target memory, ring records).  No read leaves
 * the range; a read that would do so sets the cursor's failed flag, returns zero and does not
 * advance.  Callers may therefore decode a whole record and ask bytes_ok() once at the end.
 * Multi-byte values are little-endian: every supported target is.
 */
#ifndef GOTIDE_BASE_BYTES_H
#define GOTIDE_BASE_BYTES_H

#include "base/err.h"

struct bytes {
	const uint8_t *data; /* borrowed */
	size_t size;
	size_t pos;
	bool failed;
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
	return (struct bytes){ .data = data, .size = size };
}

static inline bool bytes_ok(const struct bytes *b)
{
	return !b->failed;
}

static inline size_t bytes_left(const struct bytes *b)
{
	return b->size - b->pos;
}

/* Moves to an absolute position; past the end is a failure. */
void bytes_seek(struct bytes *b, size_t pos);
void bytes_skip(struct bytes *b, size_t n);
/* Skips to the next multiple of align (a power of two) from the start of the range. */
void bytes_align(struct bytes *b, size_t align);

uint8_t bytes_u8(struct bytes *b);
uint16_t bytes_u16(struct bytes *b);
uint32_t bytes_u32(struct bytes *b);
uint64_t bytes_u64(struct bytes *b);
/* LEB128, at most 64 bits (encoding/binary's uvarint). */
uint64_t bytes_uvarint(struct bytes *b);

/* Borrows the next n bytes and advances; NULL (and failed) if there are fewer. */
const uint8_t *bytes_take(struct bytes *b, size_t n);

/*
 * Borrows a NUL-terminated string of at most max characters and advances past the NUL; NULL (and
 * failed) if no NUL comes within the range or the limit.
 */
const char *bytes_cstr(struct bytes *b, size_t max);

/* A cursor over [pos, pos + n) of the same bytes; failed if that leaves the range. */
struct bytes bytes_sub(const struct bytes *b, size_t pos, size_t n);

#endif
