/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/offsets.h"

#include <assert.h>
#include <string.h>

#include "gobin/dwarf.h"
#include "gobin/offsets_table.h"

#define FIELD_COUNT (sizeof(struct offsets) / sizeof(uint32_t))

/* The oldest release whose layout was measured, and how far past the newest one may borrow. */
#define MINOR_OLDEST 15
#define MINOR_BEYOND 2

static const struct {
	const char *name, *type, *field;
} fields[] = {
#define FIELD(name, type, field) { #name, type, field },
	OFFSETS_FIELDS(FIELD)
#undef FIELD
};
_Static_assert(ARRAY_SIZE(fields) == FIELD_COUNT, "offsets");

/* Fields that had another name in some release (runtime/runtime2.go, runtime/mstats.go). */
static const struct {
	const char *field, *other;
} renamed[] = {
	{ "runqsize", "runq.size" }, /* 1.26: gQueue counts its own length */
	{ "gcMiscSys", "gc_sys" }, /* 1.15 */
	{ "ts", "pp" }, /* up to 1.22, of timer: the P, then what of the P holds it */
	{ "state", "status" }, /* up to 1.22, of timer: other values, too */
	{ "c.maybeTraceablePtr.vu", "c" }, /* up to 1.25: a plain *hchan */
};

const char *offsets_source_str(enum offsets_source s)
{
	switch (s) {
	case OFFSETS_DWARF:
		return "dwarf";
	case OFFSETS_TABLE:
		return "table";
	case OFFSETS_NEAREST:
		return "nearest";
	default:
		return "unknown";
	}
}

size_t offsets_count(void)
{
	return FIELD_COUNT;
}

const char *offsets_name(size_t i)
{
	assert(i < FIELD_COUNT);
	return fields[i].name;
}

uint32_t offsets_value(const struct offsets *o, size_t i)
{
	uint32_t value;

	assert(i < FIELD_COUNT);
	memcpy(&value, (const char *)o + i * sizeof(value), sizeof(value));
	return value;
}

static void offsets_set(struct offsets *o, size_t i, uint32_t value)
{
	memcpy((char *)o + i * sizeof(value), &value, sizeof(value));
}

static const struct offsets_table *table_of(enum elf_machine machine)
{
	for (size_t i = 0; i < offsets_tables_n; i++) {
		if (offsets_tables[i].machine == machine)
			return &offsets_tables[i];
	}
	return NULL;
}

static unsigned int distance(uint16_t a, uint16_t b)
{
	return a > b ? a - b : b - a;
}

/* The measured release nearest to the version; of two equally far the older. */
static size_t nearest(const struct offsets_table *t, uint16_t minor)
{
	size_t best = 0;

	for (size_t i = 1; i < t->n_releases; i++) {
		if (distance(t->releases[i].minor, minor) <
		    distance(t->releases[best].minor, minor))
			best = i;
	}
	return best;
}

static void row_copy(const struct offsets_table *t, size_t row, struct offsets *ret)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		offsets_set(ret, i, t->offsets[i * t->n_releases + row]);
}

/*
 * p.timers of Go 1.18 and 1.20, 8 bytes lower than in 1.19 and 1.21: adjusttimers and doaddtimer in
 * programs built by them (turbo 1.6.3; esbuild 0.18.0 and 0.21.5) refer to the slice there.
 */
#define P_TIMERS_18_20 8832

/*
 * Go 1.20, which no suite of Debian has: g as in 1.19, all else as in 1.21, but that
 * gcControllerState keeps one mark/cons ratio where 1.21 keeps four, so what follows lies 24 bytes
 * lower.  Measured in programs built by it (esbuild 0.18.0 and 0.20.0): newproc1, resetLive and
 * schedtrace refer to these offsets, and read from a running one heapInUse + heapFree + stacks
 * give heapStats.committed.
 */
