/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <endian.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Unpacked size of all debug sections: a large program of today (Kubernetes) has some 200 MB, and
 * libdw unpacks them all at once.
 */
#define DWARF_BYTES_MAX	   (1ULL << 30)
#define DWARF_SECTIONS_MAX 4096
#define DWARF_UNITS_MAX	   65536
#define DWARF_TYPES_MAX	   262144 /* children of the units asked for; Go's runtime has about 10000 */
#define DWARF_MEMBERS_MAX  4096
#define DWARF_PATH_MAX	   4 /* members in a path */
#define DWARF_TYPEDEFS_MAX 8

static void cleanup_elf(Elf **e)
{
	if (*e)
		elf_end(*e);
}

static void cleanup_dwarf(Dwarf **d)
{
	if (*d)
		dwarf_end(*d);
}

/* Unpacked size of a debug section: from its compression header where it has one. */
static uint64_t section_size(Elf_Scn *scn, const GElf_Shdr *shdr, const char *name)
{
	GElf_Chdr chdr;
	Elf_Data *data;
	uint64_t size;

	if (shdr->sh_flags & SHF_COMPRESSED)
		return gelf_getchdr(scn, &chdr) ? chdr.ch_size : UINT64_MAX;
	if (strncmp(name, ".zdebug_", 8) != 0)
		return shdr->sh_size;
	/* Go up to 1.18: "ZLIB", then the size, most significant byte first. */
	data = elf_rawdata(scn, NULL);
	if (!data || !data->d_buf || data->d_size < 12)
		return UINT64_MAX;
	memcpy(&size, (const char *)data->d_buf + 4, sizeof(size));
	return be64toh(size);
}

static int check_sections(Elf *e)
{
	uint64_t total = 0, size;
	size_t shstrndx, n = 0;
	Elf_Scn *scn = NULL;
	const char *name;
	GElf_Shdr shdr;

	if (elf_getshdrstrndx(e, &shstrndx))
		return -ENOENT;
	while ((scn = elf_nextscn(e, scn))) {
		if (++n > DWARF_SECTIONS_MAX)
			return -E2BIG;
		if (!gelf_getshdr(scn, &shdr))
			return -ENOENT;
		name = elf_strptr(e, shstrndx, shdr.sh_name);
		if (!name || (strncmp(name, ".debug_", 7) && strncmp(name, ".zdebug_", 8)))
			continue;
		size = section_size(scn, &shdr, name);
		if (__builtin_add_overflow(total, size, &total) || total > DWARF_BYTES_MAX)
			return -E2BIG;
	}
	return total ? 0 : -ENOENT;
}

/* The type of a member, through typedefs; false if it has none. */
static bool die_type(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attr;
	Dwarf_Die type;

	if (!dwarf_attr(die, DW_AT_type, &attr) || !dwarf_formref_die(&attr, &type))
		return false;
	for (int i = 0; i < DWARF_TYPEDEFS_MAX && dwarf_tag(&type) == DW_TAG_typedef; i++) {
		if (!dwarf_attr(&type, DW_AT_type, &attr) || !dwarf_formref_die(&attr, &type))
			return false;
	}
	*ret = type;
	return true;
}

/* The member of that name (n characters). */
static bool find_member(Dwarf_Die *type, const char *name, size_t n, Dwarf_Die *ret)
{
	const char *die_name;
	Dwarf_Die die;

	if (dwarf_tag(type) != DW_TAG_structure_type || dwarf_child(type, &die))
		return false;
	for (size_t i = 0; i < DWARF_MEMBERS_MAX; i++) {
		die_name = dwarf_tag(&die) == DW_TAG_member ? dwarf_diename(&die) : NULL;
		if (die_name && strlen(die_name) == n && !memcmp(die_name, name, n)) {
			*ret = die;
			return true;
		}
		if (dwarf_siblingof(&die, &die))
			return false;
	}
	return false;
}

