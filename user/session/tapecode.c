/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/tapecode.h"

#include <string.h>

/* No byte, page, goroutine or nanosecond is counted beyond: sums of what is read stay in range. */
#define VALUE_MAX (INT64_C(1) << 56)

struct field {
	uint16_t offset;
	uint8_t size; /* 4 or 8 */
	bool is_any; /* takes any value, such as the greatest for "no limit" */
};

#define FIELD(type, f)                                           \
	{                                                        \
		offsetof(type, f), sizeof(((type *)0)->f), false \
	}
#define ANY(type, f)                                            \
	{                                                       \
		offsetof(type, f), sizeof(((type *)0)->f), true \
	}
#define FIELDS4(type, f) FIELD(type, f[0]), FIELD(type, f[1]), FIELD(type, f[2]), FIELD(type, f[3])

/*
 * The asserts are here to say: a field has come to the struct, so it belongs to the end of the
 * table, if the model makes use of it.
 */

/* Without the ids handed out, the address and the time of day: the model has no use for them. */
static const struct field account_fields[] = {
#define F(f) FIELD(struct account, f)
	F(heap_live_bytes),
	F(total_alloc_bytes),
	F(heap_objects),
	F(heap_inuse_bytes),
	F(heap_idle_bytes),
	F(heap_released_bytes),
	F(mapped_ready_bytes),
	F(stacks_inuse_bytes),
	F(other_sys_bytes),
	F(gc_spans_bytes),
	F(heap_marked_bytes),
	F(heap_goal_bytes),
	F(gc_cycles),
	F(gc_pause_total_ns),
	F(gc_pause_last_ns),
	F(gc_pause_max_ns),
	F(forced_gc_cycles),
	F(stacks_sys_bytes),
	ANY(struct account, memory_limit_bytes),
	F(gc_percent),
	F(go_minor),
#undef F
};
_Static_assert(sizeof(struct account) == 24 * 8, "account");

static const struct field memory_fields[] = {
#define F(f) FIELD(struct procfs_memory, f)
	F(anon_bytes),
	F(file_bytes),
	F(shmem_bytes),
	F(swap_bytes),
#undef F
};
_Static_assert(sizeof(struct procfs_memory) == 4 * 8, "procfs_memory");

static const struct field rollup_fields[] = {
#define F(f) FIELD(struct procfs_rollup, f)
	F(rss_bytes),	    F(anon_bytes),	    F(lazyfree_bytes),
	F(anon_huge_bytes), F(swap_bytes),	    F(heap_size_bytes),
	F(heap_anon_bytes), F(heap_lazyfree_bytes), F(unnamed_anon_bytes),
#undef F
};
_Static_assert(sizeof(struct procfs_rollup) == 9 * 8, "procfs_rollup");

static const struct field fds_fields[] = {
#define F(f) FIELD(struct procfs_fds, f)
	F(total), F(sockets), F(pipes), F(files), F(other),
#undef F
};
_Static_assert(sizeof(struct procfs_fds) == 5 * 4, "procfs_fds");

static const struct field cgroup_fields[] = {
	ANY(struct cgroup_memory, limit_bytes),	    ANY(struct cgroup_memory, current_bytes),
	FIELD(struct cgroup_memory, oom_kills),	    FIELD(struct cgroup_memory, reclaimable_bytes),
	ANY(struct cgroup_memory, pod_limit_bytes), ANY(struct cgroup_memory, pod_current_bytes),
};
_Static_assert(sizeof(struct cgroup_memory) == 6 * 8, "cgroup_memory");

static const struct field io_fields[] = {
	FIELD(struct procfs_io, read_bytes),
	FIELD(struct procfs_io, written_bytes),
};
_Static_assert(sizeof(struct procfs_io) == 2 * 8, "procfs_io");

/* Whether there are more is written besides. */
static const struct field sockets_fields[] = {
#define F(i) FIELD(struct sockets, n[i])
	F(0), F(1), F(2), F(3), F(4), F(5), F(6), F(7),
#undef F
};
_Static_assert(SOCKETS_STATES == 8, "sockets");

