/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "probe/plan.h"

#define ALL_HOOKS ((1U << WIRE_HOOK_MAX) - 1)

static const struct goversion go126 = { .major = 1, .minor = 26 };

/* Sites as they are found in a Go 1.26 executable, each at an offset of its own. */
static struct code_sites sites_make(void)
{
	struct code_sites s = { 0 };

	for (size_t h = 0; h < WIRE_HOOK_MAX; h++) {
		s.hook[h].is_found = true;
		s.hook[h].file_off = 0x1000 + h;
		s.hook[h].value = (struct wire_loc){ .kind = WIRE_LOC_REG };
	}
	s.hook[WIRE_HOOK_PARK].g = (struct wire_loc){ .kind = WIRE_LOC_REG, .reg = 14 };
	s.hook[WIRE_HOOK_PARK].ret_off = 8;
	s.hook[WIRE_HOOK_SPAN_ALLOC].pages = (struct wire_loc){ .kind = WIRE_LOC_REG, .reg = 8 };
	s.hook[WIRE_HOOK_SPAN_ALLOC].type = (struct wire_loc){ .kind = WIRE_LOC_STACK, .off = 168 };
	s.hook[WIRE_HOOK_SPAN_ALLOC].sizeclass =
		(struct wire_loc){ .kind = WIRE_LOC_STACK, .off = 169 };
	s.hook[WIRE_HOOK_GC_START].value.kind = WIRE_LOC_NONE;
	s.hook[WIRE_HOOK_GC_END].value.kind = WIRE_LOC_NONE;
	return s;
}

/* runtime.g of Go 1.26 (runtime2.go), amd64. */
static struct offsets offsets_make(void)
{
	struct offsets o;

	memset(&o, 0xff, sizeof(o));
	o.g_goid = 152;
	o.g_gopc = 288;
	o.g_startpc = 304;
	o.g_parent_goid = 280;
	o.g_waitreason = 176;
	o.g_m = 48;
	o.g_sched_bp = 96;
	o.m_curg = 184;
	return o;
}

static struct wire_target target_make(const struct offsets *o, enum elf_machine machine,
				      const struct goversion *v)
{
	struct code_sites s = sites_make();
	struct wire_target t;

	assert_int_equal(plan_target(&s, o, machine, v, &t), 0);
	return t;
}

static void all_found_hooks_are_planned(_unused_ void **state)
{
	struct code_sites s = sites_make();
	struct plan p;

	plan_hooks(&s, ALL_HOOKS, &p);
	assert_int_equal(p.n, WIRE_HOOK_MAX);
	for (size_t i = 0; i < p.n; i++) {
		assert_int_equal(p.hooks[i].hook, i);
		assert_int_equal(p.hooks[i].file_off, 0x1000 + i);
	}
}

static void only_hooks_of_the_mask_are_planned(_unused_ void **state)
{
	struct code_sites s = sites_make();
	struct plan p;

	plan_hooks(&s, 1U << WIRE_HOOK_DEATH | 1U << WIRE_HOOK_GC_END, &p);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.hooks[0].hook, WIRE_HOOK_DEATH);
	assert_int_equal(p.hooks[1].hook, WIRE_HOOK_GC_END);
}

static void hooks_without_site_or_value_are_left_out(_unused_ void **state)
{
	struct code_sites s = sites_make();
	struct plan p;

	s.hook[WIRE_HOOK_BIRTH].is_found = false;
	s.hook[WIRE_HOOK_PARK].g.kind = WIRE_LOC_NONE;
	s.hook[WIRE_HOOK_MARK_END].value.kind = WIRE_LOC_NONE;
	s.hook[WIRE_HOOK_READY].value.kind = 77;
	s.hook[WIRE_HOOK_SPAN_ALLOC].type.kind = WIRE_LOC_NONE;
	plan_hooks(&s, ALL_HOOKS, &p);
	assert_int_equal(p.n, 4);
	assert_int_equal(p.hooks[0].hook, WIRE_HOOK_DEATH);
	assert_int_equal(p.hooks[1].hook, WIRE_HOOK_GC_START);
	assert_int_equal(p.hooks[2].hook, WIRE_HOOK_GC_END);
	assert_int_equal(p.hooks[3].hook, WIRE_HOOK_SPAN_FREE);
}

static void a_target_carries_offsets_and_locations(_unused_ void **state)
{
	struct offsets o = offsets_make();
	struct wire_target t = target_make(&o, ELF_MACHINE_AMD64, &go126);

	assert_int_equal(t.g_goid, 152);
	assert_int_equal(t.g_gopc, 288);
	assert_int_equal(t.g_startpc, 304);
	assert_int_equal(t.g_parent_goid, 280);
	assert_int_equal(t.g_waitreason, 176);
	assert_int_equal(t.g_m, 48);
	assert_int_equal(t.g_sched_bp, 96);
	assert_int_equal(t.m_curg, 184);
	assert_int_equal(t.park_g.reg, 14);
	assert_int_equal(t.park_ret, 8);
	assert_int_equal(t.loc[WIRE_HOOK_BIRTH].kind, WIRE_LOC_REG);
	assert_int_equal(t.flags, WIRE_TARGET_NEAR | WIRE_TARGET_GREG);
}

