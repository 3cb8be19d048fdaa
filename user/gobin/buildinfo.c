/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/buildinfo.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"

#define MAGIC	    "\xff Go buildinf:"
#define MAGIC_SIZE  14
#define HEADER_SIZE 32
#define ALIGN	    16

enum {
	FLAG_BIG_ENDIAN = 1,
	FLAG_INLINE = 2,
};

/* "go1.26.5 X:..." */
#define VERSION_MAX 256
/* Kubernetes has 20 KiB: every dependency is named. */
#define MODINFO_MAX (1UL << 20)
/* 16 bytes of a marker stand before and after the module information (cmd/go, modload). */
#define MODINFO_MARK 16

#define SCAN_BYTES     (256UL * 1024)
#define SCAN_MAX       (512UL << 20) /* all segments together */
#define HEADERS_MAX    64 /* magics that are looked at */
#define CANDIDATES_MAX 256 /* places that read "go1." */
#define PASSES_MAX     (2UL << 30) /* bytes of data that may be passed over for them */

/* ---- the strings ---- */

/* Reads a length and that many bytes at *va, and moves past them. */
static int read_inline(struct elf *e, uint64_t *va, size_t max, char **ret, size_t *ret_n)
{
	_cleanup_free_ char *text = NULL;
	uint8_t raw[10] = { 0 };
	uint64_t n;
	int err = 0;

	/* A varint may end before the tenth byte, and the segment with it. */
	for (size_t have = sizeof(raw); have; have--) {
		err = elf_read(e, *va, raw, have);
		if (!err)
			break;
	}
	if (err)
		return err;
	struct bytes b = bytes_of(raw, sizeof(raw));

	n = bytes_uvarint(&b);
	if (!bytes_ok(&b) || n > max)
		return -EBADMSG;
	text = malloc(n + 1);
	if (!text)
		return -ENOMEM;
	err = elf_read(e, *va + b.pos, text, n);
	if (err)
		return err;
	text[n] = '\0';
	*va += b.pos + n;
	*ret = TAKE_PTR(text);
	*ret_n = n;
	return 0;
}

/* Reads the string that the string header which the pointer at va points to describes. */
static int read_pointed(struct elf *e, uint64_t va, size_t max, char **ret, size_t *ret_n)
{
	_cleanup_free_ char *text = NULL;
	uint64_t header = 0, data = 0, n = 0;
	int err = elf_read_ptr(e, va, &header);

	if (!err && header)
		err = elf_read_ptr(e, header, &data);
	if (!err && header)
		err = elf_read(e, header + 8, &n, sizeof(n));
	if (err)
		return err;
	if (n > max)
		return -EBADMSG;
	text = malloc(n + 1);
	if (!text)
		return -ENOMEM;
	err = elf_read(e, data, text, n);
	if (err)
		return err;
	text[n] = '\0';
	*ret = TAKE_PTR(text);
	*ret_n = n;
	return 0;
}

/* ---- module information ---- */

/* Value of a line "KEY\tVALUE", or NULL. */
static const char *line_value(const char *line, const char *key)
{
	size_t n = strlen(key);

	return strncmp(line, key, n) ? NULL : line + n;
}

/* Copies up to the end of the field. */
static void take_field(char *dst, size_t size, const char *value)
{
	if (!*dst)
		(void)text_scrub(dst, size, value, strcspn(value, "\t")); /* cut if long */
}

static void take_line(struct buildinfo *bi, const char *line)
{
	const char *v;

	if ((v = line_value(line, "path\t")))
		take_field(bi->main_path, sizeof(bi->main_path), v);
	else if ((v = line_value(line, "mod\t")))
		take_field(bi->module, sizeof(bi->module), v);
}

static void take_modinfo(struct buildinfo *bi, char *text, size_t n)
{
	char *rest, *line;

	if (n < 2 * MODINFO_MARK + 1 || text[n - MODINFO_MARK - 1] != '\n')
		return;
	text[n - MODINFO_MARK] = '\0';
	rest = text + MODINFO_MARK;
	while ((line = strsep(&rest, "\n")))
		take_line(bi, line);
}

