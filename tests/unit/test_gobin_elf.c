/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gobin/elf.h"
#include "unit/elfbuild.h"

static struct elf *open_data(const void *data, size_t n, int *ret_fd, int expect)
{
	struct elf *e = NULL;

	*ret_fd = eb_file(data, n);
	assert_int_equal(elf_new(*ret_fd, &e), expect);
	return e;
}

static Elf64_Ehdr *ehdr(struct elfbuild *b)
{
	return (Elf64_Ehdr *)b->data;
}

static Elf64_Phdr *phdr(struct elfbuild *b, size_t i)
{
	return (Elf64_Phdr *)(b->data + sizeof(Elf64_Ehdr)) + i;
}

static void expect_refusal(const struct elfbuild *b, size_t n, int err)
{
	int fd;

	assert_null(open_data(b->data, n, &fd, err));
	close(fd);
}

static void test_facts(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	const struct elf_segment *s;
	const struct elf_section *sec;
	int fd;

	(void)state;
	eb_build(&b);
	struct elf *e = open_data(b.data, EB_SIZE, &fd, 0);

	assert_int_equal(elf_machine(e), ELF_MACHINE_AMD64);
	assert_false(elf_is_pie(e));
	assert_true(elf_is_static(e));
	assert_true(elf_is_stripped(e));
	assert_string_equal(elf_build_id(e), "");
	assert_int_equal(elf_segments(e, &s), 3);
	assert_int_equal(s[2].va, EB_BASE + EB_RW);
	assert_int_equal(s[2].mem_size, EB_BSS_END - EB_RW);
	sec = elf_section(e, ".gopclntab");
	assert_non_null(sec);
	assert_int_equal(sec->va, EB_BASE + EB_PCLN);
	assert_null(elf_section(e, ".gopclnta"));
	assert_null(elf_section(e, ""));
	elf_free(e);
	close(fd);
}

static void test_read(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	uint8_t buf[EB_BSS_END];
	uint64_t off = 0;
	int fd;

	(void)state;
	eb_build(&b);
	struct elf *e = open_data(b.data, EB_SIZE, &fd, 0);

	/* Across all segments, and zeroes past the file's part although the file goes on there. */
	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(elf_read(e, EB_BASE, buf, sizeof(buf)), 0);
	assert_memory_equal(buf, b.data, EB_RW_END);
	for (size_t i = EB_RW_END; i < EB_BSS_END; i++)
		assert_int_equal(buf[i], 0);

	assert_int_equal(elf_read(e, EB_BASE + EB_BSS_END - 1, buf, 1), 0);
	assert_int_equal(elf_read(e, EB_BASE + EB_BSS_END - 1, buf, 2), -EFAULT);
	assert_int_equal(elf_read(e, EB_BASE - 1, buf, 2), -EFAULT);
	assert_int_equal(elf_read(e, UINT64_MAX, buf, 2), -EFAULT);
	assert_int_equal(elf_read(e, 0, buf, 0), 0);

	assert_int_equal(elf_file_offset(e, EB_BASE + EB_TEXT, &off), 0);
	assert_int_equal(off, EB_TEXT);
	assert_int_equal(elf_file_offset(e, EB_BASE + EB_RW_END, &off), -EFAULT); /* bss */
	assert_int_equal(elf_file_offset(e, EB_BASE + EB_BSS_END, &off), -EFAULT);
	assert_int_equal(off, EB_TEXT);
	elf_free(e);
	close(fd);
}

static bool collect_va(uint64_t va, void *arg)
{
	uint64_t *found = arg;

	found[++found[0]] = va;
	return found[0] == 3;
}

static void test_pointers(void **state)
{
	(void)state;
	for (int pie = 0; pie < 2; pie++) {
		struct elfbuild b = eb_usual(PCLNTAB_1_20);
		uint64_t found[4] = { 0 }, v = 0;
		int fd;

		b.is_pie = pie;
		eb_build(&b);
		struct elf *e = open_data(b.data, EB_SIZE, &fd, 0);
		uint64_t base = eb_va(&b, 0);

		assert_int_equal(elf_read_ptr(e, base + EB_MODULE, &v), 0);
		assert_int_equal(v, base + EB_PCLN);
		/* A word without a relocation is what the file says. */
		assert_int_equal(elf_read_ptr(e, base + EB_MODULE + 136, &v), 0);
		assert_int_equal(v, EB_FUNCTIONS + 1);
		assert_int_equal(elf_read_ptr(e, base + EB_BSS_END - 7, &v), -EFAULT);

		assert_int_equal(elf_find_ptr(e, base + EB_PCLN, collect_va, found), 0);
		assert_int_equal(found[0], 1);
		assert_int_equal(found[1], base + EB_MODULE);
		/* Stops when told: data ends, bss begins and noptrbss begins at the same place. */
		memset(found, 0, sizeof(found));
		assert_int_equal(elf_find_ptr(e, base + EB_RW + 0x100, collect_va, found), 0);
		assert_in_range(found[0], 2, 3);
		elf_trim(e);
		assert_int_equal(elf_read_ptr(e, base + EB_MODULE, &v), 0);
		assert_int_equal(v, base + EB_PCLN);
		elf_free(e);
		close(fd);
	}
}

