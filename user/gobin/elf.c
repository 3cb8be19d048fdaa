/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/elf.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"

#define ELF_PHDRS_MAX	 256
#define ELF_SEGMENTS_MAX 64
#define ELF_SECTIONS_MAX 1024
#define ELF_SECTION_NAME 63
#define ELF_NOTES_MAX	 65536 /* bytes of one PT_NOTE that are looked at */
#define ELF_NOTE_ID_MAX	 64 /* bytes of a build id: SHA-1 has 20 */
#define ELF_DYN_MAX	 1024 /* entries of the dynamic section that are looked at */

/* 4 MiB at most.  Four ways, so that two tables read side by side do not evict each other. */
#define PAGE_BYTES (64UL * 1024)
#define PAGE_SETS  16
#define PAGE_WAYS  4

/* One pass over a segment or a table goes by this much at a time, around the page cache. */
#define SCAN_BYTES (256UL * 1024)
/*
 * No pass looks at more than this, whatever sizes a (sparse) file claims: four times what the
 * largest known Go programs load.
 */
#define SCAN_MAX (512UL << 20)

/*
 * Relocations of a PIE are looked up by window: a pass over the table keeps those that fall into
 * one window of addresses.  The table of a large daemon has half a million entries, of which a few
 * hundred next to each other are ever asked for.
 */
#define RELA_MAX	(4UL << 20)
#define RELA_WINDOW	(64UL * 1024)
#define RELA_WINDOWS	8
#define RELA_PER_WINDOW (RELA_WINDOW / 8)
/* Bytes of relocations passed over until the next elf_trim(): a hundred times what is usual. */
#define RELA_BUDGET (4UL << 30)

struct page {
	uint8_t *data; /* NULL: free */
	uint64_t no;
	uint64_t used; /* clock of the last use */
	size_t n; /* bytes of it that the file has */
};

struct rela {
	uint64_t va, addend;
};

struct rela_window {
	uint64_t base;
	uint64_t used; /* 0: free */
	VEC(struct rela) relas; /* by va */
};

struct elf {
	int fd; /* borrowed */
	uint64_t file_size;
	enum elf_machine machine;
	uint32_t relative_type;
	bool is_pie, is_static, is_stripped;
	char build_id[2 * ELF_NOTE_ID_MAX + 1];
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	size_t n_segments;
	VEC(struct elf_section) sections;

	uint64_t rela_va, rela_size; /* DT_RELA; 0 if there is none */
	struct rela_window windows[RELA_WINDOWS];
	uint64_t rela_passed; /* bytes */

	struct page pages[PAGE_SETS][PAGE_WAYS];
	uint64_t clock;
	uint64_t page_reads;
};

/* ---- bytes of the file ---- */

static int read_at(const struct elf *e, uint64_t off, void *buf, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = pread(e->fd, (char *)buf + done, n - done, (off_t)(off + done));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (k == 0)
			return -EIO;
		done += (size_t)k;
	}
	return 0;
}

static int page_fill(struct elf *e, struct page *p, uint64_t no)
{
	uint64_t off = no * PAGE_BYTES;
	int err;

	if (!p->data) {
		p->data = malloc(PAGE_BYTES);
		if (!p->data)
			return -ENOMEM;
	}
	p->no = UINT64_MAX; /* holds nothing unless the read succeeds */
	p->n = MIN(e->file_size - off, PAGE_BYTES);
	e->page_reads++;
	err = read_at(e, off, p->data, p->n);
	if (err)
		return err;
	p->no = no;
	return 0;
}

