/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that is a table of functions, and profiles of it, for the tests of what writes
 * profiles.  Functions are 0x100 bytes long; what lies in the second half of main.handle was
 * inlined into it.
 */
#ifndef GOTIDE_TESTS_PROFILE_FIXTURE_H
#define GOTIDE_TESTS_PROFILE_FIXTURE_H

#include "unit/view_fixture.h"

#include "view/profile.h"

#define FIXTURE_BIAS UINT64_C(0x7f0000000000)

enum {
	PC_MAIN = 0x1000,
	PC_HANDLE = 0x1100,
	PC_GOPARK = 0x1200,
	PC_CHANRECV = 0x1300,
	PC_GOEXIT = 0x1400,
	PC_WRAPPER = 0x1500,
	PC_SERVE = 0x1600,
	PC_HOSTILE = 0x1700,
	PC_NAMELESS = 0x1800,
	PC_MALLOC = 0x1900,
	PC_SIGPANIC = 0x1a00,
	PC_END = 0x1b00,
	PC_C = 0x9000, /* no Go function */
};

static const struct {
	const char *function, *file;
	uint32_t line;
	bool is_wrapper;
} fixture_functions[] = {
	{ "main.main", "/src/main.go", 10, false },
	{ "main.(*server).handle", "/src/server.go", 40, false },
	{ "runtime.gopark", "/go/src/runtime/proc.go", 400, false },
	{ "runtime.chanrecv", "/go/src/runtime/chan.go", 600, false },
	{ "runtime.goexit", "/go/src/runtime/asm_amd64.s", 1700, false },
	{ "main.main.gowrap1", "/src/main.go", 12, true },
	{ "example.org/web/v2.(*Mux[...]).Serve", "/mod/web@v2.1.0/mux.go", 77, false },
	{ "main.<b>\"&amp;';\033[31m\xff\n\xef\xbf\xbf", "/src/<&\">.go", 5, false },
	{ "", "", 0, false },
	{ "runtime.mallocgc", "/go/src/runtime/malloc.go", 1000, false },
	{ "runtime.sigpanic", "/go/src/runtime/signal_unix.go", 900, false },
};

static inline int fixture_func_at(void *arg, uint64_t pc, struct gofunc *ret)
{
	(void)arg;
	if (pc < PC_MAIN || pc >= PC_END)
		return -ENOENT;
	*ret = (struct gofunc){ .va = pc & ~UINT64_C(0xff), .size = 0x100 };
	return 0;
}

/* The line of a pc is that of its function and one per byte. */
static inline void fixture_frame(struct goframe *f, size_t i, uint64_t pc)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->function, sizeof(f->function), "%s", fixture_functions[i].function);
	snprintf(f->file, sizeof(f->file), "%s", fixture_functions[i].file);
	f->line = fixture_functions[i].line ? fixture_functions[i].line + (uint32_t)(pc & 0xff) : 0;
	f->is_wrapper = fixture_functions[i].is_wrapper;
}

static inline int fixture_frames(void *arg, uint64_t pc, bool is_return, struct goframe *frames,
				 size_t max)
{
	unsigned int *calls = arg;
	size_t n = 0;

	if (calls)
		++*calls;
	pc -= is_return;
	if (pc < PC_MAIN || pc >= PC_END || !max)
		return -ENOENT;
	if (pc >= PC_HANDLE + 0x80 && pc < PC_HANDLE + 0x100 && max > 1) {
		memset(&frames[n], 0, sizeof(frames[n]));
		snprintf(frames[n].function, sizeof(frames[n].function), "main.decode");
		snprintf(frames[n].file, sizeof(frames[n].file), "/src/decode.go");
		frames[n].line = 3;
		frames[n].is_inlined = true;
		n++;
	}
	fixture_frame(&frames[n], (pc - PC_MAIN) / 0x100, pc);
	return (int)n + 1;
}

static inline int fixture_start(void *arg, uint64_t va, char *name, size_t size)
{
	(void)arg;
	if (va < PC_MAIN || va >= PC_END)
		return -ENOENT;
	snprintf(name, size, "%s", fixture_functions[(va - PC_MAIN) / 0x100].function);
	return 0;
}

static inline struct symbols *fixture_symbols(unsigned int *calls)
{
	const struct symbols_source src = { fixture_frames, fixture_func_at, fixture_start, calls };
	struct symbols *s = NULL;

	assert_int_equal(symbols_new_source(&src, FIXTURE_BIAS, &s), 0);
	return s;
}

#define AT(pc) (FIXTURE_BIAS + (pc))

/* Goroutines: two stacks, one of them twice; one cut; one without a stack; one of C. */
static inline void fixture_profile(struct profile *p, struct symbols *s)
{
	static const uint64_t waiting[] = { AT(PC_GOPARK + 9), AT(PC_CHANRECV + 8),
					    AT(PC_HANDLE + 0x91), AT(PC_WRAPPER + 7),
					    AT(PC_GOEXIT + 1) };
	static const uint64_t serving[] = { AT(PC_GOPARK + 9), AT(PC_SERVE + 3), AT(PC_MAIN + 0x21),
					    AT(PC_GOEXIT + 1) };
	static const uint64_t deep[] = { AT(PC_GOPARK + 9), AT(PC_HOSTILE + 3), AT(PC_HOSTILE + 3),
					 AT(PC_NAMELESS + 4) };
	static const uint64_t fresh[] = { AT(PC_HANDLE) };
	static const uint64_t foreign[] = { AT(PC_C), AT(PC_MAIN + 0x33), AT(PC_GOEXIT + 1) };
	static const struct profile_sample samples[] = {
		{ waiting, 5, false, false, { 701 }, NULL, "state", "chan receive", 0 },
		{ serving, 4, false, false, { 97 }, NULL, "state", "IO wait", 0 },
		{ waiting, 5, false, false, { 13 }, NULL, "state", "select", 0 },
		{ deep, 4, true, false, { 7 }, NULL, NULL, NULL, 0 },
		{ fresh, 1, false, true, { 3 }, "created by main.main", "state", "running", 0 },
		{ foreign, 3, false, false, { 2 }, NULL, "state", "syscall", 0 },
		{ NULL, 0, false, false, { 1 }, NULL, NULL, NULL, 0 },
		{ fresh, 1, false, true, { -5 }, NULL, NULL, NULL, 0 },
	};

	*p = (struct profile){
		.types = { { "goroutine", "count" } },
		.n_types = 1,
		.period_type = { "goroutine", "count" },
		.period = 1,
		.time_ns = INT64_C(1700000000000000001),
		.bias = FIXTURE_BIAS,
		.exe = "/srv/shop/shop",
		.build_id = "5f1c",
		.map_start = AT(0x1000),
		.map_end = AT(0x2000),
		.map_offset = 0x1000,
		.comment = "read by gotide while the program ran on",
		.symbols = s,
	};
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		assert_int_equal(vec_push(&p->samples, samples[i]), 0);
}

#endif
