/* SPDX-License-Identifier: BSD-2-Clause */
/* mkimages DIR: writes the unit tests' executables to files, as seeds for the fuzzers. */
#include <fcntl.h>
#include <stdlib.h>

#include "unit/elfbuild.h"

static void write_image(const char *dir, const char *name, struct elfbuild *b)
{
	char path[256];
	int fd;

	eb_build(b);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, b->data, sizeof(b->data)) != sizeof(b->data)) {
		perror(path);
		exit(1);
	}
	close(fd);
}

static struct elfbuild variant(enum pclntab_version v, bool is_pie, bool has_sections)
{
	struct elfbuild b = eb_usual(v);

	b.is_pie = is_pie;
	b.has_sections = has_sections;
	return b;
}

int main(int argc, char **argv)
{
	struct elfbuild b;

	if (argc != 2)
		return 2;
	b = variant(PCLNTAB_1_2, true, false);
	write_image(argv[1], "go1.15-pie", &b);
	b = variant(PCLNTAB_1_16, false, true);
	write_image(argv[1], "go1.16", &b);
	b = variant(PCLNTAB_1_18, true, true);
	write_image(argv[1], "go1.18-pie", &b);
	b = variant(PCLNTAB_1_20, false, false);
	b.has_decoy = true;
	b.has_buildinfo = false;
	b.has_version_string = true;
	write_image(argv[1], "go1.20-bare", &b);
	b = variant(PCLNTAB_1_20, true, true);
	b.has_zero_text_start = b.is_1_27 = true;
	write_image(argv[1], "go1.27-pie", &b);
	return 0;
}
