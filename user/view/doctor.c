/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/doctor.h"

#include <string.h>

#include "view/jsonl.h"

static const struct {
	const char *word;
	enum view_style style;
} states[] = {
	[KERNEL_OK] = { "ok", VIEW_GOOD },
	[KERNEL_MISSING] = { "missing", VIEW_WARN },
	[KERNEL_DENIED] = { "denied", VIEW_WARN },
	[KERNEL_UNTRIED] = { "untried", VIEW_DIM },
};

/*
 * What to say of a check that was denied, where what the check says itself is meant for a kernel
 * that lacks the feature: a privilege is missing then, and the kernel may be well able to.
 */
static const struct {
	const char *name, *hint;
} denied[] = {
	{ "BTF", "nothing works: this user may not read the file" },
	{ "ring buffer", "nothing works: needs root or CAP_BPF, on Linux 5.10 and before also "
			 "CAP_SYS_RESOURCE or a memlock limit of 16 MiB" },
	{ "mapped counters", "nothing works: needs root or CAP_BPF" },
	{ "memory of others", "goroutines and memory that are there already stay unknown: needs "
			      "CAP_SYS_PTRACE" },
};

static const char *hint_of(const struct kernel_check *c)
{
	for (size_t i = 0; c->state == KERNEL_DENIED && i < ARRAY_SIZE(denied); i++)
		if (!strcmp(denied[i].name, c->name))
			return denied[i].hint;
	return c->without;
}

static bool is_unprivileged(const struct kernel_check *checks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (checks[i].is_required && checks[i].state == KERNEL_DENIED)
			return true;
	return false;
}

bool doctor_is_well(const struct kernel_check *checks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (checks[i].is_required && checks[i].state != KERNEL_OK)
			return false;
	}
	return true;
}

static unsigned int widest_name(const struct kernel_check *checks, size_t n)
{
	unsigned int widest = 0;

	for (size_t i = 0; i < n; i++)
		widest = MAX(widest, view_columns(checks[i].name));
	return widest;
}

/* state name required: use; and below it, if it is not there, why and what that costs. */
static void print_check(struct view_out *o, const struct kernel_check *c, unsigned int name_width)
{
	bool is_ok = c->state == KERNEL_OK;
	enum view_style style = c->is_required && !is_ok ? VIEW_BAD : states[c->state].style;
	char lead[128], why[160];

	snprintf(lead, sizeof(lead), "%-8s %-*s  %s  ", states[c->state].word, (int)name_width,
		 c->name, c->is_required ? "required" : "optional");
	view_wrap(o, style, lead, c->use);
	if (is_ok)
		return;
	snprintf(lead, sizeof(lead), "%*s", (int)(9 + name_width + 2), "");
	snprintf(why, sizeof(why), "the kernel says: %s", strerror(-c->err));
	if (c->err)
		view_wrap(o, VIEW_PLAIN, lead, why);
	if (hint_of(c) && *hint_of(c))
		view_wrap(o, VIEW_PLAIN, lead, hint_of(c));
}

void doctor_text(struct view_out *o, const struct kernel_check *checks, size_t n)
{
	unsigned int name_width = widest_name(checks, n);

	for (size_t i = 0; i < n; i++)
		print_check(o, &checks[i], name_width);
	fputc('\n', o->f);
	if (doctor_is_well(checks, n))
		view_printf(o, VIEW_GOOD, "gotide can watch Go programs here.");
	else if (is_unprivileged(checks, n))
		view_printf(o, VIEW_BAD,
			    "gotide cannot watch Go programs here: privileges are missing (root "
			    "has them).");
	else
		view_printf(o, VIEW_BAD,
			    "gotide cannot watch Go programs here: something required is not "
			    "there.");
	fputc('\n', o->f);
}

struct json_object *doctor_json(const struct kernel_check *c)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", jsonl_text(c->name));
	json_object_object_add(o, "state", jsonl_text(states[c->state].word));
	json_object_object_add(o, "required", json_object_new_boolean(c->is_required));
	json_object_object_add(o, "error", c->err ? jsonl_text(strerror(-c->err)) : NULL);
	json_object_object_add(o, "use", jsonl_text(c->use));
	json_object_object_add(o, "without", jsonl_text(c->without));
	return o;
}
