/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/resolve.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "census/walk.h"

/* An inlined call chain longer than this is cut: only its two ends are needed. */
#define RESOLVE_FRAMES_MAX 16

struct resolve {
	struct gobin *bin;
	uint64_t bias;
};

static void name_address(char *buf, size_t size, uint64_t addr)
{
	snprintf(buf, size, "0x%" PRIx64, addr);
}

/*
 * As Go's traceback says "created by": the function that physically holds the go statement, and
 * the place in the source, which is that of the innermost inlined call (runtime/traceback.go,
 * printcreatedby1).
 */
static void resolve_creator(struct resolve *r, uint64_t link_pc, struct model_site_name *ret)
{
	struct goframe frames[RESOLVE_FRAMES_MAX];
	int n = gobin_frames(r->bin, link_pc, true, frames, RESOLVE_FRAMES_MAX);

	if (n <= 0) {
		name_address(ret->function, sizeof(ret->function), link_pc);
		return;
	}
	snprintf(ret->function, sizeof(ret->function), "%s", frames[n - 1].function);
	snprintf(ret->file, sizeof(ret->file), "%s", frames[0].file);
	ret->line = frames[0].line;
}

/*
 * The main goroutine has no go statement: rt0_go starts it through an assembly stub of newproc
 * (runtime/asm_amd64.s), which tells nobody anything.
 */
static void name_main(struct resolve *r, uint64_t link_pc, struct model_site_name *ret)
{
	struct goframe frame;

	if (strcmp(ret->start_function, "runtime.main") != 0)
		return;
	snprintf(ret->function, sizeof(ret->function), "runtime.main");
	ret->file[0] = '\0';
	ret->line = 0;
	if (gobin_frames(r->bin, link_pc, false, &frame, 1) == 1) {
		snprintf(ret->file, sizeof(ret->file), "%s", frame.file);
		ret->line = frame.line;
	}
}

/* Go judges by the function started, be it a wrapper; people want to know what it runs. */
static void resolve_start(struct resolve *r, uint64_t link_pc, struct model_site_name *ret)
{
	struct gofunc f;

	if (gobin_func_at(r->bin, link_pc, &f, ret->start_function, sizeof(ret->start_function)))
		return;
	ret->is_system = walk_is_system_name(ret->start_function);
	if (gobin_start_function(r->bin, link_pc, ret->start_function, sizeof(ret->start_function)))
		ret->start_function[0] = '\0';
	name_main(r, link_pc, ret);
}

static void resolve_site(void *arg, uint64_t gopc, uint64_t startpc, struct model_site_name *ret)
{
	struct resolve *r = arg;

	memset(ret, 0, sizeof(*ret));
	ret->link_gopc = gopc - r->bias;
	resolve_creator(r, ret->link_gopc, ret);
	if (startpc)
		resolve_start(r, startpc - r->bias, ret);
}

static size_t resolve_frames(void *arg, uint64_t pc, struct model_frame *ret, size_t max)
{
	struct goframe frames[RESOLVE_FRAMES_MAX];
	struct resolve *r = arg;
	int n = gobin_frames(r->bin, pc - r->bias, true, frames, RESOLVE_FRAMES_MAX);
	size_t out = 0;

	for (int i = 0; i < n && out < max; i++) {
		const char *file = text_base_name(frames[i].file);

		if (frames[i].is_wrapper)
			continue;
		struct model_frame *f = &ret[out++];

		text_scrub(f->function, sizeof(f->function), frames[i].function, GOFRAME_NAME_MAX);
		text_scrub(f->file, sizeof(f->file), file, strlen(file));
		f->line = frames[i].line;
	}
	return out;
}

static const char *resolve_reason(void *arg, uint32_t reason)
{
	struct resolve *r = arg;

	return gobin_wait_reason(r->bin, reason);
}

static void resolve_release(void *arg)
{
	struct resolve *r = arg;

	gobin_unref(r->bin);
	free(r);
}

int resolve_target(const struct target *t, struct model_resolver *ret)
{
	struct resolve *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->bin = gobin_ref(t->bin);
	r->bias = t->bias;
	*ret = (struct model_resolver){
		.site = resolve_site,
		.frames = resolve_frames,
		.reason = resolve_reason,
		.release = resolve_release,
		.arg = r,
	};
	return 0;
}
