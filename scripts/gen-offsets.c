/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes user/gobin/offsets_table.c.  Arguments: MACHINE MINOR RELEASE EXECUTABLE, repeated, sorted
 * by machine, then by minor version.  Run by gen-offsets.sh.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "gobin/offsets.h"

struct column {
	const char *machine, *minor, *release;
	struct offsets offsets;
};

static void column_read(struct column *c, char **args)
{
	int fd = open(args[3], O_RDONLY | O_CLOEXEC), err;

	c->machine = args[0];
	c->minor = args[1];
	c->release = args[2];
	err = fd < 0 ? -errno : offsets_from_dwarf(fd, &c->offsets);
	if (err) {
		fprintf(stderr, "gen-offsets: %s: %s\n", args[3], strerror(-err));
		exit(1);
	}
	close(fd);
}

static void print_machine(const struct column *c, size_t n)
{
	printf("\nstatic const struct offsets_release releases_%s[] = {\n", c->machine);
	for (size_t i = 0; i < n; i++)
		printf("\t{ %s, \"%s\" },\n", c[i].minor, c[i].release);
	printf("};\n\n");
	printf("static const uint32_t offsets_%s[][%zu] = {\n\t/* %-24s", c->machine, n, "Go 1.");
	for (size_t i = 0; i < n; i++)
		printf("%7s", c[i].minor);
	printf(" */\n");
	for (size_t f = 0; f < offsets_count(); f++) {
		printf("\tF(%s)%*s = {", offsets_name(f), 22 - (int)strlen(offsets_name(f)), "");
		for (size_t i = 0; i < n; i++) {
			uint32_t value = offsets_value(&c[i].offsets, f);

			if (value == OFFSET_NONE)
				printf("%6s", "N");
			else
				printf("%6u", value);
			printf("%s", i + 1 < n ? "," : " },\n");
		}
	}
	printf("};\n");
}

static size_t same_machine(const struct column *c, size_t n)
{
	size_t i = 1;

	while (i < n && !strcmp(c[i].machine, c[0].machine))
		i++;
	return i;
}

static void print_all(const struct column *c, size_t n)
{
	printf("/* SPDX-License-Identifier: BSD-2-Clause */\n"
	       "/* Made by scripts/gen-offsets.sh from the DWARF of programs that the releases named here "
	       "built. */\n"
	       "#include \"gobin/offsets_table.h\"\n\n"
	       "/* clang-format off */\n"
	       "#define N OFFSET_NONE\n"
	       "#define F(f) [offsetof(struct offsets, f) / sizeof(uint32_t)]\n");
	for (size_t i = 0; i < n; i += same_machine(c + i, n - i))
		print_machine(c + i, same_machine(c + i, n - i));
	printf("\nconst struct offsets_table offsets_tables[] = {\n");
	for (size_t i = 0; i < n; i += same_machine(c + i, n - i))
		printf("\t{ ELF_MACHINE_%s, %zu, releases_%s, &offsets_%s[0][0] },\n", c[i].machine,
		       same_machine(c + i, n - i), c[i].machine, c[i].machine);
	printf("};\nconst size_t offsets_tables_n = ARRAY_SIZE(offsets_tables);\n");
}

int main(int argc, char **argv)
{
	size_t n = (size_t)(argc - 1) / 4;
	struct column *c = calloc(n + 1, sizeof(*c));

	if (!c || !n || (argc - 1) % 4) {
		fprintf(stderr, "usage: gen-offsets [MACHINE MINOR RELEASE EXECUTABLE]...\n");
		free(c);
		return 2;
	}
	for (size_t i = 0; i < n; i++)
		column_read(&c[i], argv + 1 + i * 4);
	print_all(c, n);
	free(c);
	return 0;
}
