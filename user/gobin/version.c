/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobin/version.h"

#include <string.h>

#include "base/text.h"

struct reader {
	const char *at, *end;
};

static bool skip_prefix(struct reader *r, const char *prefix)
{
	size_t n = strlen(prefix);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, prefix, n))
		return false;
	r->at += n;
	return true;
}

static bool is_digit(const struct reader *r)
{
	return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static bool take_number(struct reader *r, uint16_t *ret)
{
	unsigned int v = 0;

	if (!is_digit(r))
		return false;
	for (; is_digit(r); r->at++) {
		v = v * 10 + (unsigned int)(*r->at - '0');
		if (v > UINT16_MAX)
			return false;
	}
	*ret = (uint16_t)v;
	return true;
}

/*
 * What may follow the numbers: nothing, experiments or a vendor's remark after a space, a vendor's
 * suffix after "+" (a security patch of the same layout).  "rc1", "beta2", "-20250209" and
 * "-custom" name something other than the release.
 */
static bool is_release(const struct reader *r)
{
	return r->at == r->end || *r->at == ' ' || *r->at == '+';
}

int goversion_parse(const char *text, size_t n, struct goversion *ret)
{
	struct reader r = { .at = text, .end = text + strnlen(text, n) };
	struct goversion v = { 0 };
	bool is_devel = skip_prefix(&r, "devel ");

	if (!skip_prefix(&r, "go") || !take_number(&r, &v.major) || !v.major ||
	    !skip_prefix(&r, ".") || !take_number(&r, &v.minor))
		return -EINVAL;
	if (skip_prefix(&r, ".") && !take_number(&r, &v.patch))
		return -EINVAL;
	v.is_exact = !is_devel && is_release(&r);
	(void)text_scrub(v.text, sizeof(v.text), text, (size_t)(r.end - text)); /* cut if long */
	*ret = v;
	return 0;
}