/* ---- the header ---- */

static int read_strings(struct elf *e, uint64_t va, uint8_t flags, struct buildinfo *bi)
{
	_cleanup_free_ char *version = NULL, *modinfo = NULL;
	size_t version_n = 0, modinfo_n = 0;
	uint64_t at = va + HEADER_SIZE;
	int err;

	if (flags & FLAG_INLINE)
		err = read_inline(e, &at, VERSION_MAX, &version, &version_n);
	else
		err = read_pointed(e, va + 16, VERSION_MAX, &version, &version_n);
	if (err)
		return err;
	err = goversion_parse(version, version_n, &bi->version);
	if (err)
		return -EBADMSG;
	if (flags & FLAG_INLINE)
		err = read_inline(e, &at, MODINFO_MAX, &modinfo, &modinfo_n);
	else
		err = read_pointed(e, va + 24, MODINFO_MAX, &modinfo, &modinfo_n);
	/* The version alone is worth having. */
	if (!err)
		take_modinfo(bi, modinfo, modinfo_n);
	return 0;
}

static int read_header(struct elf *e, uint64_t va, struct buildinfo *ret)
{
	struct buildinfo bi = { 0 };
	uint8_t h[HEADER_SIZE];
	int err = elf_read(e, va, h, sizeof(h));

	if (err)
		return err;
	if (memcmp(h, MAGIC, MAGIC_SIZE))
		return -ENOENT;
	if (h[15] & FLAG_BIG_ENDIAN || (!(h[15] & FLAG_INLINE) && h[14] != 8))
		return -EBADMSG;
	err = read_strings(e, va, h[15], &bi);
	if (!err)
		*ret = bi;
	return err;
}

/* ---- where is it? ---- */

struct scan {
	const char *needle;
	size_t needle_n;
	size_t align;
	size_t left; /* hits that are looked at */
	uint64_t budget; /* bytes that are looked at */
	bool (*fn)(struct elf *e, uint64_t va, void *arg); /* true: stop */
	void *arg;
};

static bool scan_chunk(struct elf *e, struct scan *s, uint64_t va, const uint8_t *buf, size_t n)
{
	const uint8_t *at = buf;

	while ((at = memmem(at, n - (size_t)(at - buf), s->needle, s->needle_n))) {
		uint64_t hit = va + (uint64_t)(at - buf);

		if (hit % s->align == 0 && (!s->left-- || s->fn(e, hit, s->arg)))
			return true;
		at++;
	}
	return false;
}

/* The file's bytes of one segment; chunks overlap by less than the needle. */
static int scan_segment(struct elf *e, struct scan *s, const struct elf_segment *seg,
			bool *ret_stopped)
{
	_cleanup_free_ uint8_t *buf = malloc(SCAN_BYTES);
	uint64_t size = MIN(seg->file_size, s->budget);

	if (!buf)
		return -ENOMEM;
	s->budget -= size;
	for (uint64_t done = 0; size - done >= s->needle_n;) {
		size_t n = MIN(size - done, SCAN_BYTES);
		int err = elf_read(e, seg->va + done, buf, n);

		if (err)
			return err;
		if (scan_chunk(e, s, seg->va + done, buf, n)) {
			*ret_stopped = true;
			return 0;
		}
		done += n - (s->needle_n - 1);
	}
	return 0;
}

struct header_search {
	struct buildinfo *ret;
	int err;
};

static bool try_header(struct elf *e, uint64_t va, void *arg)
{
	struct header_search *s = arg;

	s->err = read_header(e, va, s->ret);
	return !s->err;
}

/* The first writable segment that holds data, where the linker puts it first. */
static const struct elf_segment *data_segment(const struct elf *e)
{
	const struct elf_segment *seg;
	size_t n = elf_segments(e, &seg);

	for (size_t i = 0; i < n; i++) {
		if ((seg[i].flags & (PF_W | PF_X)) == PF_W && seg[i].file_size)
			return &seg[i];
	}
	return NULL;
}