/* The parts of a reading that are no struct of their own. */
static const struct field machine_fields[] = {
	FIELD(struct model_reading, mem_total_bytes),
	FIELD(struct model_reading, mem_available_bytes),
};

/* Its place and its stack are written besides. */
static const struct field alloc_fields[] = {
	FIELD(struct model_alloc_site, bytes),
	FIELD(struct model_alloc_site, objects),
};

/* Of tokens only whether there are any; see tapeout.c. */
static const struct field state_fields[] = {
#define F(f)  FIELD(struct wire_state, f)
#define F7(f) F(f[0]), F(f[1]), F(f[2]), F(f[3]), F(f[4]), F(f[5]), F(f[6])
	F7(streamed),
	F(rss_events),
	FIELDS4(struct wire_state, rss_bytes),
	F(tokens),
	ANY(struct wire_state, sample_mask),
	F(heap_live),
	F(mark_end_ns),
	F7(sampled_out),
	F7(lost),
	F7(bad),
	F(births_other),
	F(deaths_other),
	F(parks_other),
	F(readies_other),
	F(stacks_lost),
#undef F
#undef F7
};
_Static_assert(WIRE_HOOK_BOOKED == 7, "hooks");

static const struct field census_fields[] = {
#define F(f) FIELD(struct site_census, f)
	F(found),	 F(old),	  F(with_since),
	F(since_min_ns), F(since_max_ns), ANY(struct site_census, moved),
	F(ids[0]),	 F(ids[1]),	  F(ids[2]),
	F(ids[3]),	 F(ids[4]),	  F(ids[5]),
	F(ids[6]),	 F(ids[7]),	  F(ids[8]),
	F(ids[9]),	 F(ids[10]),	  F(ids[11]),
	F(ids[12]),	 F(ids[13]),	  F(ids[14]),
	F(ids[15]),	 F(known_parts),  F(ran_parts),
#undef F
};
_Static_assert(SITE_PARTS == 16, "parts");

/* Its time and whether there are trackingSeqs are written besides. */
static const struct field census_end_fields[] = {
	FIELD(struct model_census, torn),
	FIELD(struct model_census, unread),
	FIELD(struct model_census, procs),
};

static const struct field observer_fields[] = {
	FIELD(struct snapshot_observer, refused),
	FIELD(struct snapshot_observer, malformed),
	FIELD(struct snapshot_observer, tasks_lost),
};

static const struct {
	const struct field *fields;
	unsigned int n;
	int64_t absent;
} tables[TABLES] = {
#define TABLE(f, absent)                 \
	{                                \
		f, ARRAY_SIZE(f), absent \
	}
	[TABLE_ACCOUNT] = TABLE(account_fields, -1),
	[TABLE_MEMORY] = TABLE(memory_fields, -1),
	[TABLE_ROLLUP] = TABLE(rollup_fields, -1),
	[TABLE_FDS] = TABLE(fds_fields, 0),
	[TABLE_CGROUP] = TABLE(cgroup_fields, -1),
	[TABLE_STATE] = TABLE(state_fields, 0),
	[TABLE_CENSUS] = TABLE(census_fields, 0),
	[TABLE_CENSUS_END] = TABLE(census_end_fields, 0),
	[TABLE_OBSERVER] = TABLE(observer_fields, 0),
	[TABLE_IO] = TABLE(io_fields, -1),
	[TABLE_SOCKETS] = TABLE(sockets_fields, 0),
	[TABLE_MACHINE] = TABLE(machine_fields, 0),
	[TABLE_ALLOC] = TABLE(alloc_fields, 0),
#undef TABLE
};

static int64_t value_of(const struct field *f, const void *of)
{
	const uint8_t *at = (const uint8_t *)of + f->offset;
	int64_t v;
	uint32_t narrow;

	if (f->size == sizeof(v)) {
		memcpy(&v, at, sizeof(v));
		return v;
	}
	memcpy(&narrow, at, sizeof(narrow));
	return narrow;
}

