/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/profiles.h"

#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "census/buckets.h"
#include "target/procfs.h"
#include "view/goroutines.h"
#include "view/heapsites.h"

#define PROC_ROOT "/proc"
/* What may be read of a process's memory for its heap profile. */
#define READ_BYTES (UINT64_C(1) << 30)

void profiles_identify(const struct target *t, struct profile *p)
{
	const struct moduledata *md = gobin_moduledata(t->bin);
	struct procfs_map map = { 0 };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	p->time_ns = (int64_t)now.tv_sec * (int64_t)NSEC_PER_SEC + now.tv_nsec;
	p->bin = t->bin;
	p->bias = t->bias;
	p->exe = t->exe;
	p->build_id = gobin_info(t->bin)->build_id;
	if (procfs_exe_map(PROC_ROOT, t->pid, &map))
		return;
	/* All of the executable's segments: they are mapped together, in the file's order. */
	p->map_start = map.start;
	p->map_end = md ? MAX(map.end, t->bias + md->etext) : map.end;
	p->map_offset = map.offset;
}

/* ---- goroutines ---- */

struct goroutine_reading {
	struct census *census;
	struct census_result result;
	struct groups groups;
	struct symbols *symbols;
	struct profile profile;
};

static void goroutine_reading_release(struct goroutine_reading *r)
{
	profile_release(&r->profile);
	groups_release(&r->groups);
	symbols_free(r->symbols);
	census_free(r->census);
}

static int read_goroutines(const struct target *t, struct goroutine_reading *r)
{
	const struct census_opts how = { .want_stacks = true };
	const struct group_filter all = { 0 };
	int err = census_new(t->bin, t->bias, t->pid, &r->census);

	if (!err)
		err = census_run(r->census, &how, &r->result);
	if (!err)
		err = symbols_new(t->bin, t->bias, &r->symbols);
	return err ? err : groups_make(r->census, GROUP_STACK, &all, &r->groups);
}

int profiles_write_goroutines(const struct target *t, FILE *f)
{
	_cleanup_(goroutine_reading_release) struct goroutine_reading r = { 0 };
	int err = read_goroutines(t, &r);

	if (err)
		return err;
	struct goroutines g = {
		.pid = t->pid,
		.comm = t->comm,
		.exe = t->exe,
		.go_version = gobin_info(t->bin)->version.text,
		.by = GROUP_STACK,
		.groups = &r.groups,
		.stacks = census_stacks(r.census),
		.result = &r.result,
		.symbols = r.symbols,
		.state_name = group_state_name,
		.bin = t->bin,
	};

	r.profile = (struct profile){
		.symbols = r.symbols,
		.comment = "goroutines, read by gotide while the program ran on",
	};
	profiles_identify(t, &r.profile);
	err = goroutines_profile(&g, false, &r.profile);
	return err ? err : profile_write_pprof(&r.profile, f);
}

/* ---- the heap ---- */

static int write_heap(const struct target *t, const struct heap_profile *heap,
		      struct symbols *symbols, FILE *f)
{
	_cleanup_(profile_release) struct profile p = {
		.symbols = symbols,
		.comment = "heap, as of the last garbage collection; read by gotide while the "
			   "program ran on",
	};
	int err;

	profiles_identify(t, &p);
	err = heap_sites_profile(heap, symbols, &p);
	return err ? err : profile_write_pprof(&p, f);
}

int profiles_write_heap(const struct target *t, FILE *f)
{
	struct symbols *symbols = NULL;
	struct heap_profile heap;
	struct mem m;
	int err;

	mem_of_process(&m, t->pid, READ_BYTES);
	err = heap_profile_read(&m, t->bin, t->bias, &heap);
	if (err)
		return err;
	err = symbols_new(t->bin, t->bias, &symbols);
	if (!err)
		err = write_heap(t, &heap, symbols, f);
	symbols_free(symbols);
	heap_profile_release(&heap);
	return err;
}
