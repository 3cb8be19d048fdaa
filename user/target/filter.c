/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/filter.h"

#include <fnmatch.h>
#include <string.h>

#include "base/cleanup.h"

#define CGROUP_PATH_MAX 4096

static const char *const key_names[FILTER_KEYS] = {
	[FILTER_NAME] = "name",
	[FILTER_CGROUP] = "cgroup",
	[FILTER_NAMESPACE] = "namespace",
};

/* *ret_pattern: what follows the '='. */
static int find_key(const char *rule, enum filter_key *ret, const char **ret_pattern)
{
	for (int k = 0; k < FILTER_KEYS; k++) {
		size_t n = strlen(key_names[k]);

		if (strncmp(rule, key_names[k], n) || rule[n] != '=')
			continue;
		*ret = (enum filter_key)k;
		*ret_pattern = rule + n + 1;
		return **ret_pattern ? 0 : -EINVAL;
	}
	return -EINVAL;
}

int filter_add(struct filter *f, bool is_exclude, const char *rule)
{
	struct filter_rule r = { .is_exclude = is_exclude };
	const char *pattern;
	int err = find_key(rule, &r.key, &pattern);

	if (err)
		return err;
	if (f->rules.n >= FILTER_RULES_MAX || strlen(pattern) > FILTER_PATTERN_MAX)
		return -E2BIG;
	r.pattern = strdup(pattern);
	if (!r.pattern)
		return -ENOMEM;
	err = vec_push(&f->rules, r);
	if (err)
		free(r.pattern);
	return err;
}

void filter_release(struct filter *f)
{
	vec_for_each (&f->rules, r)
		free(r->pattern);
	vec_release(&f->rules);
}

bool filter_asks(const struct filter *f, enum filter_key key)
{
	vec_for_each (&f->rules, r) {
		if (r->key == key)
			return true;
	}
	return false;
}

static bool matches(const char *pattern, const char *text)
{
	return text && !fnmatch(pattern, text, 0);
}

/* Any of the lines "HIERARCHY:CONTROLLERS:PATH". */
static bool matches_cgroup(const char *pattern, const char *text)
{
	char path[CGROUP_PATH_MAX];

	while (*text) {
		const char *end = strchrnul(text, '\n');
		const char *p = memchr(text, ':', (size_t)(end - text));

		p = p ? memchr(p + 1, ':', (size_t)(end - p - 1)) : NULL;
		if (p && (size_t)(end - p) <= sizeof(path)) {
			size_t n = (size_t)(end - p - 1);

			memcpy(path, p + 1, n);
			path[n] = '\0';
			if (matches(pattern, path))
				return true;
		}
		text = *end ? end + 1 : end;
	}
	return false;
}

static bool rule_matches(const struct filter_rule *r, const struct filter_subject *s)
{
	switch (r->key) {
	case FILTER_NAME:
		return matches(r->pattern, s->comm) || matches(r->pattern, s->exe);
	case FILTER_CGROUP:
		return matches_cgroup(r->pattern, s->cgroup);
	case FILTER_NAMESPACE:
		return matches(r->pattern, s->pod_namespace);
	case FILTER_KEYS:
		break;
	}
	return false;
}

bool filter_wants(const struct filter *f, const struct filter_subject *s)
{
	bool has_include[FILTER_KEYS] = { false }, is_included[FILTER_KEYS] = { false };

	vec_for_each (&f->rules, r) {
		bool is_match = rule_matches(r, s);

		if (r->is_exclude && is_match)
			return false;
		if (!r->is_exclude) {
			has_include[r->key] = true;
			is_included[r->key] = is_included[r->key] || is_match;
		}
	}
	for (int k = 0; k < FILTER_KEYS; k++) {
		if (has_include[k] && !is_included[k])
			return false;
	}
	return true;
}