static void set_value(const struct field *f, void *of, int64_t v)
{
	uint8_t *at = (uint8_t *)of + f->offset;
	uint32_t narrow = (uint32_t)v;

	if (f->size == sizeof(v))
		memcpy(at, &v, sizeof(v));
	else
		memcpy(at, &narrow, sizeof(narrow));
}

static bool is_value(const struct field *f, int64_t v)
{
	if (f->size == sizeof(uint32_t))
		return v >= 0 && v <= UINT32_MAX;
	return f->is_any || (v >= -1 && v <= VALUE_MAX);
}

void fields_init(enum tape_table table, void *of)
{
	for (unsigned int i = 0; i < tables[table].n; i++)
		set_value(&tables[table].fields[i], of, tables[table].absent);
}

unsigned int fields_count(enum tape_table table)
{
	return tables[table].n;
}

static int64_t difference(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

void fields_put(struct pack *p, enum tape_table table, const void *now, void *last)
{
	const struct field *f = tables[table].fields;
	unsigned int n = tables[table].n;
	uint64_t changed = 0;

	for (unsigned int i = 0; i < n; i++)
		if (value_of(&f[i], now) != value_of(&f[i], last))
			changed |= UINT64_C(1) << i;
	pack_uvarint(p, changed);
	for (unsigned int i = 0; i < n; i++) {
		int64_t v = value_of(&f[i], now);

		if (changed >> i & 1)
			pack_svarint(p, difference(v, value_of(&f[i], last)));
		set_value(&f[i], last, v);
	}
}

void fields_get(struct bytes *b, enum tape_table table, unsigned int n, void *last)
{
	uint64_t changed = bytes_uvarint(b);

	if (n < 64 && changed >> n)
		b->failed = true;
	for (unsigned int i = 0; i < 64 && changed >> i && bytes_ok(b); i++) {
		if (!(changed >> i & 1))
			continue;
		int64_t by = bytes_svarint(b);

		if (i >= tables[table].n)
			continue; /* of a gotide to come */
		const struct field *f = &tables[table].fields[i];
		int64_t v = (int64_t)((uint64_t)value_of(f, last) + (uint64_t)by);

		if (is_value(f, v))
			set_value(f, last, v);
		else
			b->failed = true;
	}
}

void sparse_put(struct pack *p, const uint32_t *v, uint32_t n)
{
	uint32_t used = 0, last = 0;

	for (uint32_t i = 0; i < n; i++)
		used += v[i] != 0;
	pack_uvarint(p, used);
	for (uint32_t i = 0; i < n; i++) {
		if (!v[i])
			continue;
		pack_uvarint(p, i - last);
		pack_uvarint(p, v[i]);
		last = i;
	}
}

void sparse_get(struct bytes *b, uint32_t *v, uint32_t n)
{
	uint64_t used = bytes_uvarint(b), at = 0;

	memset(v, 0, n * sizeof(*v));
	if (used > n)
		b->failed = true;
	for (uint64_t i = 0; i < used && bytes_ok(b); i++) {
		uint64_t gap = bytes_uvarint(b), value = bytes_uvarint(b);

		if (gap >= n - at || value > UINT32_MAX) {
			b->failed = true;
			return;
		}
		at += gap;
		v[at] = (uint32_t)value;
	}
}

void pcs_put(struct pack *p, const uint64_t *pc, uint32_t n)
{
	uint64_t last = 0;

	pack_uvarint(p, n);
	for (uint32_t i = 0; i < n; i++) {
		pack_svarint(p, (int64_t)(pc[i] - last));
		last = pc[i];
	}
}

uint32_t pcs_get(struct bytes *b, uint64_t *pc, uint32_t max)
{
	uint64_t n = bytes_uvarint(b), last = 0;

	if (n > max)
		b->failed = true;
	for (uint64_t i = 0; i < n && bytes_ok(b); i++)
		pc[i] = last += (uint64_t)bytes_svarint(b);
	return bytes_ok(b) ? (uint32_t)n : 0;
}