static int page_get(struct elf *e, uint64_t no, struct page **ret)
{
	struct page *set = e->pages[no % PAGE_SETS];
	struct page *oldest = &set[0];
	int err;

	for (size_t i = 0; i < PAGE_WAYS; i++) {
		if (set[i].data && set[i].no == no) {
			set[i].used = ++e->clock;
			*ret = &set[i];
			return 0;
		}
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	err = page_fill(e, oldest, no);
	if (err)
		return err;
	oldest->used = ++e->clock;
	*ret = oldest;
	return 0;
}

/* Bytes at a file offset; the range lies within file_size. */
static int file_read(struct elf *e, uint64_t off, void *buf, size_t n)
{
	if (n >= PAGE_BYTES)
		return read_at(e, off, buf, n);
	for (size_t done = 0; done < n;) {
		uint64_t at = off + done;
		size_t in_page = at % PAGE_BYTES;
		struct page *p = NULL;
		int err = page_get(e, at / PAGE_BYTES, &p);

		if (err)
			return err;
		if (in_page >= p->n)
			return -EIO;
		size_t k = MIN(n - done, p->n - in_page);

		memcpy((char *)buf + done, p->data + in_page, k);
		done += k;
	}
	return 0;
}

static bool range_ok(uint64_t start, uint64_t n, uint64_t limit)
{
	return start <= limit && n <= limit - start;
}

static int header_read(struct elf *e, uint64_t off, void *buf, size_t n)
{
	return range_ok(off, n, e->file_size) ? file_read(e, off, buf, n) : -EBADMSG;
}

/* ---- headers ---- */

static int take_ident(struct elf *e, const Elf64_Ehdr *eh)
{
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return -ENOEXEC;
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum || eh->e_phnum > ELF_PHDRS_MAX)
		return -EBADMSG;
	e->is_pie = eh->e_type == ET_DYN;
	if (eh->e_machine == EM_X86_64) {
		e->machine = ELF_MACHINE_AMD64;
		e->relative_type = R_X86_64_RELATIVE;
	} else if (eh->e_machine == EM_AARCH64) {
		e->machine = ELF_MACHINE_ARM64;
		e->relative_type = R_AARCH64_RELATIVE;
	}
	return 0;
}

static int take_load(struct elf *e, const Elf64_Phdr *ph)
{
	uint64_t end;

	if (e->n_segments == ELF_SEGMENTS_MAX || ph->p_filesz > ph->p_memsz ||
	    __builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &end) ||
	    !range_ok(ph->p_offset, ph->p_filesz, e->file_size))
		return -EBADMSG;
	if (!ph->p_memsz)
		return 0;
	e->segments[e->n_segments++] = (struct elf_segment){
		.va = ph->p_vaddr,
		.mem_size = ph->p_memsz,
		.file_off = ph->p_offset,
		.file_size = ph->p_filesz,
		.flags = ph->p_flags,
	};
	return 0;
}

static void take_build_id(struct elf *e, const uint8_t *id, size_t n)
{
	for (size_t i = 0; i < n && i < ELF_NOTE_ID_MAX; i++)
		snprintf(e->build_id + 2 * i, 3, "%02x", id[i]);
}

static void take_notes(struct elf *e, uint64_t off, uint64_t size)
{
	size_t n = MIN(size, (uint64_t)ELF_NOTES_MAX);
	_cleanup_free_ uint8_t *buf = malloc(n ? n : 1);

	if (!buf || header_read(e, off, buf, n))
		return;
	for (struct bytes b = bytes_of(buf, n); bytes_left(&b) && bytes_ok(&b);) {
		uint32_t name_size = bytes_u32(&b);
		uint32_t desc_size = bytes_u32(&b);
		uint32_t type = bytes_u32(&b);
		const uint8_t *name = bytes_take(&b, name_size);

		bytes_align(&b, 4);
		const uint8_t *desc = bytes_take(&b, desc_size);

		if (desc && type == NT_GNU_BUILD_ID && name_size == 4 && !memcmp(name, "GNU", 4) &&
		    !*e->build_id)
			take_build_id(e, desc, desc_size);
		/* The padding of the last note may be missing. */
		if (bytes_left(&b) < 4)
			break;
		bytes_align(&b, 4);
	}
}

/* Where the relative relocations are, as the dynamic loader is told. */
static void take_dynamic(struct elf *e, const Elf64_Phdr *ph)
{
	Elf64_Dyn d;
	uint64_t va = 0, size = 0, entry = sizeof(Elf64_Rela);

	for (size_t i = 0; i < ELF_DYN_MAX && (i + 1) * sizeof(d) <= ph->p_filesz; i++) {
		if (header_read(e, ph->p_offset + i * sizeof(d), &d, sizeof(d)) ||
		    d.d_tag == DT_NULL)
			break;
		if (d.d_tag == DT_RELA)
			va = d.d_un.d_ptr;
		else if (d.d_tag == DT_RELASZ)
			size = d.d_un.d_val;
		else if (d.d_tag == DT_RELAENT)
			entry = d.d_un.d_val;
	}
	if (!va || entry != sizeof(Elf64_Rela))
		return;
	e->rela_va = va;
	e->rela_size = MIN(size, RELA_MAX * sizeof(Elf64_Rela));
}

