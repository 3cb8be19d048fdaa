/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/config.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

#define BLANKS " \t\r\n"

/* Without blanks at either end; in place. */
static char *trim(char *text)
{
	size_t n;

	text += strspn(text, BLANKS);
	n = strlen(text);
	while (n && strchr(BLANKS, text[n - 1]))
		n--;
	text[n] = '\0';
	return text;
}

static int take_line(char *line, config_fn *fn, void *arg)
{
	char *name = trim(line), *equals = strchr(name, '='), *value = NULL;

	if (!*name || *name == '#')
		return 0;
	if (equals) {
		*equals = '\0';
		value = trim(equals + 1);
		name = trim(name);
	}
	/* A dash would make another option of it, or none. */
	if (!*name || *name == '-')
		return -EINVAL;
	return fn(name, value, arg);
}

int config_parse(FILE *f, const char *path, config_fn *fn, void *arg)
{
	char line[CONFIG_LINE_MAX + 2];
	unsigned int n = 0;

	while (fgets(line, sizeof(line), f)) {
		bool is_whole = strchr(line, '\n') || feof(f);

		n++;
		if (!is_whole || n > CONFIG_LINES_MAX) {
			(void)log_err(0, "%s:%u: %s", path, n,
				      is_whole ? "too many lines" : "the line is too long");
			return -EINVAL;
		}
		if (take_line(line, fn, arg)) {
			(void)log_err(0, "%s:%u: no such option, or not a value that it takes",
				      path, n);
			return -EINVAL;
		}
	}
	return ferror(f) ? log_err(errno ? -errno : -EIO, "%s", path) : 0;
}

int config_read(const char *path, config_fn *fn, void *arg)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");

	return f ? config_parse(f, path, fn, arg) : log_err(-errno, "%s", path);
}
