/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what gobin finds in one executable: probe sites, addresses of globals, offsets.  One line
 * a fact, words separated by tabs, for tests/live/11-sites.sh.
 */
#include <fcntl.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "gobin/buildinfo.h"
#include "gobin/code.h"
#include "gobin/globals.h"
#include "gobin/offsets.h"
#include "gobin/pclntab.h"

static void print_loc(const struct wire_loc *l)
{
	if (l->kind == WIRE_LOC_REG)
		printf("\tr%u", l->reg);
	else if (l->kind == WIRE_LOC_STACK)
		printf("\t%d(sp)", l->off);
	else
		printf("\t-");
}

static void print_site(const char *hook, const struct code_site *s)
{
	printf("site\t%s\t", hook);
	if (!s->is_found) {
		printf("none\t%s\n", s->why);
		return;
	}
	printf("%s\t%s+0x%llx\t%s", s->cost == CODE_EMULATED ? "emulated" : "stepped", s->function,
	       (unsigned long long)(s->va - s->func_va), s->insn);
	print_loc(&s->value);
	print_loc(&s->g);
	printf("\t%u\n", s->ret_off);
}

static void print_globals(const struct globals *g)
{
	for (int i = 0; i < GLOBAL_MAX; i++)
		printf("global\t%s\t%llx\t%u/%u/%u\t%s\n", global_name((enum global)i),
		       (unsigned long long)g->global[i].va, g->global[i].score, g->global[i].of,
		       g->global[i].second, g->global[i].why);
	printf("hold\t%d\n", g->offsets_hold);
}

static void print_reasons(struct elf *e, const struct globals *g)
{
	char names[256][GLOBAL_REASON_MAX];
	int n = globals_wait_reasons(e, g, names, ARRAY_SIZE(names));

	printf("reasons\t%d\n", n);
	for (int i = 0; i < n; i++)
		printf("reason\t%d\t%s\n", i, names[i]);
}

static void print_offsets(const char *kind, const struct offsets *o)
{
	for (size_t i = 0; i < offsets_count(); i++)
		printf("%s\t%s\t%d\n", kind, offsets_name(i), (int)offsets_value(o, i));
}

/* The table's offsets are what the globals are found with; the DWARF's are there to compare. */
static int print_runtime(int fd, struct elf *e, struct pclntab *t, const struct goversion *v)
{
	enum offsets_source source;
	struct offsets o, dwarf;
	struct globals g;
	int err = offsets_from_table(v, elf_machine(e), &o, &source);

	if (err)
		return err;
	err = globals_find(e, t, pclntab_moduledata(t), v, &o, &g);
	if (err)
		return err;
	printf("source\t%s\n", offsets_source_str(source));
	print_globals(&g);
	print_reasons(e, &g);
	print_offsets("table", &o);
	if (!offsets_from_dwarf(fd, &dwarf))
		print_offsets("dwarf", &dwarf);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_close_ int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	struct pclntab *t = NULL;
	struct code_sites sites;
	struct buildinfo bi = { 0 };
	struct elf *e = NULL;
	int err;

	err = fd < 0 ? -EINVAL : elf_new(fd, &e);
	if (!err)
		err = buildinfo_read(e, &bi);
	if (err == -ENOENT)
		err = buildinfo_find_version(e, &bi.version);
	if (!err)
		err = pclntab_open(e, &bi.version, &t);
	if (!err)
		err = code_find_sites(e, t, &bi.version, &sites);
	if (!err && !pclntab_moduledata(t))
		err = -ENODATA;
	if (err) {
		fprintf(stderr, "siteinfo: %s: %s\n", argc > 1 ? argv[1] : "?", strerror(-err));
		return 1;
	}
	printf("version\t%s\n", bi.version.text);
	for (int h = 0; h < WIRE_HOOK_MAX; h++)
		print_site(code_hook_name((enum wire_hook)h), &sites.hook[h]);
	err = print_runtime(fd, e, t, &bi.version);
	if (err)
		fprintf(stderr, "siteinfo: %s: %s\n", argv[1], strerror(-err));
	pclntab_close(t);
	elf_free(e);
	return err != 0;
}