/* A relocated word whose addend also stands in the file is found once. */
static void test_addend_in_place(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	uint64_t found[4] = { 0 };
	int fd;

	(void)state;
	b.is_pie = true;
	eb_build(&b);
	eb_put64(&b, EB_MODULE, EB_PCLN);
	struct elf *e = open_data(b.data, EB_SIZE, &fd, 0);

	assert_int_equal(elf_find_ptr(e, EB_PCLN, collect_va, found), 0);
	assert_int_equal(found[0], 1);
	elf_free(e);
	close(fd);
}

static void test_not_elf(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct elf *e = NULL;
	int pipes[2];

	(void)state;
	eb_build(&b);
	expect_refusal(&b, 0, -ENOEXEC);
	expect_refusal(&b, 10, -ENOEXEC);
	b.data[0] = 'x';
	expect_refusal(&b, EB_SIZE, -ENOEXEC);
	eb_build(&b);
	b.data[EI_CLASS] = ELFCLASS32;
	expect_refusal(&b, EB_SIZE, -ENOEXEC);
	eb_build(&b);
	b.data[EI_DATA] = ELFDATA2MSB;
	expect_refusal(&b, EB_SIZE, -ENOEXEC);
	eb_build(&b);
	ehdr(&b)->e_type = ET_REL;
	expect_refusal(&b, EB_SIZE, -ENOEXEC);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(elf_new(pipes[0], &e), -ENOEXEC);
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(elf_new(-1, &e), -EBADF);
}

static void test_forged(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);

	(void)state;
	eb_build(&b);
	expect_refusal(&b, 40, -EBADMSG);
	expect_refusal(&b, EB_RW + 1, -EBADMSG); /* a segment is cut off */
	ehdr(&b)->e_phoff = UINT64_MAX - 8;
	expect_refusal(&b, EB_SIZE, -EBADMSG);
	eb_build(&b);
	ehdr(&b)->e_phnum = 0xffff;
	expect_refusal(&b, EB_SIZE, -EBADMSG);
	eb_build(&b);
	ehdr(&b)->e_phnum = 0;
	expect_refusal(&b, EB_SIZE, -EBADMSG);
	eb_build(&b);
	phdr(&b, 0)->p_filesz = UINT64_MAX;
	expect_refusal(&b, EB_SIZE, -EBADMSG);
	eb_build(&b);
	phdr(&b, 0)->p_offset = UINT64_MAX;
	expect_refusal(&b, EB_SIZE, -EBADMSG);
	eb_build(&b);
	phdr(&b, 2)->p_memsz = UINT64_MAX;
	expect_refusal(&b, EB_SIZE, -EBADMSG);
	eb_build(&b);
	for (size_t i = 0; i < 3; i++)
		phdr(&b, i)->p_type = PT_NULL;
	expect_refusal(&b, EB_SIZE, -EBADMSG);
}

/* Sections are not needed to run a program, so bad ones are no reason to refuse it. */
static void test_bad_sections(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	Elf64_Shdr *sh = (Elf64_Shdr *)(b.data + EB_SECTIONS + 0x100);
	struct elf *e;
	int fd;

	(void)state;
	eb_build(&b);
	ehdr(&b)->e_shoff = UINT64_MAX - 64;
	e = open_data(b.data, EB_SIZE, &fd, 0);
	assert_null(elf_section(e, ".gopclntab"));
	elf_free(e);
	close(fd);

	eb_build(&b);
	ehdr(&b)->e_shstrndx = 77;
	e = open_data(b.data, EB_SIZE, &fd, 0);
	assert_null(elf_section(e, ".gopclntab"));
	elf_free(e);
	close(fd);

	eb_build(&b);
	sh[1].sh_size = UINT64_MAX;
	sh[2].sh_type = SHT_SYMTAB;
	e = open_data(b.data, EB_SIZE, &fd, 0);
	assert_null(elf_section(e, ".gopclntab"));
	assert_non_null(elf_section(e, ".go.buildinfo"));
	assert_false(elf_is_stripped(e));
	elf_free(e);
	close(fd);
}

