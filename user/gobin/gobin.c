/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/gobin.h"

#include <assert.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "gobin/buildinfo.h"
#include "gobin/wrapper.h"
#include "gobin/gobin_priv.h"

/* runtime.waitReason is a byte. */
#define REASONS_MAX 256
/* The oldest release whose runtime was measured. */
#define OLDEST_MINOR 15
#define PAGE_MASK    (~4095ULL)

struct gobin {
	unsigned int refs;
	int fd;
	struct elf *elf;
	struct pclntab *table;
	struct gobin_info info;
	struct code_sites sites;
	struct offsets offsets;
	enum offsets_source offsets_source;
	struct globals globals;
	size_t n_reasons;
	char reasons[REASONS_MAX][GLOBAL_REASON_MAX];
};

const char *gobin_reason_str(enum gobin_reason r)
{
	static const char *const text[] = {
		[GOBIN_OK] = "usable",
		[GOBIN_UNREADABLE] = "the executable cannot be read",
		[GOBIN_NOT_ELF] = "not a 64-bit little-endian ELF executable",
		[GOBIN_DAMAGED] = "the ELF headers are truncated or forged",
		[GOBIN_NOT_GO] = "not a Go program: neither build information nor a function table",
		[GOBIN_MACHINE] = "a Go program for a processor that gotide does not know",
		[GOBIN_TOO_OLD] = "built by a Go release before 1.15",
		[GOBIN_NO_PCLNTAB] =
			"a Go program whose function table was not found; is it packed?",
		[GOBIN_NO_MODULEDATA] = "the runtime's module data was not found",
		[GOBIN_NO_OFFSETS] = "the runtime's struct layout is unknown or failed its checks",
		[GOBIN_NO_SITES] = "the runtime functions to be probed were not found",
	};

	return (size_t)r < ARRAY_SIZE(text) && text[r] ? text[r] : "unknown reason";
}

static int errno_of(enum gobin_reason r)
{
	switch (r) {
	case GOBIN_DAMAGED:
		return -EBADMSG;
	case GOBIN_MACHINE:
	case GOBIN_TOO_OLD:
		return -ENOTSUP;
	case GOBIN_NO_PCLNTAB:
	case GOBIN_NO_MODULEDATA:
		return -ENODATA;
	default:
		return -ENOEXEC;
	}
}

/* What an error of elf_new() or of a later read means for the file as a whole. */
static enum gobin_reason reason_of(int err)
{
	return err == -ENOEXEC			? GOBIN_NOT_ELF
	       : err == -EBADMSG || err == -EIO ? GOBIN_DAMAGED
						: GOBIN_UNREADABLE;
}

/* ---- which Go? ---- */

/* The earliest version that writes such a function table: a lower bound, not a name. */
static struct goversion version_of_table(enum pclntab_version v)
{
	static const uint16_t minors[] = {
		[PCLNTAB_1_2] = 2,
		[PCLNTAB_1_16] = 16,
		[PCLNTAB_1_18] = 18,
		[PCLNTAB_1_20] = 20,
	};

	return (struct goversion){ .major = 1, .minor = minors[v] };
}

static void take_buildinfo(struct gobin_info *info, const struct buildinfo *bi)
{
	info->version = bi->version;
	info->version_from = "build info";
	memcpy(info->module, bi->module, sizeof(info->module));
	memcpy(info->main_path, bi->main_path, sizeof(info->main_path));
}

/* For an executable without build information. */
static int infer_version(struct gobin *b)
{
	int err = buildinfo_find_version(b->elf, &b->info.version);

	b->info.version_from = "version string";
	if (err == -ENOENT) {
		b->info.version = version_of_table(pclntab_version(b->table));
		b->info.version_from = "pclntab header";
		err = 0;
	}
	pclntab_set_version(b->table, &b->info.version);
	return err;
}

static bool is_too_old(const struct goversion *v)
{
	return v->major == 1 && v->minor < OLDEST_MINOR;
}

/*
 * 0 with *ret_reason GOBIN_OK when version and function table are known; 0 with another reason for
 * a refusal; a negative errno if reading failed.
 */
