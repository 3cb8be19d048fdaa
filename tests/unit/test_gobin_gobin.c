/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gobin/gobin.h"
#include "unit/elfbuild.h"

/* Opens the bytes; the descriptor is closed before anything is asked. */
static struct gobin *open_data(const void *data, size_t n, int want_err, enum gobin_reason want)
{
	int fd = eb_file(data, n);
	enum gobin_reason reason = 99;
	struct gobin *b = NULL;
	int err = gobin_open(fd, &b, &reason);

	close(fd);
	assert_int_equal(reason, want);
	assert_int_equal(err, want_err);
	return b;
}

static struct gobin *open_image(struct elfbuild *b, int want_err, enum gobin_reason want)
{
	eb_build(b);
	return open_data(b->data, sizeof(b->data), want_err, want);
}

static void refuse(struct elfbuild b, int want_err, enum gobin_reason want)
{
	assert_null(open_image(&b, want_err, want));
}

/* The images have no runtime, so what is checked against it does not hold. */
static void test_facts(void **state)
{
	struct elfbuild image = eb_usual(PCLNTAB_1_20);
	struct goframe f[4];
	struct gofunc func;
	char name[32];

	(void)state;
	struct gobin *b = open_image(&image, 0, GOBIN_NO_OFFSETS);
	const struct gobin_info *i = gobin_info(b);

	assert_string_equal(i->version.text, "go1.22.12");
	assert_true(i->version.is_exact);
	assert_string_equal(i->version_from, "build info");
	assert_string_equal(i->module, "example.org/app");
	assert_string_equal(i->main_path, "example.org/app/cmd/app");
	assert_int_equal(i->machine, ELF_MACHINE_AMD64);
	assert_true(i->is_stripped && i->is_static && !i->is_pie && !i->is_cgo);
	assert_string_equal(i->build_id, "");
	assert_int_equal(i->size, EB_SIZE);
	assert_true(i->ino);
	assert_int_equal(i->pclntab_version, PCLNTAB_1_20);
	assert_int_equal(i->pclntab_va, EB_BASE + EB_PCLN);
	assert_string_equal(i->pclntab_from, ".gopclntab");
	assert_int_equal(i->functions, EB_FUNCTIONS);
	assert_int_equal(gobin_moduledata(b)->text, EB_BASE + EB_TEXT);
	assert_null(gobin_offsets(b, NULL));
	assert_false(gobin_sites(b)->hook[WIRE_HOOK_BIRTH].is_found);
	assert_int_equal(gobin_wait_reasons(b), 0);
	assert_string_equal(gobin_wait_reason(b, 0), "reason 0");
	assert_string_equal(gobin_wait_reason(b, 255), "reason 255");
	assert_non_null(gobin_wait_reason(b, 256));

	assert_int_equal(gobin_frames(b, EB_BASE + EB_MAIN + 0x14, false, f, 4), 3);
	assert_string_equal(f[0].function, "main.deep");
	assert_int_equal(gobin_func_at(b, EB_BASE + EB_MAIN, &func, name, sizeof(name)), 0);
	assert_string_equal(name, "main.main");
	gobin_trim(b);
	assert_int_equal(gobin_frames(b, EB_BASE + EB_MAIN + 0x14, false, f, 4), 3);
	gobin_unref(b);
}

static void test_version_from(void **state)
{
	struct elfbuild image = eb_usual(PCLNTAB_1_20);
	struct gobin *b;

	(void)state;
	image.has_buildinfo = false;
	image.has_version_string = true;
	b = open_image(&image, 0, GOBIN_NO_OFFSETS);
	assert_string_equal(gobin_info(b)->version.text, "go1.22.12");
	assert_true(gobin_info(b)->version.is_exact);
	assert_string_equal(gobin_info(b)->version_from, "version string");
	gobin_unref(b);

	image.has_version_string = false;
	b = open_image(&image, 0, GOBIN_NO_OFFSETS);
	assert_int_equal(gobin_info(b)->version.minor, 20);
	assert_false(gobin_info(b)->version.is_exact);
	assert_string_equal(gobin_info(b)->version.text, "");
	assert_string_equal(gobin_info(b)->version_from, "pclntab header");
	gobin_unref(b);
}

