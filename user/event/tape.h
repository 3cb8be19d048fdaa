/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tape as a file: records of bytes, compressed, in frames that can be told whole from broken.
 * Knows nothing of what the records say.
 *
 *	magic    8 bytes, TAPE_MAGIC
 *	version  u32, TAPE_VERSION
 *	         u32, 0
 *	frames   u32 bytes stored, u32 bytes of records in it, u32 CRC-32 of what is stored; stored:
 *	         a piece of one raw deflate stream that goes through all frames, ended with a sync
 *	         flush, the last four bytes of which (00 00 ff ff) are left out
 *	records  uvarint kind, uvarint size, as many bytes; whole records in each frame
 *
 * All is little-endian.  What comes before the first frame that is cut off or broken can be read;
 * what comes after cannot, since a frame is compressed with what was before it.
 */
#ifndef GOTIDE_EVENT_TAPE_H
#define GOTIDE_EVENT_TAPE_H

#include "base/bytes.h"

#define TAPE_MAGIC   "GOTIDE\x1a\n"
#define TAPE_VERSION 1

#define TAPE_FRAME_MAX	(1u << 20) /* of records in it */
#define TAPE_RECORD_MAX (1u << 18)

struct tape_writer;

/* Makes the file, or overwrites it.  -errno of it. */
int tape_create(const char *path, struct tape_writer **ret) _must_check_;
/*
 * Appends a record; it is in the file after tape_flush(), or when a frame is full.  Errors of
 * writing: the first stands, and nothing is written from then on.  -E2BIG: it is too large.
 */
int tape_put(struct tape_writer *w, uint32_t kind, const void *data, size_t size) _must_check_;
int tape_flush(struct tape_writer *w) _must_check_;
uint64_t tape_written(const struct tape_writer *w); /* bytes in the file */
/* Flushes and closes.  NULL is fine. */
int tape_close(struct tape_writer *w) _must_check_;

/* Whether there is a regular file of this name that begins as a tape does. */
bool tape_is(const char *path) _must_check_;

struct tape_reader;

struct tape_record {
	uint32_t kind;
	struct bytes data; /* borrowed until the next call */
};

/*
 * Begins to read; takes fd over, also on failure.  -EBADMSG: no tape.  -EPROTONOSUPPORT: a tape of
 * a version to come.
 */
int tape_open(int fd, struct tape_reader **ret) _must_check_;
void tape_reader_free(struct tape_reader *r); /* NULL is fine */
/*
 * The next record.  1; 0: that was the last; -ENODATA: the file ends within a frame; -EBADMSG: it
 * is damaged here; or an error of reading.  Whatever is not 1 stays so.
 */
int tape_next(struct tape_reader *r, struct tape_record *ret) _must_check_;

#endif