static int read_tables(struct gobin *b, enum gobin_reason *ret_reason)
{
	struct buildinfo bi = { 0 };
	int bi_err = buildinfo_read(b->elf, &bi);
	int err;

	if (bi_err && bi_err != -ENOENT && bi_err != -EBADMSG && bi_err != -EFAULT)
		return bi_err;
	if (!bi_err)
		take_buildinfo(&b->info, &bi);
	err = pclntab_open(b->elf, bi_err ? NULL : &bi.version, &b->table);
	if (err && err != -ENOENT && err != -ENODATA)
		return err;
	if (!err && bi_err) {
		err = infer_version(b);
		if (err)
			return err;
	}
	/* The order says the most telling first. */
	if (err == -ENOENT && bi_err == -ENOENT)
		*ret_reason = GOBIN_NOT_GO;
	else if (elf_machine(b->elf) == ELF_MACHINE_OTHER)
		*ret_reason = GOBIN_MACHINE;
	else if (b->info.version.major && is_too_old(&b->info.version))
		*ret_reason = GOBIN_TOO_OLD;
	else if (err)
		*ret_reason = err == -ENODATA ? GOBIN_NO_MODULEDATA : GOBIN_NO_PCLNTAB;
	else
		*ret_reason = GOBIN_OK;
	return 0;
}

/*
 * runtime/cgo's way back from C is linked exactly if cgo is used; the build setting CGO_ENABLED
 * only says that it might have been.
 */
static int find_cgo(struct gobin *b)
{
	struct gofunc f;
	int err = pclntab_find(b->table, "crosscall2", &f);

	b->info.is_cgo = !err;
	return err == -ENOENT ? 0 : err;
}

static void describe(struct gobin *b)
{
	struct gobin_info *i = &b->info;

	i->machine = elf_machine(b->elf);
	i->is_stripped = elf_is_stripped(b->elf);
	i->is_pie = elf_is_pie(b->elf);
	i->is_static = elf_is_static(b->elf);
	i->build_id = elf_build_id(b->elf);
	i->pclntab_version = pclntab_version(b->table);
	i->pclntab_va = pclntab_va(b->table);
	i->pclntab_from = pclntab_from(b->table);
	i->functions = pclntab_functions(b->table);
}

/* ---- what can be probed and read? ---- */

static int find_offsets(struct gobin *b)
{
	int err = offsets_from_dwarf(b->fd, &b->offsets);

	if (!err) {
		b->offsets_source = OFFSETS_DWARF;
		return 0;
	}
	if (err == -ENOMEM)
		return err;
	/* Damaged debug information is no worse than none. */
	err = offsets_from_table(&b->info.version, b->info.machine, &b->offsets,
				 &b->offsets_source);
	return err == -ENOENT ? 0 : err;
}

/*
 * Offsets from a table are believed if the runtime's own code refers to the fields they name.
 * Where that cannot be looked up (no decoder for the machine), a table of this very version is.
 */
static bool offsets_are_trusted(const struct gobin *b, int globals_err)
{
	if (b->offsets_source == OFFSETS_DWARF || b->globals.offsets_hold)
		return true;
	return globals_err == -ENOTSUP && b->offsets_source == OFFSETS_TABLE &&
	       b->info.version.is_exact;
}

static int find_globals(struct gobin *b)
{
	const struct moduledata *md = pclntab_moduledata(b->table);
	int err;

	if (!md || b->offsets_source == OFFSETS_UNKNOWN)
		return 0;
	err = globals_find(b->elf, b->table, md, &b->info.version, &b->offsets, &b->globals);
	if (err && err != -ENOTSUP)
		return err;
	if (!offsets_are_trusted(b, err))
		b->offsets_source = OFFSETS_UNKNOWN;
	return 0;
}

/* Every number gets a name, so that a lookup always has one to give. */
static void find_reasons(struct gobin *b)
{
	int n = globals_wait_reasons(b->elf, &b->globals, b->reasons, REASONS_MAX);

	b->n_reasons = n < 0 ? 0 : (size_t)n;
	for (size_t i = b->n_reasons; i < REASONS_MAX; i++)
		snprintf(b->reasons[i], sizeof(b->reasons[i]), "reason %zu", i);
}

static int find_runtime(struct gobin *b, enum gobin_reason *ret_reason)
{
	int err = find_offsets(b);

	if (!err)
		err = find_globals(b);
	if (err)
		return err;
	find_reasons(b);
	err = code_find_sites(b->elf, b->table, &b->info.version, &b->sites);
	if (err && err != -ENOTSUP)
		return err;
	if (!pclntab_moduledata(b->table))
		*ret_reason = GOBIN_NO_MODULEDATA;
	else if (b->offsets_source == OFFSETS_UNKNOWN)
		*ret_reason = GOBIN_NO_OFFSETS;
	else if (err || !b->sites.hook[WIRE_HOOK_BIRTH].is_found)
		*ret_reason = GOBIN_NO_SITES;
	return 0;
}