static void compose_1_20(const struct offsets_table *t, struct offsets *ret)
{
	static const uint32_t shift = 3 * sizeof(double);
	struct offsets old;
	uint32_t value;

	row_copy(t, nearest(t, 19), &old);
	row_copy(t, nearest(t, 21), ret);
	ret->p_timers = P_TIMERS_18_20;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		value = offsets_value(ret, i);
		if (!strcmp(fields[i].type, "runtime.g"))
			offsets_set(ret, i, offsets_value(&old, i));
		else if (!strcmp(fields[i].type, "runtime.gcControllerState") &&
			 value != OFFSET_NONE && value > ret->gcc_memorylimit)
			offsets_set(ret, i, value - shift);
	}
}

/*
 * Go 1.18, which no suite of Debian has either: g, m, p and schedt as in 1.19; gcControllerState
 * and mstats as its own runtime/mgcpacer.go and mstats.go declare them, on a machine of 64 bits.
 * In a program built by it (turbo 1.6.3) newproc1 and gopark confirm g, resetLive the two heap
 * sizes, and the runtime's printing of its statistics mstats.
 */
static void compose_1_18(const struct offsets_table *t, struct offsets *ret)
{
	row_copy(t, nearest(t, 19), ret);
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (!strcmp(fields[i].type, "runtime.gcControllerState") ||
		    !strcmp(fields[i].type, "runtime.mstats"))
			offsets_set(ret, i, OFFSET_NONE);
	}
	ret->p_timers = P_TIMERS_18_20;
	ret->gcc_gcpercent = 0;
	ret->gcc_heapgoal = 104;
	ret->gcc_heaplive = 120;
	ret->gcc_heapmarked = 168;
	ret->mst_heap_inuse = 56;
	ret->mst_heap_released = 64;
	ret->mst_stacks_sys = 88;
	ret->mst_mspan_sys = 104;
	ret->mst_mcache_sys = 120;
	ret->mst_buckhash_sys = 128;
	ret->mst_gcmiscsys = 152;
	ret->mst_other_sys = 160;
	ret->mst_last_gc_unix = 168;
	ret->mst_pause_total_ns = 176;
	ret->mst_pause_ns = 184;
	ret->mst_pause_end = 2232;
	ret->mst_numgc = 4280;
	ret->mst_numforcedgc = 4284;
	ret->mst_gc_cpu_fraction = 4288;
	ret->mst_last_gc_nanotime = 5944;
	ret->mst_heapstats = 5960;
}

int offsets_from_table(const struct goversion *v, enum elf_machine machine, struct offsets *ret,
		       enum offsets_source *ret_source)
{
	const struct offsets_table *t = table_of(machine);
	struct offsets o;
	size_t best;

	if (!t || v->major != 1 || v->minor < MINOR_OLDEST)
		return -ENOENT;
	best = nearest(t, v->minor);
	if (distance(t->releases[best].minor, v->minor) > MINOR_BEYOND)
		return -ENOENT;
	if (v->minor == 18)
		compose_1_18(t, &o);
	else if (v->minor == 20)
		compose_1_20(t, &o);
	else
		row_copy(t, best, &o);
	*ret_source = t->releases[best].minor == v->minor ? OFFSETS_TABLE : OFFSETS_NEAREST;
	*ret = o;
	return 0;
}

int offsets_from_dwarf(int fd, struct offsets *ret)
{
	struct dwarf_query q[FIELD_COUNT] = { 0 };
	struct offsets o;
	size_t answered;
	int err;

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		q[i].type = fields[i].type;
		q[i].field = fields[i].field;
		for (size_t j = 0; j < ARRAY_SIZE(renamed); j++) {
			if (!strcmp(renamed[j].field, q[i].field))
				q[i].other = renamed[j].other;
		}
	}
	err = dwarf_query(fd, "runtime", q, FIELD_COUNT, &answered);
	if (err)
		return err;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		offsets_set(&o, i, q[i].found);
	/* A runtime without these is not Go's, whatever its name. */
	if (o.g_goid == OFFSET_NONE || o.g_stack_hi == OFFSET_NONE || o.g_size == OFFSET_NONE)
		return -ENOENT;
	*ret = o;
	return 0;
}
