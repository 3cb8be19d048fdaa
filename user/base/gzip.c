/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/gzip.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/cleanup.h"

#define SIZE_LIMIT  ((size_t)1 << 30)
#define WINDOW_GZIP (15 + 16) /* zlib's way to ask for gzip's header */
#define MEMORY	    8 /* zlib's default */

int gzip_pack(const void *data, size_t size, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *out = NULL;
	z_stream z = { 0 };
	uLong bound;
	int rc;

	if (size > SIZE_LIMIT)
		return -EFBIG;
	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_GZIP, MEMORY, Z_DEFAULT_STRATEGY))
		return -ENOMEM;
	bound = deflateBound(&z, (uLong)size);
	out = malloc(bound);
	z.next_in = (Bytef *)data;
	z.avail_in = (uInt)size;
	z.next_out = (Bytef *)out;
	z.avail_out = out ? (uInt)bound : 0;
	rc = out ? deflate(&z, Z_FINISH) : Z_MEM_ERROR;
	*ret_size = z.total_out;
	deflateEnd(&z);
	if (rc != Z_STREAM_END)
		return -ENOMEM;
	*ret = TAKE_PTR(out);
	return 0;
}