static void test_build_id(void **state)
{
	static const char note[] = "\x04\0\0\0\x03\0\0\0\x03\0\0\0GNU\0\xab\x01\xff";
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	struct elf *e;
	int fd;

	(void)state;
	b.is_pie = true;
	eb_build(&b);
	/* In place of the dynamic section; the last note needs no padding. */
	eb_put(&b, EB_DYN, note, sizeof(note) - 1);
	phdr(&b, 3)->p_type = PT_NOTE;
	phdr(&b, 3)->p_filesz = sizeof(note) - 1;
	e = open_data(b.data, EB_SIZE, &fd, 0);
	assert_string_equal(elf_build_id(e), "ab01ff");
	elf_free(e);
	close(fd);

	b.data[EB_DYN + 4] = 200; /* longer than the note */
	e = open_data(b.data, EB_SIZE, &fd, 0);
	assert_string_equal(elf_build_id(e), "");
	elf_free(e);
	close(fd);
}

/* Go's own linker gives it a section and no segment. */
static void test_build_id_of_section(void **state)
{
	static const char note[] = "\x04\0\0\0\x03\0\0\0\x03\0\0\0GNU\0\xab\x01\xfe";
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	Elf64_Shdr *sh = (Elf64_Shdr *)(b.data + EB_SECTIONS + 0x100);
	struct elf *e;
	int fd;

	(void)state;
	eb_build(&b);
	/* The second section becomes the note, which lies behind the names; so does its own. */
	eb_put(&b, EB_SECTIONS + 0x40, ".note.gnu.build-id", 19);
	eb_put(&b, EB_SECTIONS + 0x80, note, sizeof(note) - 1);
	sh[3].sh_size = 0x60;
	sh[2].sh_name = 0x40;
	sh[2].sh_type = SHT_NOTE;
	sh[2].sh_offset = EB_SECTIONS + 0x80;
	sh[2].sh_size = sizeof(note) - 1;
	e = open_data(b.data, EB_SIZE, &fd, 0);
	assert_string_equal(elf_build_id(e), "ab01fe");
	elf_free(e);
	close(fd);

	sh[2].sh_size = 0; /* nothing in it */
	e = open_data(b.data, EB_SIZE, &fd, 0);
	assert_string_equal(elf_build_id(e), "");
	elf_free(e);
	close(fd);
}

/* A file that shrinks after it was opened costs an error, not a signal. */
static void test_shrinks(void **state)
{
	struct elfbuild b = eb_usual(PCLNTAB_1_20);
	uint8_t buf[16];
	int fd;

	(void)state;
	eb_build(&b);
	struct elf *e = open_data(b.data, EB_SIZE, &fd, 0);

	elf_trim(e);
	assert_int_equal(ftruncate(fd, 0x1800), 0);
	assert_int_equal(elf_read(e, EB_BASE + EB_RW, buf, sizeof(buf)), -EIO);
	elf_free(e);
	close(fd);
}

/* More pages than the cache holds: what is read stays right, and reading on costs page reads. */
static void test_cache(void **state)
{
	enum { PAGES = 200, PAGE = 65536 };
	struct elfbuild b = eb_usual(PCLNTAB_NONE);
	uint64_t before;
	int fd;

	(void)state;
	eb_build(&b);
	phdr(&b, 1)->p_filesz = phdr(&b, 1)->p_memsz = (uint64_t)PAGES * PAGE;
	phdr(&b, 1)->p_vaddr = 0x10000000;
	phdr(&b, 1)->p_offset = 0;
	fd = eb_file(b.data, EB_SIZE);
	assert_int_equal(ftruncate(fd, (off_t)PAGES * PAGE), 0);
	for (uint32_t i = 1; i < PAGES; i++)
		assert_int_equal(pwrite(fd, &i, 4, (off_t)i * PAGE - 2), 4); /* astride */
	struct elf *e = NULL;

	assert_int_equal(elf_new(fd, &e), 0);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 1; i < PAGES; i++) {
			uint32_t v = 0;

			assert_int_equal(elf_read(e, 0x10000000 + (uint64_t)i * PAGE - 2, &v, 4),
					 0);
			assert_int_equal(v, i);
		}
	}
	before = elf_page_reads(e);
	assert_in_range(before, 2 * (PAGES - 1), 3 * PAGES);
	for (int i = 0; i < 100; i++) {
		uint32_t v = 0;

		assert_int_equal(elf_read(e, 0x10000000 + 5 * PAGE - 2, &v, 4), 0);
	}
	assert_in_range(elf_page_reads(e) - before, 0, 2);
	elf_free(e);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_addend_in_place),
		cmocka_unit_test(test_not_elf),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_bad_sections),
		cmocka_unit_test(test_build_id),
		cmocka_unit_test(test_build_id_of_section),
		cmocka_unit_test(test_shrinks),
		cmocka_unit_test(test_cache),
	};

	elf_free(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