/* ---- opening and closing ---- */

static int open_file(struct gobin *b, int fd)
{
	struct stat st;

	b->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (b->fd < 0 || fstat(b->fd, &st))
		return -errno;
	b->info.dev = st.st_dev;
	b->info.ino = st.st_ino;
	b->info.size = (uint64_t)st.st_size;
	return elf_new(b->fd, &b->elf);
}

static int read_all(struct gobin *b, int fd, enum gobin_reason *ret_reason)
{
	int err = open_file(b, fd);

	if (!err)
		err = read_tables(b, ret_reason);
	if (err)
		return err;
	if (*ret_reason != GOBIN_OK)
		return errno_of(*ret_reason);
	describe(b);
	err = find_cgo(b);
	return err ? err : find_runtime(b, ret_reason);
}

int gobin_open(int fd, struct gobin **ret, enum gobin_reason *ret_reason)
{
	struct gobin *b = calloc(1, sizeof(*b));
	enum gobin_reason reason = GOBIN_OK;
	int err;

	if (!b) {
		*ret_reason = GOBIN_UNREADABLE;
		return -ENOMEM;
	}
	b->refs = 1;
	b->fd = -1;
	err = read_all(b, fd, &reason);
	if (err && reason == GOBIN_OK)
		reason = reason_of(err);
	*ret_reason = reason;
	if (err) {
		gobin_unref(b);
		return err;
	}
	gobin_trim(b);
	*ret = b;
	return 0;
}

struct gobin *gobin_ref(struct gobin *b)
{
	b->refs++;
	return b;
}

void gobin_unref(struct gobin *b)
{
	if (!b)
		return;
	assert(b->refs);
	if (--b->refs)
		return;
	pclntab_close(b->table);
	elf_free(b->elf);
	cleanup_close(&b->fd);
	free(b);
}

unsigned int gobin_refs(const struct gobin *b)
{
	return b->refs;
}

void gobin_trim(struct gobin *b)
{
	elf_trim(b->elf);
}

/* ---- answers ---- */

const struct gobin_info *gobin_info(const struct gobin *b)
{
	return &b->info;
}

const struct moduledata *gobin_moduledata(const struct gobin *b)
{
	return pclntab_moduledata(b->table);
}

const struct code_sites *gobin_sites(const struct gobin *b)
{
	return &b->sites;
}

const struct offsets *gobin_offsets(const struct gobin *b, enum offsets_source *ret_source)
{
	if (ret_source)
		*ret_source = b->offsets_source;
	return b->offsets_source == OFFSETS_UNKNOWN ? NULL : &b->offsets;
}

const struct globals *gobin_globals(const struct gobin *b)
{
	return &b->globals;
}

const char *gobin_wait_reason(const struct gobin *b, unsigned int n)
{
	return n < REASONS_MAX ? b->reasons[n] : "reason out of range";
}

size_t gobin_wait_reasons(const struct gobin *b)
{
	return b->n_reasons;
}

int gobin_frames(struct gobin *b, uint64_t pc, bool is_return, struct goframe *frames, size_t max)
{
	return pclntab_frames(b->table, pc, is_return, frames, max);
}

int gobin_func_at(struct gobin *b, uint64_t pc, struct gofunc *ret, char *name, size_t name_size)
{
	return pclntab_func_at(b->table, pc, ret, name, name_size);
}

int gobin_sp_delta(struct gobin *b, uint64_t pc, int32_t *ret)
{
	return pclntab_sp_delta(b->table, pc, ret);
}

int gobin_tlsg(struct gobin *b, struct tlsg *ret)
{
	return tlsg_find(b->elf, b->table, ret);
}

int gobin_start_function(struct gobin *b, uint64_t va, char *name, size_t size)
{
	return wrapper_name(b->elf, b->table, va, name, size);
}

/*
 * The kernel maps whole pages, so two segments may share a page of the file; the one that begins
 * in the mapping's first page is meant before one that merely reaches into it.
 */
uint64_t gobin_bias(const struct gobin *b, uint64_t map_start, uint64_t map_off)
{
	const struct elf_segment *s, *found = NULL;
	uint64_t page_mask = ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
	size_t n = elf_segments(b->elf, &s);

	if (!b->info.is_pie)
		return 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t first = s[i].file_off & page_mask;

		if (first == map_off) {
			found = &s[i];
			break;
		}
		if (map_off > first && map_off - s[i].file_off < s[i].file_size && !found)
			found = &s[i];
	}
	return found ? map_start - map_off - (found->va - found->file_off) : 0;
}