static int take_phdrs(struct elf *e, const Elf64_Ehdr *eh)
{
	Elf64_Phdr ph;
	int err;

	e->is_static = true;
	for (size_t i = 0; i < eh->e_phnum; i++) {
		uint64_t off;

		if (__builtin_add_overflow(eh->e_phoff, i * sizeof(ph), &off))
			return -EBADMSG;
		err = header_read(e, off, &ph, sizeof(ph));
		if (err)
			return err;
		if (ph.p_type == PT_LOAD) {
			err = take_load(e, &ph);
			if (err)
				return err;
		} else if (ph.p_type == PT_INTERP) {
			e->is_static = false;
		} else if (ph.p_type == PT_NOTE) {
			take_notes(e, ph.p_offset, ph.p_filesz);
		} else if (ph.p_type == PT_DYNAMIC) {
			take_dynamic(e, &ph);
		}
	}
	return e->n_segments ? 0 : -EBADMSG;
}

static int take_section(struct elf *e, const Elf64_Shdr *sh, const Elf64_Shdr *names)
{
	struct elf_section s = {
		.va = sh->sh_addr,
		.file_off = sh->sh_offset,
		.size = sh->sh_size,
		.type = sh->sh_type,
	};
	char raw[ELF_SECTION_NAME] = "";
	uint64_t off, n = sizeof(raw);

	if (sh->sh_type == SHT_NULL || sh->sh_name >= names->sh_size ||
	    __builtin_add_overflow(names->sh_offset, sh->sh_name, &off) || off >= e->file_size)
		return 0;
	n = MIN(n, names->sh_size - sh->sh_name);
	n = MIN(n, e->file_size - off);
	if (file_read(e, off, raw, n))
		return 0;
	if (sh->sh_type != SHT_NOBITS && !range_ok(sh->sh_offset, sh->sh_size, e->file_size))
		return 0;
	text_scrub(s.name, sizeof(s.name), raw, sizeof(raw));
	if (sh->sh_type == SHT_SYMTAB)
		e->is_stripped = false;
	return vec_push(&e->sections, s);
}

/*
 * Sections are an extra: the loader does not need them, packers and strippers remove them.  Bad
 * ones are left out, and only lack of memory is an error.
 */
static int take_shdrs(struct elf *e, const Elf64_Ehdr *eh)
{
	Elf64_Shdr sh, names;
	uint64_t table = (uint64_t)eh->e_shnum * sizeof(sh);
	int err = 0;

	e->is_stripped = true;
	if (eh->e_shentsize != sizeof(sh) || eh->e_shstrndx >= eh->e_shnum ||
	    !range_ok(eh->e_shoff, table, e->file_size) ||
	    file_read(e, eh->e_shoff + eh->e_shstrndx * sizeof(names), &names, sizeof(names)))
		return 0;
	for (size_t i = 0; i < eh->e_shnum && i < ELF_SECTIONS_MAX && !err; i++) {
		if (!file_read(e, eh->e_shoff + i * sizeof(sh), &sh, sizeof(sh)))
			err = take_section(e, &sh, &names);
	}
	return err;
}

/* Go's own linker makes a section of the GNU build id (from 1.24 on), but no segment. */
static void take_section_note(struct elf *e)
{
	const struct elf_section *note = elf_section(e, ".note.gnu.build-id");

	if (note)
		take_notes(e, note->file_off, note->size);
}

