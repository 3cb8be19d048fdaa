/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "target/objects.h"

/* A function of this program, and one of the C library's. */
static void own_objects_are_found(_unused_ void **state)
{
	struct objects *o = NULL;
	struct object *exe, *libc;
	const struct csym *s;

	assert_int_equal(objects_open("/proc", getpid(), &o), 0);
	assert_true(objects_count(o) >= 2);
	exe = objects_find(o, (uint64_t)(uintptr_t)own_objects_are_found);
	libc = objects_find(o, (uint64_t)(uintptr_t)getpid);
	assert_non_null(exe);
	assert_true(exe->is_exe);
	assert_ptr_not_equal(exe, libc);
	s = csyms_at(object_syms(exe), (uint64_t)(uintptr_t)own_objects_are_found - exe->bias);
	assert_non_null(s);
	assert_string_equal(s->name, "own_objects_are_found");
	assert_int_equal(s->va + exe->bias, (uint64_t)(uintptr_t)own_objects_are_found);
	assert_non_null(libc);
	assert_false(libc->is_exe);
	s = csyms_find(object_syms(libc), "getpid");
	assert_non_null(s);
	assert_int_equal(s->va + libc->bias, (uint64_t)(uintptr_t)getpid);
	assert_null(objects_find(o, 1));
	/* Nothing new. */
	size_t n = objects_count(o);

	assert_int_equal(objects_update(o), 0);
	assert_int_equal(objects_count(o), n);
	objects_close(o);
	objects_close(NULL);
}

static void a_process_that_is_not_there_has_none(_unused_ void **state)
{
	struct objects *o = NULL;

	assert_int_equal(objects_open("/proc", 0x3fffffff, &o), -ESRCH);
	assert_null(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_objects_are_found),
		cmocka_unit_test(a_process_that_is_not_there_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