int buildinfo_read(struct elf *e, struct buildinfo *ret)
{
	const struct elf_section *section = elf_section(e, ".go.buildinfo");
	const struct elf_segment *data = data_segment(e);
	struct header_search s = { .ret = ret, .err = -ENOENT };
	struct scan scan = { .needle = MAGIC,
			     .needle_n = MAGIC_SIZE,
			     .align = ALIGN,
			     .left = HEADERS_MAX,
			     .budget = SCAN_MAX,
			     .fn = try_header,
			     .arg = &s };
	bool stopped = false;
	int err = 0;

	if (section && try_header(e, section->va, &s))
		return 0;
	if (data)
		err = scan_segment(e, &scan, data, &stopped);
	return err ? err : s.err;
}

/* ---- the version string ---- */

struct version_search {
	struct goversion best; /* major 0: none */
	bool is_ambiguous;
	char text[64]; /* the bytes being looked at */
	uint64_t pass; /* bytes that one search for pointers reads */
	uint64_t budget;
	struct elf *elf;
};

/* "go1.21.0" rather than "go1.21". */
static bool has_patch(const struct goversion *v)
{
	const char *dot = strchr(v->text, '.');

	return dot && strchr(dot + 1, '.');
}

/* A word that points to the bytes: with the length after it, it may be a Go string. */
static bool try_string(uint64_t va, void *arg)
{
	struct version_search *s = arg;
	struct goversion v;
	uint64_t n = 0;

	if (elf_read(s->elf, va + 8, &n, sizeof(n)) || n < 5 ||
	    n > strnlen(s->text, sizeof(s->text)))
		return false;
	/* All of it: "go1.2" in front of other text must not pass for Go 1.2. */
	if (goversion_parse(s->text, n, &v) || !v.is_exact)
		return false;
	if (s->best.major && !strcmp(s->best.text, v.text))
		return false;
	/* A full release beats a language version, of which a program may have a list. */
	if (s->best.major && has_patch(&s->best) != has_patch(&v)) {
		if (has_patch(&s->best))
			return false;
		s->is_ambiguous = false;
	} else {
		s->is_ambiguous = s->best.major;
	}
	s->best = v;
	return false;
}

static bool try_version(struct elf *e, uint64_t va, void *arg)
{
	struct version_search *s = arg;

	memset(s->text, 0, sizeof(s->text));
	/* Close to the end of the segment fewer bytes are there. */
	for (size_t n = sizeof(s->text); n >= 5; n--) {
		if (!elf_read(e, va, s->text, n))
			break;
	}
	if (s->text[4] < '0' || s->text[4] > '9')
		return false;
	if (s->pass > s->budget)
		return true;
	s->budget -= s->pass;
	return elf_find_ptr(e, va, try_string, s) != 0;
}

int buildinfo_find_version(struct elf *e, struct goversion *ret)
{
	struct version_search s = { .elf = e, .budget = PASSES_MAX };
	struct scan scan = { .needle = "go1.",
			     .needle_n = 4,
			     .align = 1,
			     .left = CANDIDATES_MAX,
			     .budget = SCAN_MAX,
			     .fn = try_version,
			     .arg = &s };
	const struct elf_segment *seg;
	size_t n = elf_segments(e, &seg);
	bool stopped = false;
	int err = 0;

	for (size_t i = 0; i < n; i++)
		s.pass += seg[i].flags & PF_W ? seg[i].file_size : 0;
	for (size_t i = 0; i < n && !err && !stopped; i++) {
		if (!(seg[i].flags & PF_X))
			err = scan_segment(e, &scan, &seg[i], &stopped);
	}
	if (err)
		return err;
	/* Of what was not looked at, something might have disagreed. */
	if (!s.best.major || s.is_ambiguous || stopped)
		return -ENOENT;
	*ret = s.best;
	return 0;
}
