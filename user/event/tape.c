/* SPDX-License-Identifier: BSD-2-Clause */
#include "event/tape.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/pack.h"

#define MAGIC_SIZE  8
#define HEADER_SIZE (MAGIC_SIZE + 2 * sizeof(uint32_t))
#define FRAME_SIZE  (3 * sizeof(uint32_t))

/* Records of so many bytes make a frame, whether or not they are asked to be flushed. */
#define FRAME_FULL (1u << 16)
/* The worst that deflate makes of a frame. */
#define STORED_MAX (TAPE_FRAME_MAX + TAPE_FRAME_MAX / 512 + 64)

/* What every sync flush ends with. */
static const uint8_t flush_mark[] = { 0x00, 0x00, 0xff, 0xff };

/* ---- writing ---- */

struct tape_writer {
	int fd;
	int err; /* the first */
	uint64_t written;
	struct pack records, stored;
	z_stream z;
};

static int write_all(struct tape_writer *w, const uint8_t *data, size_t n)
{
	while (n && !w->err) {
		ssize_t done = write(w->fd, data, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			w->err = -errno;
			break;
		}
		data += done;
		n -= (size_t)done;
		w->written += (uint64_t)done;
	}
	return w->err;
}

static void writer_free(struct tape_writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	(void)deflateEnd(&w->z); /* what it holds is not wanted */
	pack_release(&w->records);
	pack_release(&w->stored);
	free(w);
}

int tape_create(const char *path, struct tape_writer **ret)
{
	struct tape_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (w->fd < 0)
		w->err = -errno;
	else if (deflateInit2(&w->z, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 9,
			      Z_DEFAULT_STRATEGY) != Z_OK)
		w->err = -ENOMEM;
	pack_bytes(&w->stored, TAPE_MAGIC, MAGIC_SIZE);
	pack_u32(&w->stored, TAPE_VERSION);
	pack_u32(&w->stored, 0);
	int err = pack_ok(&w->stored) ? w->err : -ENOMEM;

	err = err ? err : write_all(w, w->stored.items, w->stored.n);
	if (err) {
		writer_free(w);
		return err;
	}
	*ret = w;
	return 0;
}

/* Appends to w->stored. */
static int compress_records(struct tape_writer *w)
{
	uint8_t buf[16384];

	w->z.next_in = w->records.items;
	w->z.avail_in = (unsigned int)w->records.n;
	do {
		w->z.next_out = buf;
		w->z.avail_out = sizeof(buf);
		if (deflate(&w->z, Z_SYNC_FLUSH) != Z_OK)
			return -EIO;
		pack_bytes(&w->stored, buf, sizeof(buf) - w->z.avail_out);
	} while (!w->z.avail_out);
	return pack_ok(&w->stored) ? 0 : -ENOMEM;
}

/* The frame, its head included, in w->stored. */
static int make_frame(struct tape_writer *w)
{
	pack_clear(&w->stored);
	for (int i = 0; i < 3; i++)
		pack_u32(&w->stored, 0);
	int err = compress_records(w);

	if (err)
		return err;
	w->stored.n -= sizeof(flush_mark);
	uint32_t size = (uint32_t)(w->stored.n - FRAME_SIZE);
	uint32_t head[] = { size, (uint32_t)w->records.n,
			    (uint32_t)crc32(0, w->stored.items + FRAME_SIZE, size) };

	memcpy(w->stored.items, head, sizeof(head));
	return 0;
}

int tape_flush(struct tape_writer *w)
{
	if (w->err || !w->records.n)
		return w->err;
	w->err = make_frame(w);
	pack_clear(&w->records);
	return w->err ? w->err : write_all(w, w->stored.items, w->stored.n);
}

int tape_put(struct tape_writer *w, uint32_t kind, const void *data, size_t size)
{
	if (w->err)
		return w->err;
	if (size > TAPE_RECORD_MAX)
		return -E2BIG;
	pack_uvarint(&w->records, kind);
	pack_uvarint(&w->records, size);
	pack_bytes(&w->records, data, size);
	if (!pack_ok(&w->records))
		w->err = -ENOMEM; /* with half a record nothing can be read that follows */
	return w->err ? w->err : w->records.n >= FRAME_FULL ? tape_flush(w) : 0;
}

uint64_t tape_written(const struct tape_writer *w)
{
	return w->written;
}

int tape_close(struct tape_writer *w)
{
	if (!w)
		return 0;
	int err = tape_flush(w);

	if (close(TAKE_FD(w->fd)) && !err)
		err = -errno;
	writer_free(w);
	return err;
}

/* ---- reading ---- */

