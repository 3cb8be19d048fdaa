/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/view_fixture.h"

#include "view/inspect.h"
#include "view/jsonl.h"

struct facts {
	struct gobin_info info;
	struct moduledata md;
	struct code_sites sites;
	struct offsets offsets;
	struct globals globals;
	struct inspect i;
};

static const char *const reasons[] = { "", "GC assist marking", "IO wait" };

static void site(struct code_site *s, const char *function, uint64_t off, const char *insn,
		 struct wire_loc value)
{
	*s = (struct code_site){
		.is_found = true,
		.func_va = 0x40000,
		.va = 0x40000 + off,
		.file_off = 0x1000 + off,
		.value = value,
	};
	snprintf(s->function, sizeof(s->function), "%s", function);
	snprintf(s->insn, sizeof(s->insn), "%s", insn);
}

static void facts_make(struct facts *f)
{
	const struct wire_loc ax = { WIRE_LOC_REG, 0, 0 }, stack = { WIRE_LOC_STACK, 0, 48 };

	memset(f, 0, sizeof(*f));
	f->info = (struct gobin_info){
		.version = { 1, 26, 5, true, "go1.26.5" },
		.machine = ELF_MACHINE_AMD64,
		.module = "example.org/shop",
		.main_path = "example.org/shop/cmd/shop",
		.is_stripped = true,
		.is_static = true,
		.version_from = "build info",
		.build_id = "",
		.size = 52428800,
		.pclntab_version = PCLNTAB_1_20,
		.pclntab_va = 0x500000,
		.pclntab_from = "magic",
		.functions = 1234,
	};
	f->md = (struct moduledata){ .va = 0x600000, .text = 0x401000, .etext = 0x4ff000 };
	for (unsigned int h = 0; h < WIRE_HOOK_MAX; h++)
		snprintf(f->sites.hook[h].why, sizeof(f->sites.hook[h].why),
			 "the function is not in this executable");
	site(&f->sites.hook[WIRE_HOOK_BIRTH], "runtime.newproc1", 0x46d, "jne 0x404870", ax);
	site(&f->sites.hook[WIRE_HOOK_PARK], "runtime.gopark", 0x1c, "nop", stack);
	f->sites.hook[WIRE_HOOK_PARK].g = (struct wire_loc){ WIRE_LOC_REG, 14, 0 };
	site(&f->sites.hook[WIRE_HOOK_GC_END], "runtime.gcSweep", 10, "sub rsp, 0x20",
	     (struct wire_loc){ 0 });
	f->sites.hook[WIRE_HOOK_GC_END].cost = CODE_STEPPED;
	memset(&f->offsets, 0xff, sizeof(f->offsets));
	f->offsets.g_goid = 152;
	f->offsets.g_gopc = 288;
	f->globals.offsets_hold = true;
	f->globals.global[GLOBAL_ALLGS].va = 0x612340;
	f->globals.global[GLOBAL_ALLGS].score = 3;
	f->globals.global[GLOBAL_ALLGS].of = 3;
	snprintf(f->globals.global[GLOBAL_SCHED].why, 64, "schedtrace is not in this executable");
	f->i = (struct inspect){
		.name = "./sh\033op",
		.info = &f->info,
		.moduledata = &f->md,
		.sites = &f->sites,
		.offsets = &f->offsets,
		.offsets_source = OFFSETS_TABLE,
		.globals = &f->globals,
		.wait_reasons = reasons,
		.n_wait_reasons = 3,
	};
}

static char *text(const struct facts *f, bool is_verbose)
{
	struct view_out o = { .width = 100 };

	return CAPTURE(out, (o.f = out, inspect_text(&o, &f->i, is_verbose)));
}

static void test_golden(void **state)
{
	struct facts f;

	(void)state;
	facts_make(&f);
	char *brief = text(&f, false), *full = text(&f, true);
	char *json = CAPTURE(out, assert_int_equal(jsonl_write(out, inspect_json(&f.i)), 0));

	assert_null(strstr(full, " \n"));
	assert_null(strchr(full, '\033'));
	golden_check("inspect.text", brief);
	golden_check("inspect-verbose.text", full);
	golden_check("inspect.json", json);
	free(brief);
	free(full);
	free(json);
}

/* An executable that could only be named must not be taken for one that can be watched. */
static void test_nothing_found(void **state)
{
	struct facts f;

	(void)state;
	facts_make(&f);
	f.i.reason = GOBIN_NO_SITES;
	f.i.moduledata = NULL;
	f.i.sites = NULL;
	f.i.offsets = NULL;
	f.i.globals = NULL;
	f.i.n_wait_reasons = 0;
	f.info.version.text[0] = '\0';
	f.info.pclntab_version = PCLNTAB_NONE;
	f.info.pclntab_from = NULL;
	char *have = text(&f, true);

	assert_non_null(strstr(have, "cannot be watched in full: "));
	assert_non_null(strstr(have, "offsets      unknown"));
	struct json_object *o = inspect_json(&f.i);

	assert_non_null(o);
	assert_null(json_object_object_get(o, "offsets_from"));
	assert_false(json_object_get_boolean(json_object_object_get(o, "watchable")));
	assert_non_null(json_object_object_get(o, "why"));
	json_object_put(o);
	free(have);
}

static void test_arm64_registers(void **state)
{
	struct facts f;

	(void)state;
	facts_make(&f);
	f.info.machine = ELF_MACHINE_ARM64;
	f.sites.hook[WIRE_HOOK_PARK].g.reg = 28;
	char *have = text(&f, false);

	assert_non_null(strstr(have, "g in x0"));
	assert_non_null(strstr(have, "wait reason in [sp+48], g in x28"));
	free(have);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_nothing_found),
		cmocka_unit_test(test_arm64_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
