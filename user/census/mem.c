/* SPDX-License-Identifier: BSD-2-Clause */
#include "census/mem.h"

#include <assert.h>
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