static int take_headers(struct elf *e)
{
	Elf64_Ehdr eh;
	struct stat st;
	int err;

	if (fstat(e->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < EI_NIDENT)
		return -ENOEXEC;
	e->file_size = (uint64_t)st.st_size;
	memset(&eh, 0, sizeof(eh));
	err = file_read(e, 0, &eh, MIN(sizeof(eh), e->file_size));
	if (err)
		return err;
	err = take_ident(e, &eh);
	if (err)
		return err;
	err = take_phdrs(e, &eh);
	if (!err)
		err = take_shdrs(e, &eh);
	if (!err && !*e->build_id)
		take_section_note(e);
	return err;
}

/* ---- opening and closing ---- */

int elf_new(int fd, struct elf **ret)
{
	struct elf *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->fd = fd;
	err = take_headers(e);
	if (err) {
		elf_free(e);
		return err;
	}
	*ret = e;
	return 0;
}

void elf_free(struct elf *e)
{
	if (!e)
		return;
	elf_trim(e);
	vec_release(&e->sections);
	free(e);
}

void elf_trim(struct elf *e)
{
	for (size_t i = 0; i < PAGE_SETS; i++) {
		for (size_t k = 0; k < PAGE_WAYS; k++) {
			free(e->pages[i][k].data);
			e->pages[i][k] = (struct page){ 0 };
		}
	}
	for (size_t i = 0; i < RELA_WINDOWS; i++) {
		vec_release(&e->windows[i].relas);
		e->windows[i].used = 0;
	}
	e->rela_passed = 0;
}

enum elf_machine elf_machine(const struct elf *e)
{
	return e->machine;
}

bool elf_is_pie(const struct elf *e)
{
	return e->is_pie;
}

bool elf_is_static(const struct elf *e)
{
	return e->is_static;
}

bool elf_is_stripped(const struct elf *e)
{
	return e->is_stripped;
}

const char *elf_build_id(const struct elf *e)
{
	return e->build_id;
}

uint64_t elf_page_reads(const struct elf *e)
{
	return e->page_reads;
}

size_t elf_segments(const struct elf *e, const struct elf_segment **ret)
{
	*ret = e->segments;
	return e->n_segments;
}

const struct elf_section *elf_section(const struct elf *e, const char *name)
{
	vec_for_each (&e->sections, s) {
		if (!strcmp(s->name, name))
			return s;
	}
	return NULL;
}

/* ---- bytes at virtual addresses ---- */

static const struct elf_segment *segment_at(const struct elf *e, uint64_t va)
{
	for (size_t i = 0; i < e->n_segments; i++) {
		const struct elf_segment *s = &e->segments[i];

		if (va >= s->va && va - s->va < s->mem_size)
			return s;
	}
	return NULL;
}

int elf_read(struct elf *e, uint64_t va, void *buf, size_t n)
{
	for (size_t done = 0; done < n;) {
		const struct elf_segment *s = segment_at(e, va);
		char *to = (char *)buf + done;

		if (!s)
			return -EFAULT;
		uint64_t in = va - s->va;
		size_t k = MIN(n - done, s->mem_size - in);

		if (in < s->file_size) {
			k = MIN(k, s->file_size - in);
			int err = file_read(e, s->file_off + in, to, k);

			if (err)
				return err;
		} else {
			memset(to, 0, k);
		}
		done += k;
		if (__builtin_add_overflow(va, k, &va) && done < n)
			return -EFAULT;
	}
	return 0;
}

int elf_read_file(struct elf *e, uint64_t off, void *buf, size_t n)
{
	return header_read(e, off, buf, n);
}

int elf_file_offset(const struct elf *e, uint64_t va, uint64_t *ret)
{
	const struct elf_segment *s = segment_at(e, va);

	if (!s || va - s->va >= s->file_size)
		return -EFAULT;
	*ret = s->file_off + (va - s->va);
	return 0;
}

/* ---- relocations ---- */

/*
 * Passes every relative relocation to fn, in the order of the table.  Relocations in the packed
 * form (DT_RELR) need no such care: their addend is the word in the file.
 */
static int rela_pass(struct elf *e, bool (*fn)(uint64_t va, uint64_t addend, void *arg), void *arg)
{
	_cleanup_free_ Elf64_Rela *buf = NULL;
	size_t per = SCAN_BYTES / sizeof(*buf);
	int err;

	if (!e->rela_size)
		return 0;
	if (e->rela_passed > RELA_BUDGET)
		return -EBADMSG;
	e->rela_passed += e->rela_size;
	buf = reallocarray(NULL, per, sizeof(*buf));
	if (!buf)
		return -ENOMEM;
	for (uint64_t done = 0; done + sizeof(*buf) <= e->rela_size;) {
		size_t n = MIN(per, (e->rela_size - done) / sizeof(*buf));
		uint64_t va;

		if (__builtin_add_overflow(e->rela_va, done, &va))
			return -EBADMSG;
		err = elf_read(e, va, buf, n * sizeof(*buf));
		if (err)
			return err;
		for (size_t i = 0; i < n; i++) {
			if (ELF64_R_TYPE(buf[i].r_info) == e->relative_type &&
			    fn(buf[i].r_offset, (uint64_t)buf[i].r_addend, arg))
				return 0;
		}
		done += n * sizeof(*buf);
	}
	return 0;
}

static bool window_take(uint64_t va, uint64_t addend, void *arg)
{
	struct rela_window *w = arg;

	if (va - w->base >= RELA_WINDOW)
		return false;
	return w->relas.n == RELA_PER_WINDOW ||
	       vec_push(&w->relas, ((struct rela){ .va = va, .addend = addend }));
}

static int rela_order(const void *a, const void *b)
{
	uint64_t x = ((const struct rela *)a)->va, y = ((const struct rela *)b)->va;

	return x < y ? -1 : x > y;
}

static int window_get(struct elf *e, uint64_t base, struct rela_window **ret)
{
	struct rela_window *oldest = &e->windows[0];
	int err;

	for (size_t i = 0; i < RELA_WINDOWS; i++) {
		struct rela_window *w = &e->windows[i];

		if (w->used && w->base == base) {
			w->used = ++e->clock;
			*ret = w;
			return 0;
		}
		if (w->used < oldest->used)
			oldest = w;
	}
	oldest->used = 0;
	oldest->base = base;
	oldest->relas.n = 0;
	err = rela_pass(e, window_take, oldest);
	if (err)
		return err;
	if (oldest->relas.n)
		qsort(oldest->relas.items, oldest->relas.n, sizeof(struct rela), rela_order);
	oldest->used = ++e->clock;
	*ret = oldest;
	return 0;
}

/* The addend of the relative relocation at va: 0, or -ENOENT if there is none. */
static int rela_at(struct elf *e, uint64_t va, uint64_t *ret)
{
	struct rela_window *w = NULL;
	const struct rela key = { .va = va };
	const struct rela *r = NULL;
	int err;

	if (!e->is_pie || !e->rela_size || !e->relative_type)
		return -ENOENT;
	err = window_get(e, va - va % RELA_WINDOW, &w);
	if (err)
		return err;
	if (w->relas.n)
		r = bsearch(&key, w->relas.items, w->relas.n, sizeof(*r), rela_order);
	if (!r)
		return -ENOENT;
	*ret = r->addend;
	return 0;
}

int elf_read_ptr(struct elf *e, uint64_t va, uint64_t *ret)
{
	uint64_t v = 0;
	int err = elf_read(e, va, &v, sizeof(v));

	if (err)
		return err;
	err = rela_at(e, va, &v);
	if (err && err != -ENOENT)
		return err;
	*ret = v;
	return 0;
}

struct find_ptr {
	struct elf *elf;
	uint64_t value;
	bool (*fn)(uint64_t va, void *arg);
	void *arg;
	bool stopped;
};

static bool find_in_rela(uint64_t va, uint64_t addend, void *arg)
{
	struct find_ptr *f = arg;

	if (addend == f->value && va % 8 == 0)
		f->stopped = f->fn(va, f->arg);
	return f->stopped;
}

static void find_in_words(struct find_ptr *f, uint64_t va, const uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n && !f->stopped; i++) {
		uint64_t ignored;

		/* A relocated word was already seen among the relocations. */
		if (words[i] == f->value && rela_at(f->elf, va + 8 * i, &ignored) == -ENOENT)
			f->stopped = f->fn(va + 8 * i, f->arg);
	}
}