static void test_refusals(void **state)
{
	static const char script[] = "#!/bin/sh\nexec true\n";
	struct elfbuild image = eb_usual(PCLNTAB_NONE);
	enum gobin_reason reason = GOBIN_OK;
	struct gobin *b = NULL;

	(void)state;
	assert_int_equal(gobin_open(-1, &b, &reason), -EBADF);
	assert_int_equal(reason, GOBIN_UNREADABLE);
	assert_null(open_data(script, sizeof(script), -ENOEXEC, GOBIN_NOT_ELF));
	refuse(image, -ENODATA, GOBIN_NO_PCLNTAB);
	image.has_buildinfo = false;
	refuse(image, -ENOEXEC, GOBIN_NOT_GO);

	image = eb_usual(PCLNTAB_1_20);
	eb_build(&image);
	assert_null(open_data(image.data, EB_RW, -EBADMSG, GOBIN_DAMAGED));
	image.machine = EM_PPC64;
	refuse(image, -ENOTSUP, GOBIN_MACHINE);
	image = eb_usual(PCLNTAB_1_2);
	image.go = "go1.14.2";
	refuse(image, -ENOTSUP, GOBIN_TOO_OLD);
	image.has_buildinfo = false;
	refuse(image, -ENOTSUP, GOBIN_TOO_OLD); /* 1.15 or older: not to be guessed */
	image = eb_usual(PCLNTAB_1_20);
	image.go = "go1.26.5";
	image.has_zero_text_start = true;
	image.has_moduledata = false;
	refuse(image, -ENODATA, GOBIN_NO_MODULEDATA);
}

static void test_without_module(void **state)
{
	struct elfbuild image = eb_usual(PCLNTAB_1_18);
	struct goframe f[1];

	(void)state;
	image.has_moduledata = false;
	struct gobin *b = open_image(&image, 0, GOBIN_NO_MODULEDATA);

	assert_null(gobin_moduledata(b));
	assert_int_equal(gobin_frames(b, EB_BASE + EB_MAIN, false, f, 1), 1);
	assert_string_equal(f[0].function, "main.main");
	gobin_unref(b);
}

static void test_bias(void **state)
{
	struct elfbuild image = eb_usual(PCLNTAB_1_20);
	const uint64_t at = 0x7f0000000000;
	struct gobin *b;

	(void)state;
	b = open_image(&image, 0, GOBIN_NO_OFFSETS);
	assert_int_equal(gobin_bias(b, EB_BASE, 0), 0);
	gobin_unref(b);

	image.is_pie = true;
	b = open_image(&image, 0, GOBIN_NO_OFFSETS);
	assert_true(gobin_info(b)->is_pie);
	assert_true(gobin_bias(b, at, 0) == at);
	assert_true(gobin_bias(b, at + EB_RO, EB_RO) == at);
	assert_true(gobin_bias(b, at + EB_RW, EB_RW) == at);
	/* A mapping that the kernel split begins within its segment. */
	assert_true(gobin_bias(b, at + 0x3000, 0x3000) == at);
	assert_int_equal(gobin_bias(b, at, 0x100000), 0);
	gobin_unref(b);

	/* Segments that do not lie at their file offsets, and share a page of the file. */
	eb_build(&image);
	Elf64_Phdr *ph = (Elf64_Phdr *)(image.data + sizeof(Elf64_Ehdr));

	ph[2].p_vaddr += 0x10000;
	ph[1].p_filesz += 0x100;
	ph[1].p_memsz += 0x100;
	b = open_data(image.data, EB_SIZE, 0, GOBIN_NO_MODULEDATA);
	assert_true(gobin_bias(b, at + 0x10000 + EB_RW, EB_RW) == at);
	gobin_unref(b);
}

static void test_references(void **state)
{
	struct elfbuild image = eb_usual(PCLNTAB_1_20);

	(void)state;
	struct gobin *b = open_image(&image, 0, GOBIN_NO_OFFSETS);

	assert_ptr_equal(gobin_ref(b), b);
	gobin_unref(b);
	assert_int_equal(gobin_info(b)->functions, EB_FUNCTIONS);
	gobin_unref(b);
	gobin_unref(NULL);
}

static void test_reasons_are_named(void **state)
{
	(void)state;
	for (int r = GOBIN_OK; r <= GOBIN_NO_SITES; r++) {
		assert_true(strlen(gobin_reason_str(r)) > 5);
		assert_string_not_equal(gobin_reason_str(r), "unknown reason");
	}
	assert_string_equal(gobin_reason_str(GOBIN_NO_SITES + 1), "unknown reason");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_version_from),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_without_module),
		cmocka_unit_test(test_bias),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_reasons_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
