/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goroutines of the program of profile_fixture.h, made by hand, and their groups.
 */
#ifndef GOTIDE_TESTS_GOROUTINES_FIXTURE_H
#define GOTIDE_TESTS_GOROUTINES_FIXTURE_H

#include "unit/profile_fixture.h"

#include "view/goroutines.h"

#define FIXTURE_NOW_NS (UINT64_C(9000) * NSEC_PER_SEC)

static inline const char *fixture_state(const struct gobin *bin, const struct walk_goroutine *g)
{
	(void)bin;
	if (g->status == WALK_WAITING)
		return g->wait_reason == 7 ? "chan receive" : "IO wait";
	return g->status == WALK_RUNNING ? "running" : "runnable";
}

struct goroutines_fixture {
	struct stacks *stacks;
	struct symbols *symbols;
	struct census_goroutine g[5];
	struct groups groups;
	struct census_result result;
	struct goroutines picture;
};

static inline uint32_t fixture_stack(struct stacks *s, const uint64_t *pcs, uint32_t n, bool is_cut)
{
	uint32_t id = stacks_intern(s, pcs, n, is_cut);

	assert_int_not_equal(id, STACKS_NONE);
	return id;
}

static inline void fixture_goroutines(struct goroutines_fixture *f)
{
	static const uint64_t waiting[] = { AT(PC_GOPARK + 9), AT(PC_CHANRECV + 8),
					    AT(PC_HANDLE + 0x91), AT(PC_WRAPPER + 7),
					    AT(PC_GOEXIT + 1) };
	static const uint64_t serving[] = { AT(PC_GOPARK + 9), AT(PC_SERVE + 3), AT(PC_MAIN + 0x21),
					    AT(PC_GOEXIT + 1) };
	static const uint64_t only_runtime[] = { AT(PC_GOPARK + 9), AT(PC_GOEXIT + 1) };
	uint64_t minute = 60 * NSEC_PER_SEC;

	memset(f, 0, sizeof(*f));
	f->symbols = fixture_symbols(NULL);
	assert_int_equal(stacks_new(&f->stacks), 0);
	f->g[0].g = (struct walk_goroutine){ .goid = 1,
					     .gopc = AT(PC_C),
					     .startpc = AT(PC_MAIN),
					     .status = WALK_WAITING,
					     .wait_reason = 2 };
	f->g[0].stack = fixture_stack(f->stacks, serving, 4, false);
	f->g[0].stack_state = CENSUS_STACK_WHOLE;
	f->g[1].g =
		(struct walk_goroutine){ .goid = 19,
					 .gopc = AT(PC_HANDLE + 0x91),
					 .startpc = AT(PC_WRAPPER),
					 .parent_goid = 1,
					 .status = WALK_WAITING,
					 .wait_reason = 7,
					 .waitsince_ns = (int64_t)(FIXTURE_NOW_NS - 97 * minute),
					 .waits_since_ns =
						 (int64_t)(FIXTURE_NOW_NS - 97 * minute) };
	f->g[1].stack = fixture_stack(f->stacks, waiting, 5, false);
	f->g[1].stack_state = CENSUS_STACK_WHOLE;
	f->g[1].waits_on = 0xc000012340;
	f->g[2].g = (struct walk_goroutine){ .goid = 23,
					     .gopc = AT(PC_MAIN + 0x33),
					     .startpc = AT(PC_SERVE),
					     .parent_goid = 19,
					     .status = WALK_RUNNING };
	f->g[2].stack = STACKS_NONE;
	f->g[2].stack_state = CENSUS_STACK_RUNNING;
	f->g[3].g = (struct walk_goroutine){ .goid = 29,
					     .gopc = AT(PC_GOPARK + 5),
					     .startpc = AT(PC_GOPARK),
					     .status = WALK_WAITING,
					     .wait_reason = 2 };
	f->g[3].stack = fixture_stack(f->stacks, only_runtime, 2, false);
	f->g[3].stack_state = CENSUS_STACK_WHOLE;
	f->g[4].g = f->g[1].g;
	f->g[4].g.goid = 31;
	f->g[4].g.gopc = AT(PC_HOSTILE + 9);
	f->g[4].stack = fixture_stack(f->stacks, waiting, 3, true);
	f->g[4].stack_state = CENSUS_STACK_CUT;
}

static inline void fixture_group(struct goroutines_fixture *f, size_t i, uint64_t count,
				 uint64_t with_waitsince, uint64_t youngest_s)
{
	struct group g = {
		.count = count,
		.first = &f->g[i],
		.goid_min = f->g[i].g.goid,
		.goid_max = f->g[i].g.goid + count,
		.with_waitsince = with_waitsince,
	};

	if (with_waitsince) {
		g.waitsince_min_ns = f->g[i].g.waits_since_ns;
		g.waitsince_max_ns = (int64_t)(FIXTURE_NOW_NS - youngest_s * NSEC_PER_SEC);
	}
	g.by_status[f->g[i].g.status] = count;
	g.by_stack[f->g[i].stack_state] = count;
	assert_int_equal(vec_push(&f->groups.groups, g), 0);
}

static inline void fixture_picture(struct goroutines_fixture *f)
{
	fixture_goroutines(f);
	fixture_group(f, 1, 701, 691, 131);
	fixture_group(f, 4, 13, 13, 97 * 60);
	fixture_group(f, 2, 2, 0, 0);
	fixture_group(f, 0, 1, 0, 0);
	fixture_group(f, 3, 1, 0, 0);
	f->groups.left_out = 7;
	f->result = (struct census_result){
		.walk = { .allgs = 1009, .live = 725, .system = 7 },
		.read_bytes = 1234567,
		.start_ns = FIXTURE_NOW_NS - 3100000,
		.end_ns = FIXTURE_NOW_NS,
	};
	f->result.stack_states[CENSUS_STACK_WHOLE] = 710;
	f->result.stack_states[CENSUS_STACK_CUT] = 13;
	f->result.stack_states[CENSUS_STACK_RUNNING] = 2;
	f->picture = (struct goroutines){
		.pid = 7,
		.comm = "shop",
		.exe = "/srv/shop/shop",
		.go_version = "go1.26.5",
		.groups = &f->groups,
		.stacks = f->stacks,
		.result = &f->result,
		.symbols = f->symbols,
		.state_name = fixture_state,
	};
}

static inline void fixture_goroutines_release(struct goroutines_fixture *f)
{
	vec_release(&f->groups.groups);
	stacks_free(f->stacks);
	symbols_free(f->symbols);
}

#endif
