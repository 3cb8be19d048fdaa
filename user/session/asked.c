/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/asked.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

void cleanup_asked(asked_vec *a)
{
	vec_release(a);
}

static bool is_number(const char *name)
{
	return !name[strspn(name, "0123456789")];
}

/* Appends the pids that a name stands for; a name that stands for none is an error of its own. */
static int match_name(const char *proc_root, const char *name, asked_vec *asked)
{
	_cleanup_free_ pid_t *found = NULL;
	size_t n = 0;
	int err = target_match(proc_root, name, &found, &n);

	if (err)
		return log_err(err, "%s", name);
	if (!n) {
		(void)log_err(0, "%s: no process of this %s", name,
			      is_number(name) ? "pid" : "name");
		return -ENOENT;
	}
	for (size_t i = 0; !err && i < n; i++)
		err = vec_push(asked, ((struct asked){ found[i], name }));
	return err;
}

int asked_match(const char *proc_root, const char *const *names, size_t n, asked_vec *ret)
{
	for (size_t i = 0; i < n; i++) {
		int err = match_name(proc_root, names[i], ret);

		if (err)
			return err;
	}
	return 0;
}

/* Processes of one name that were refused for the same reason, to be told in one line. */
struct refusals {
	const char *name; /* NULL: none */
	size_t n;
	struct watch_error error; /* of the first */
};

/* Without the pid that it begins with. */
static const char *reason_in(const char *text)
{
	const char *colon = strstr(text, ": ");

	return colon ? colon + 2 : text;
}

static void refusals_say(struct refusals *r)
{
	const char *text = r->error.text;

	if (!r->name)
		return;
	if (r->n > 1)
		(void)log_err(0, "%s: %zu processes: %s", r->name, r->n, reason_in(text));
	else if (is_number(r->name))
		(void)log_err(0, "%s", text);
	else
		(void)log_err(0, "%s: %s", r->name, text);
	r->name = NULL;
}

static void refusals_add(struct refusals *r, const char *name, const struct watch_error *e)
{
	bool is_same = r->name && !strcmp(r->name, name) &&
		       !strcmp(reason_in(r->error.text), reason_in(e->text));

	if (!is_same) {
		refusals_say(r);
		*r = (struct refusals){ .name = name, .error = *e };
	}
	r->n++;
}

int asked_watch(struct watch *w, const asked_vec *asked)
{
	struct refusals refusals = { 0 };
	size_t added = 0;

	for (size_t i = 0; i < asked->n; i++) {
		const struct asked *a = &asked->items[i];
		struct watch_error e = { 0 };
		int err = watch_add(w, a->pid, &e);

		if (!err || err == -EEXIST) {
			added++;
			continue;
		}
		if (!e.text[0])
			snprintf(e.text, sizeof(e.text), "pid %d: %s", a->pid, strerror(-err));
		refusals_add(&refusals, a->name, &e);
	}
	refusals_say(&refusals);
	if (added)
		return 0;
	/* why not has been said for each */
	(void)log_err(0, "nothing to watch");
	return -ENOENT;
}