static int find_in_segment(struct find_ptr *f, const struct elf_segment *s, uint64_t *words,
			   uint64_t *budget)
{
	uint64_t skip = -s->va & 7;

	if (s->file_size < skip)
		return 0;
	for (uint64_t done = skip; s->file_size - done >= 8 && !f->stopped;) {
		size_t n = MIN(s->file_size - done, SCAN_BYTES) / 8;
		int err;

		if (*budget < n * 8)
			return 0;
		*budget -= n * 8;
		err = read_at(f->elf, s->file_off + done, words, n * 8);
		if (err)
			return err;
		find_in_words(f, s->va + done, words, n);
		done += n * 8;
	}
	return 0;
}

int elf_find_ptr(struct elf *e, uint64_t value, bool (*fn)(uint64_t va, void *arg), void *arg)
{
	struct find_ptr f = { .elf = e, .value = value, .fn = fn, .arg = arg };
	_cleanup_free_ uint64_t *words = malloc(SCAN_BYTES);
	uint64_t budget = SCAN_MAX;
	int err = 0;

	if (!words)
		return -ENOMEM;
	if (e->is_pie && e->relative_type)
		err = rela_pass(e, find_in_rela, &f);
	for (size_t i = 0; i < e->n_segments && !err && !f.stopped; i++) {
		if (e->segments[i].flags & PF_W)
			err = find_in_segment(&f, &e->segments[i], words, &budget);
	}
	return err;
}