struct buffer {
	uint8_t *data; /* owned */
	size_t size;
};

struct tape_reader {
	FILE *f;
	int state; /* 1 while there may be more; else what tape_next() returns */
	struct bytes frame; /* what is left of it */
	struct buffer stored, records; /* of one frame; grown as needed */
	z_stream z;
};

/* 0 at the end of the file, -ENODATA if it comes too soon. */
static int read_exactly(struct tape_reader *r, void *buf, size_t n)
{
	size_t got = fread(buf, 1, n, r->f);

	if (got == n)
		return 1;
	if (ferror(r->f))
		return errno ? -errno : -EIO;
	return got ? -ENODATA : 0;
}

static int read_header(struct tape_reader *r)
{
	uint8_t header[HEADER_SIZE];
	int n = read_exactly(r, header, sizeof(header));
	struct bytes b = bytes_of(header, sizeof(header));

	if (n < 0 && n != -ENODATA)
		return n;
	if (n != 1 || memcmp(bytes_take(&b, MAGIC_SIZE), TAPE_MAGIC, MAGIC_SIZE) != 0)
		return -EBADMSG;
	return bytes_u32(&b) == TAPE_VERSION ? 0 : -EPROTONOSUPPORT;
}

int tape_open(int fd, struct tape_reader **ret)
{
	_cleanup_close_ int owned = fd;
	struct tape_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->state = 1;
	int err = inflateInit2(&r->z, -MAX_WBITS) == Z_OK ? 0 : -ENOMEM;

	r->f = err ? NULL : fdopen(owned, "r");
	if (r->f) {
		(void)TAKE_FD(owned);
		err = read_header(r);
	} else if (!err) {
		err = -errno;
	}
	if (err) {
		tape_reader_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

void tape_reader_free(struct tape_reader *r)
{
	if (!r)
		return;
	if (r->f)
		fclose(r->f);
	(void)inflateEnd(&r->z); /* as above */
	free(r->stored.data);
	free(r->records.data);
	free(r);
}

static int grow(struct buffer *b, size_t size)
{
	if (size <= b->size)
		return 0;
	uint8_t *data = realloc(b->data, size);

	if (!data)
		return -ENOMEM;
	*b = (struct buffer){ data, size };
	return 0;
}

static int inflate_frame(struct tape_reader *r, uint32_t stored, uint32_t size)
{
	memcpy(r->stored.data + stored, flush_mark, sizeof(flush_mark));
	r->z.next_in = r->stored.data;
	r->z.avail_in = stored + sizeof(flush_mark);
	r->z.next_out = r->records.data;
	/* With room to spare, or it would stop before it has seen the mark. */
	r->z.avail_out = size + 1;
	if (inflate(&r->z, Z_SYNC_FLUSH) != Z_OK || r->z.avail_out != 1 || r->z.avail_in)
		return -EBADMSG;
	r->frame = bytes_of(r->records.data, size);
	return 1;
}

static int next_frame(struct tape_reader *r)
{
	uint32_t head[3];
	int n = read_exactly(r, head, sizeof(head));

	if (n != 1)
		return n;
	if (head[0] > STORED_MAX || !head[1] || head[1] > TAPE_FRAME_MAX)
		return -EBADMSG;
	/* Room for the mark, and for one byte that should not come. */
	if (grow(&r->stored, head[0] + sizeof(flush_mark)) || grow(&r->records, head[1] + 1))
		return -ENOMEM;
	n = read_exactly(r, r->stored.data, head[0]);
	if (n != 1)
		return n ? n : -ENODATA;
	if (crc32(0, r->stored.data, head[0]) != head[2])
		return -EBADMSG;
	return inflate_frame(r, head[0], head[1]);
}

int tape_next(struct tape_reader *r, struct tape_record *ret)
{
	if (r->state == 1 && !bytes_left(&r->frame))
		r->state = next_frame(r);
	if (r->state != 1)
		return r->state;
	uint64_t kind = bytes_uvarint(&r->frame), size = bytes_uvarint(&r->frame);
	const uint8_t *data = size <= TAPE_RECORD_MAX ? bytes_take(&r->frame, size) : NULL;

	/* No data is fine for a record of no bytes. */
	if (!bytes_ok(&r->frame) || kind > UINT32_MAX || (!data && size))
		return r->state = -EBADMSG;
	*ret = (struct tape_record){ (uint32_t)kind, bytes_of(data, size) };
	return 1;
}

bool tape_is(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char magic[MAGIC_SIZE];
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	       read(fd, magic, sizeof(magic)) == sizeof(magic) &&
	       !memcmp(magic, TAPE_MAGIC, MAGIC_SIZE);
}
