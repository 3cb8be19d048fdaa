/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts the function table's answers beside those of others.  Places are given as decimal distances
 * from main.main, so that they hold wherever the program was loaded.
 *
 *   symcheck pcs FILE N       N places or so, spread over all functions, at any byte
 *   symcheck frames FILE      for each place on stdin: place, function, file, line (innermost)
 *   symcheck chain FILE       the same with all inlined frames, function@line joined by " < "
 *   symcheck names FILE       address and name of every function
 *   symcheck time FILE        how long it takes to open the table and find some functions
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "gobin/elf.h"
#include "gobin/pclntab.h"

#define FRAMES_MAX 64

struct symcheck {
	struct elf *elf;
	struct pclntab *table;
	struct gofunc main;
	uint64_t step, left; /* of pcs */
};

static bool print_places(const char *name, const struct gofunc *f, void *arg)
{
	struct symcheck *s = arg;
	uint64_t va = f->va;

	(void)name;
	/* Steps that do not keep time with the alignment of functions. */
	for (; f->va + f->size - va > s->left; s->left = s->step) {
		va += s->left;
		/* The runtime, asked for the place one before, would see the next function. */
		if (va + 1 == f->va + f->size)
			continue;
		printf("%" PRId64 "\n", (int64_t)(va - s->main.va));
	}
	s->left -= f->va + f->size - va;
	return false;
}

static bool add_size(const char *name, const struct gofunc *f, void *arg)
{
	(void)name;
	*(uint64_t *)arg += f->size;
	return false;
}

static int cmd_pcs(struct symcheck *s, const char *count)
{
	uint64_t total = 0, n = strtoul(count, NULL, 10);
	int err = pclntab_for_each(s->table, "", add_size, &total);

	if (err || !n)
		return err ? err : -EINVAL;
	s->step = s->left = (total / n) | 1;
	return pclntab_for_each(s->table, "", print_places, s);
}

static void print_frame(const struct goframe *f, bool is_chain, bool is_first)
{
	if (is_chain)
		printf("%s%s@%" PRIu32, is_first ? "\t" : " < ", f->function, f->line);
	else if (is_first)
		printf("\t%s\t%s\t%" PRIu32, f->function, f->file, f->line);
}

static int cmd_frames(struct symcheck *s, bool is_chain)
{
	static struct goframe frames[FRAMES_MAX];
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		int64_t place = strtoll(line, NULL, 10);
		int n = pclntab_frames(s->table, s->main.va + (uint64_t)place, false, frames,
				       FRAMES_MAX);

		printf("%" PRId64, place);
		for (int i = 0; i < n; i++)
			print_frame(&frames[i], is_chain, i == 0);
		printf("%s\n", n < 0 ? "\t?" : "");
	}
	return 0;
}

static bool print_name(const char *name, const struct gofunc *f, void *arg)
{
	(void)arg;
	printf("%" PRIx64 " %s\n", f->va, name);
	return false;
}

static int cmd_time(struct symcheck *s, const char *path, uint64_t opened_ns)
{
	static const char *const names[] = { "runtime.newproc1", "runtime.gopark", "runtime.ready",
					     "runtime.gcStart",	 "main.main",	   "no.such" };
	struct gofunc found[ARRAY_SIZE(names)];
	uint64_t before = clock_now_ns();
	int err = pclntab_find_many(s->table, names, ARRAY_SIZE(names), found);

	printf("%s: %zu functions, table at %#" PRIx64 " (%s), open %" PRIu64 " us, find %" PRIu64
	       " us, %" PRIu64 " pages\n",
	       path, pclntab_functions(s->table), pclntab_va(s->table), pclntab_from(s->table),
	       (uint64_t)(opened_ns / NSEC_PER_USEC),
	       (uint64_t)((clock_now_ns() - before) / NSEC_PER_USEC), elf_page_reads(s->elf));
	return err;
}

static int run(struct symcheck *s, char **argv, uint64_t opened_ns)
{
	int err = 0;

	if (!strcmp(argv[1], "names"))
		return pclntab_for_each(s->table, "", print_name, NULL);
	if (!strcmp(argv[1], "time"))
		return cmd_time(s, argv[2], opened_ns);
	err = pclntab_find(s->table, "main.main", &s->main);
	if (err)
		return err;
	if (!strcmp(argv[1], "pcs") && argv[3])
		return cmd_pcs(s, argv[3]);
	if (!strcmp(argv[1], "frames") || !strcmp(argv[1], "chain"))
		return cmd_frames(s, !strcmp(argv[1], "chain"));
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct symcheck s = { 0 };
	uint64_t before = clock_now_ns();
	int fd = argc > 2 ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1;
	int err = fd < 0 ? -EINVAL : elf_new(fd, &s.elf);

	if (!err)
		err = pclntab_open(s.elf, NULL, &s.table);
	if (!err)
		err = run(&s, argv, clock_now_ns() - before);
	if (err)
		fprintf(stderr, "symcheck: %s\n", strerror(-err));
	pclntab_close(s.table);
	elf_free(s.elf);
	if (fd >= 0)
		close(fd);
	return err ? 1 : 0;
}
