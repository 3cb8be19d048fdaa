/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/mem.h"

#include <assert.h>
#include <string.h>
#include <sys/uio.h>

/* How many ranges of a batch a count of bytes covers whole. */
static size_t ranges_covered(const struct mem_range *ranges, size_t n, size_t bytes)
{
	size_t i = 0;

	while (i < n && ranges[i].size <= bytes)
		bytes -= ranges[i++].size;
	return i;
}

/*
 * The kernel stops at the first range that it cannot read and says how far it came: that range is
 * given up, and the call is made again for those behind it.
 */
static int read_process(void *arg, struct mem_range *ranges, size_t n)
{
	pid_t pid = (pid_t)(intptr_t)arg;
	struct iovec local[MEM_BATCH_MAX], remote[MEM_BATCH_MAX];

	assert(n <= MEM_BATCH_MAX);
	for (size_t i = 0; i < n; i++) {
		local[i] = (struct iovec){ ranges[i].buf, ranges[i].size };
		remote[i] = (struct iovec){ (void *)(uintptr_t)ranges[i].addr, ranges[i].size };
		ranges[i].ok = false;
	}
	for (size_t i = 0; i < n; i++) {
		ssize_t got = process_vm_readv(pid, local + i, n - i, remote + i, n - i, 0);
		size_t whole;

		if (got < 0 && errno != EFAULT)
			return -errno;
		whole = ranges_covered(ranges + i, n - i, got < 0 ? 0 : (size_t)got);
		for (size_t end = i + whole; i < end; i++)
			ranges[i].ok = true;
	}
	return 0;
}

void mem_of_process(struct mem *m, pid_t pid, uint64_t budget_bytes)
{
	*m = (struct mem){
		.read_many = read_process,
		.arg = (void *)(intptr_t)pid,
		.budget_bytes = budget_bytes,
	};
}

/* Takes the ranges' bytes off the budget, read or not: trying costs as much. */
static int charge(struct mem *m, const struct mem_range *ranges, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (__builtin_add_overflow(sum, ranges[i].size, &sum))
			return -ENOBUFS;
	if (sum > m->budget_bytes)
		return -ENOBUFS;
	m->budget_bytes -= sum;
	return 0;
}

static int read_batch(struct mem *m, struct mem_range *ranges, size_t n)
{
	int err = charge(m, ranges, n);

	if (err)
		return err;
	m->calls++;
	err = m->read_many(m->arg, ranges, n);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		if (ranges[i].ok)
			m->read_bytes += ranges[i].size;
		else
			m->faults++;
	}
	return 0;
}

int mem_read_many(struct mem *m, struct mem_range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i += MEM_BATCH_MAX) {
		int err = read_batch(m, ranges + i, MIN(n - i, (size_t)MEM_BATCH_MAX));

		if (err)
			return err;
	}
	return 0;
}

/* So far apart two ranges are still near, and as much is read at a time. */
#define NEAR_GAP   4096
#define NEAR_BYTES 16384

/* Ranges that are read as one. */
struct stretch {
	uint64_t start, end;
	size_t first, n; /* of the ranges in order of address */
};

static void sort_by_address(struct mem_range **order, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct mem_range *it = order[i];
		size_t k = i;

		for (; k > 0 && order[k - 1]->addr > it->addr; k--)
			order[k] = order[k - 1];
		order[k] = it;
	}
}

/* Puts neighbours together as long as they fit into NEAR_BYTES in all; returns how many stretches.
 */
static size_t make_stretches(struct mem_range *const *order, size_t n, struct stretch *ret)
{
	uint64_t room = NEAR_BYTES;
	size_t n_stretches = 0;

	for (size_t i = 0; i < n; i++) {
		struct stretch *last = n_stretches ? &ret[n_stretches - 1] : NULL;
		uint64_t start = order[i]->addr, end = start + order[i]->size;

		if (last && start <= last->end + NEAR_GAP && end >= last->end &&
		    end - last->end <= room) {
			room -= end - last->end;
			last->end = end;
			last->n++;
			continue;
		}
		if (order[i]->size > room)
			return 0;
		room -= order[i]->size;
		ret[n_stretches++] = (struct stretch){ start, end, i, 1 };
	}
	return n_stretches;
}

/* -EFAULT if one of them cannot be read whole. */
static int read_stretches(struct mem *m, const struct stretch *s, size_t n, uint8_t *buf)
{
	struct mem_range whole[MEM_NEAR_MAX];
	int err;

	for (size_t i = 0; i < n; i++) {
		size_t size = s[i].end - s[i].start;

		whole[i] = (struct mem_range){ s[i].start, size, buf, false };
		buf += size;
	}
	err = mem_read_many(m, whole, n);
	for (size_t i = 0; !err && i < n; i++)
		err = whole[i].ok ? 0 : -EFAULT;
	return err;
}

static void hand_out(const struct stretch *s, struct mem_range *const *order, const uint8_t *buf)
{
	for (size_t i = s->first; i < s->first + s->n; i++) {
		memcpy(order[i]->buf, buf + (order[i]->addr - s->start), order[i]->size);
		order[i]->ok = true;
	}
}

int mem_read_near(struct mem *m, struct mem_range *ranges, size_t n)
{
	struct mem_range *order[MEM_NEAR_MAX];
	struct stretch stretches[MEM_NEAR_MAX];
	uint8_t buf[NEAR_BYTES], *at = buf;
	size_t n_stretches;
	int err;

	assert(n <= MEM_NEAR_MAX);
	for (size_t i = 0; i < n; i++)
		order[i] = &ranges[i];
	sort_by_address(order, n);
	n_stretches = make_stretches(order, n, stretches);
	err = n_stretches ? read_stretches(m, stretches, n_stretches, buf) : -EFAULT;
	/* What lies between may be missing, or they are too large. */
	if (err == -EFAULT)
		return mem_read_many(m, ranges, n);
	for (size_t i = 0; !err && i < n_stretches; i++) {
		hand_out(&stretches[i], order, at);
		at += stretches[i].end - stretches[i].start;
	}
	return err;
}

int mem_read(struct mem *m, uint64_t addr, void *buf, size_t size)
{
	struct mem_range r = { .addr = addr, .size = size, .buf = buf };
	int err = mem_read_many(m, &r, 1);

	if (err)
		return err;
	return r.ok ? 0 : -EFAULT;
}

int mem_read_u64(struct mem *m, uint64_t addr, uint64_t *ret)
{
	uint64_t v;
	int err = mem_read(m, addr, &v, sizeof(v));

	if (!err)
		*ret = v;
	return err;
}