/* Offset of a path of members from the start of the struct; UINT32_MAX if there is none. */
static uint32_t member_offset(const Dwarf_Die *struct_die, const char *path)
{
	Dwarf_Die type = *struct_die, member;
	Dwarf_Attribute attr;
	uint64_t sum = 0;
	Dwarf_Word off;
	size_t n;

	for (int depth = 0; depth < DWARF_PATH_MAX; depth++) {
		n = strcspn(path, ".");
		if (!find_member(&type, path, n, &member) ||
		    !dwarf_attr(&member, DW_AT_data_member_location, &attr) ||
		    dwarf_formudata(&attr, &off))
			return UINT32_MAX;
		if (__builtin_add_overflow(sum, off, &sum) || sum >= UINT32_MAX)
			return UINT32_MAX;
		if (!path[n])
			return (uint32_t)sum;
		path += n + 1;
		if (!die_type(&member, &type))
			return UINT32_MAX;
	}
	return UINT32_MAX;
}

static uint32_t answer(Dwarf_Die *type, const struct dwarf_query *q)
{
	uint32_t off;
	int size;

	if (!*q->field) {
		size = dwarf_bytesize(type);
		return size > 0 ? (uint32_t)size : UINT32_MAX;
	}
	off = member_offset(type, q->field);
	return off == UINT32_MAX && q->other ? member_offset(type, q->other) : off;
}

static size_t answer_type(Dwarf_Die *type, const char *name, struct dwarf_query *q, size_t n)
{
	size_t answered = 0;

	for (size_t i = 0; i < n; i++) {
		if (q[i].found != UINT32_MAX || strcmp(q[i].type, name) != 0)
			continue;
		q[i].found = answer(type, &q[i]);
		answered += q[i].found != UINT32_MAX;
	}
	return answered;
}

/* Answers what the types of one unit answer; *budget is how many more DIEs may be looked at. */
static size_t answer_unit(Dwarf_Die *unit, struct dwarf_query *q, size_t n, size_t *budget)
{
	size_t answered = 0;
	const char *name;
	Dwarf_Die die;

	if (dwarf_child(unit, &die))
		return 0;
	for (; *budget; (*budget)--) {
		name = dwarf_tag(&die) == DW_TAG_structure_type ? dwarf_diename(&die) : NULL;
		if (name)
			answered += answer_type(&die, name, q, n);
		if (dwarf_siblingof(&die, &die))
			break;
	}
	return answered;
}

/*
 * Walks all units of that name: the linker makes one of the Go files of a package and more of its
 * assembly files.  False if there is none.
 */
static bool answer_units(Dwarf *d, const char *name, struct dwarf_query *q, size_t n,
			 size_t *ret_answered)
{
	size_t answered = 0, budget = DWARF_TYPES_MAX;
	const char *die_name;
	Dwarf_CU *cu = NULL;
	bool found = false;
	Dwarf_Die die;
	uint8_t type;

	for (size_t i = 0; i < DWARF_UNITS_MAX && answered < n; i++) {
		if (dwarf_get_units(d, cu, &cu, NULL, &type, &die, NULL))
			break;
		die_name = type == DW_UT_compile ? dwarf_diename(&die) : NULL;
		if (!die_name || strcmp(die_name, name) != 0)
			continue;
		found = true;
		answered += answer_unit(&die, q, n, &budget);
	}
	*ret_answered = answered;
	return found;
}

int dwarf_query(int fd, const char *unit, struct dwarf_query *q, size_t n, size_t *ret_answered)
{
	_cleanup_(cleanup_elf) Elf *e = NULL;
	_cleanup_(cleanup_dwarf) Dwarf *d = NULL;
	size_t answered;
	int err;

	for (size_t i = 0; i < n; i++)
		q[i].found = UINT32_MAX;
	(void)elf_version(EV_CURRENT); /* libelf asks for the call; the answer is a constant */
	/* Not dwarf_begin(): it maps the file, and a file cut short under a mapping is SIGBUS. */
	e = elf_begin(fd, ELF_C_READ, NULL);
	if (!e || elf_kind(e) != ELF_K_ELF)
		return -ENOENT;
	err = check_sections(e);
	if (err)
		return err;
	d = dwarf_begin_elf(e, DWARF_C_READ, NULL);
	if (!d)
		return -ENOENT;
	if (!answer_units(d, unit, q, n, &answered))
		return -ENOENT;
	*ret_answered = answered;
	return 0;
}