static void absent_fields_stay_absent(_unused_ void **state)
{
	struct offsets o = offsets_make();
	struct wire_target t;

	o.g_parent_goid = OFFSET_NONE; /* Go 1.19 */
	o.g_sched_bp = OFFSET_NONE;
	t = target_make(&o, ELF_MACHINE_AMD64, &go126);
	assert_int_equal(t.g_parent_goid, WIRE_NO_FIELD);
	assert_int_equal(t.g_sched_bp, WIRE_NO_FIELD);
	assert_true(t.flags & WIRE_TARGET_NEAR);
}

static bool is_near(const struct offsets *o)
{
	return target_make(o, ELF_MACHINE_AMD64, &go126).flags & WIRE_TARGET_NEAR;
}

static void one_read_only_where_the_layout_is_the_known_one(_unused_ void **state)
{
	struct offsets o = offsets_make();

	o.g_startpc += 8;
	assert_false(is_near(&o));
	o = offsets_make();
	o.g_parent_goid -= 8;
	assert_false(is_near(&o));
	o = offsets_make();
	o.g_waitreason += 1;
	assert_false(is_near(&o));
	o = offsets_make();
	o.g_goid -= 24;
	o.g_waitreason -= 24;
	assert_false(is_near(&o));
	o = offsets_make();
	o.g_goid = o.g_gopc + 136;
	o.g_waitreason = o.g_goid + 24;
	assert_false(is_near(&o));
}

static void all_three_distances_of_gopc_are_near(_unused_ void **state)
{
	for (uint32_t gopc = 128; gopc <= 144; gopc += 8) {
		struct offsets o = offsets_make();

		o.g_gopc = o.g_goid + gopc;
		o.g_parent_goid = o.g_gopc - 8;
		o.g_startpc = o.g_gopc + 16;
		assert_true(is_near(&o));
	}
}

static void the_g_register_depends_on_machine_and_version(_unused_ void **state)
{
	const struct goversion go116 = { .major = 1, .minor = 16 };
	const struct goversion go117 = { .major = 1, .minor = 17 };
	struct offsets o = offsets_make();

	assert_false(target_make(&o, ELF_MACHINE_AMD64, &go116).flags & WIRE_TARGET_GREG);
	assert_true(target_make(&o, ELF_MACHINE_AMD64, &go117).flags & WIRE_TARGET_GREG);
	assert_true(target_make(&o, ELF_MACHINE_ARM64, &go116).flags & WIRE_TARGET_GREG);
}

static int target_error(const struct offsets *o)
{
	struct code_sites s = sites_make();
	struct wire_target t = { .slot = 4711 };
	int err = plan_target(&s, o, ELF_MACHINE_AMD64, &go126, &t);

	if (err)
		assert_int_equal(t.slot, 4711);
	return err;
}

static void without_goid_or_gopc_there_is_no_target(_unused_ void **state)
{
	struct offsets o = offsets_make();

	o.g_goid = OFFSET_NONE;
	assert_int_equal(target_error(&o), -ENOTSUP);
	o = offsets_make();
	o.g_gopc = OFFSET_NONE;
	assert_int_equal(target_error(&o), -ENOTSUP);
}

static void offsets_beyond_the_wire_are_refused(_unused_ void **state)
{
	struct offsets o = offsets_make();

	o.m_curg = WIRE_NO_FIELD - 1;
	assert_int_equal(target_error(&o), 0);
	o.m_curg = WIRE_NO_FIELD;
	assert_int_equal(target_error(&o), -ENOTSUP);
	o.m_curg = 0x10000 + 184;
	assert_int_equal(target_error(&o), -ENOTSUP);
}

static void spans_begin_with_places_and_zeroes(_unused_ void **state)
{
	struct code_sites s = sites_make();
	struct wire_span_state st;

	s.hook[WIRE_HOOK_SPAN_ALLOC].value.reg = 6;
	s.hook[WIRE_HOOK_SPAN_FREE].value.reg = 3;
	memset(&st, 0xff, sizeof(st));
	plan_spans(&s, &st);
	assert_int_equal(st.base.reg, 6);
	assert_int_equal(st.pages.reg, 8);
	assert_int_equal(st.type.off, 168);
	assert_int_equal(st.sizeclass.off, 169);
	assert_int_equal(st.free_base.reg, 3);
	assert_int_equal(st.sample_shift, 0);
	assert_int_equal(st.kept | st.frees | st.alloc_pages | st.pad[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_found_hooks_are_planned),
		cmocka_unit_test(only_hooks_of_the_mask_are_planned),
		cmocka_unit_test(hooks_without_site_or_value_are_left_out),
		cmocka_unit_test(a_target_carries_offsets_and_locations),
		cmocka_unit_test(absent_fields_stay_absent),
		cmocka_unit_test(one_read_only_where_the_layout_is_the_known_one),
		cmocka_unit_test(all_three_distances_of_gopc_are_near),
		cmocka_unit_test(the_g_register_depends_on_machine_and_version),
		cmocka_unit_test(without_goid_or_gopc_there_is_no_target),
		cmocka_unit_test(offsets_beyond_the_wire_are_refused),
		cmocka_unit_test(spans_begin_with_places_and_zeroes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
