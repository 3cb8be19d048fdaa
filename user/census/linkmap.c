/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/linkmap.h"

#include <elf.h>

#define DYN_MAX 256

/* As link.h has them, on every 64-bit machine. */
#define R_MAP_OFF  8 /* within r_debug: its list */
#define L_NEXT_OFF 24 /* within link_map; the bias comes first */

static int debug_find(struct mem *m, uint64_t dynamic, uint64_t *ret)
{
	for (size_t i = 0; i < DYN_MAX; i++) {
		Elf64_Dyn d;
		int err = mem_read(m, dynamic + i * sizeof(d), &d, sizeof(d));

		if (err)
			return err;
		if (d.d_tag == DT_NULL)
			break;
		if (d.d_tag == DT_DEBUG && mem_is_pointer(d.d_un.d_ptr)) {
			*ret = d.d_un.d_ptr;
			return 0;
		}
	}
	return -ENOENT;
}

int linkmap_read(struct mem *m, uint64_t dynamic, uint64_t *biases, size_t max, size_t *ret_n)
{
	uint64_t debug = 0, map = 0;
	size_t n = 0;
	int err = debug_find(m, dynamic, &debug);

	if (!err)
		err = mem_read_u64(m, debug + R_MAP_OFF, &map);
	if (err)
		return err;
	for (; mem_is_pointer(map) && n < max && n < LINKMAP_MAX; n++) {
		err = mem_read_u64(m, map, &biases[n]);
		if (!err)
			err = mem_read_u64(m, map + L_NEXT_OFF, &map);
		if (err)
			return err;
	}
	*ret_n = n;
	return n ? 0 : -ENOENT;
}
