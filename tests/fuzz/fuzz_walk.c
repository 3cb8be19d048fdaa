/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The goroutine walk and the account over a hostile memory: the input is all the memory there is,
 * at two addresses, it may be different at each read, and some reads fail.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "census/account.h"
#include "census/walk.h"
#include "hostile.h"

#define BUDGET (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(const struct walk_goroutine *g, void *arg)
{
	struct hostile *h = arg;

	if (!g->goid || g->status == WALK_DEAD)
		abort();
	h->given++;
}

static void try_walk(struct hostile *h, const struct offsets *o, uint64_t allgs)
{
	struct mem m = { .read_many = hostile_read, .arg = h, .budget_bytes = BUDGET };
	struct walk_source src = { allgs, o, hostile_is_odd, NULL, 0, 0 };
	struct walk_result r;

	if (!walk_source_run(&m, &src, take, h, &r) && (r.live != h->given || r.system > r.live))
		abort();
	if (m.read_bytes > BUDGET)
		abort();
}

static void try_account(struct hostile *h, const struct offsets *o, uint64_t base)
{
	struct mem m = { .read_many = hostile_read, .arg = h, .budget_bytes = BUDGET };
	struct account_source src = { base, base, base, o, base, 27 };
	struct account a;

	if (!account_source_read(&m, &src, &a) &&
	    (a.heap_inuse_bytes < -1 || a.heap_idle_bytes < -1 || a.heap_objects < -1))
		abort();
}

/*
 * Byte 0: bit 0 memory changes, bit 1 the offsets come from the input too.  Bytes 1 to 4: seed.
 * Then the memory, which begins with the header of allgs.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = bytes_of(data, size);
	uint8_t how = bytes_u8(&b);
	struct hostile h = { .seed = bytes_u32(&b), .is_restless = how & 1 };
	struct offsets o;

	if (!bytes_ok(&b))
		return 0;
	memset(&o, 0xff, sizeof(o));
	o.g_atomicstatus = 0;
	o.g_goid = 8;
	o.g_gopc = 16;
	o.g_startpc = 24;
	o.g_waitreason = 32;
	o.gcc_heapinuse = 24;
	o.gcc_heapfree = 32;
	o.gcc_heapreleased = 40;
	if (how & 2) {
		size_t n = bytes_left(&b) < sizeof(o) ? bytes_left(&b) : sizeof(o);

		memcpy(&o, bytes_take(&b, n), n);
	}
	h.size = bytes_left(&b);
	if (!h.size)
		return 0;
	h.bytes = malloc(h.size);
	if (!h.bytes)
		return 0;
	memcpy(h.bytes, data + b.pos, h.size);
	try_walk(&h, &o, LOW);
	try_account(&h, &o, LOW);
	free(h.bytes);
	return 0;
}
