/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/exposition.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/* ---- which format ---- */

static const struct {
	const char *media, *version;
} formats[EXPOSITION_FORMATS] = {
	[EXPOSITION_TEXT] = { "text/plain", "0.0.4" },
	[EXPOSITION_OPENMETRICS_0_0_1] = { "application/openmetrics-text", "0.0.1" },
	[EXPOSITION_OPENMETRICS] = { "application/openmetrics-text", "1.0.0" },
};

const char *exposition_content_type(enum exposition_format f)
{
	static const char *const types[EXPOSITION_FORMATS] = {
		[EXPOSITION_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
		[EXPOSITION_OPENMETRICS_0_0_1] =
			"application/openmetrics-text; version=0.0.1; charset=utf-8",
		[EXPOSITION_OPENMETRICS] =
			"application/openmetrics-text; version=1.0.0; charset=utf-8",
	};

	return types[f];
}

/* A piece of the header, without blanks around it. */
struct piece {
	const char *s;
	size_t len;
};

static struct piece trimmed(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct piece){ s, (size_t)(end - s) };
}

/* Cuts off what comes before the next mark that is not in quotes; false: nothing is left. */
static bool next_piece(struct piece *rest, char mark, struct piece *ret)
{
	const char *end = rest->s + rest->len, *s = rest->s;
	bool is_quoted = false;

	if (!rest->s)
		return false;
	for (; s < end && (*s != mark || is_quoted); s++) {
		if (*s == '"')
			is_quoted = !is_quoted;
		else if (*s == '\\' && is_quoted && s + 1 < end)
			s++;
	}
	*ret = trimmed(rest->s, s);
	*rest = s < end ? (struct piece){ s + 1, (size_t)(end - s - 1) } : (struct piece){ 0 };
	return true;
}

static bool piece_is(struct piece p, const char *s)
{
	return p.len == strlen(s) && !strncasecmp(p.s, s, p.len);
}

static struct piece unquoted(struct piece p)
{
	if (p.len >= 2 && p.s[0] == '"' && p.s[p.len - 1] == '"')
		return (struct piece){ p.s + 1, p.len - 2 };
	return p;
}

/* "0.25" is 250; -1: no weight (RFC 9110, 12.4.2: at most three digits, from 0 to 1). */
static int weight_of(struct piece p)
{
	int weight, unit = 100;

	if (!p.len || (p.s[0] != '0' && p.s[0] != '1') || p.len > 5 || (p.len > 1 && p.s[1] != '.'))
		return -1;
	weight = (p.s[0] - '0') * 1000;
	for (size_t i = 2; i < p.len; i++, unit /= 10) {
		if (p.s[i] < '0' || p.s[i] > '9')
			return -1;
		weight += (p.s[i] - '0') * unit;
	}
	return weight <= 1000 ? weight : -1;
}

struct range {
	struct piece media, version; /* version.s NULL: any */
	int weight; /* thousandths; -1: the range makes no sense */
};

static struct range range_of(struct piece text)
{
	struct range r = { .weight = 1000 };
	struct piece param;

	if (!next_piece(&text, ';', &r.media) || !memchr(r.media.s, '/', r.media.len))
		r.weight = -1;
	while (next_piece(&text, ';', &param)) {
		const char *eq = memchr(param.s, '=', param.len);

		if (!eq)
			continue;
		struct piece name = trimmed(param.s, eq);
		struct piece value = unquoted(trimmed(eq + 1, param.s + param.len));

		if (piece_is(name, "q"))
			r.weight = weight_of(value);
		else if (piece_is(name, "version"))
			r.version = value;
	}
	return r;
}

/* How closely a range names a format; 0: it does not. */
#define CLOSE_ANY     1
#define CLOSE_TYPE    2
#define CLOSE_NAMED   3
#define CLOSE_VERSION 4

static int closeness(const struct range *r, enum exposition_format f)
{
	const char *media = formats[f].media;
	size_t type = (size_t)(strchr(media, '/') + 1 - media);

	if (r->weight < 0)
		return 0;
	if (piece_is(r->media, media)) {
		if (!r->version.s)
			return CLOSE_NAMED;
		return piece_is(r->version, formats[f].version) ? CLOSE_VERSION : 0;
	}
	if (r->media.len == type + 1 && !strncasecmp(r->media.s, media, type) &&
	    r->media.s[type] == '*')
		return CLOSE_TYPE;
	return piece_is(r->media, "*/*") ? CLOSE_ANY : 0;
}

struct wish {
	int weight, closeness;
	unsigned int place; /* in the header */
};

static struct wish wish_for(const char *accept, enum exposition_format f)
{
	struct piece rest = { accept, strlen(accept) }, text;
	struct wish w = { 0 };

	for (unsigned int place = 0; next_piece(&rest, ',', &text); place++) {
		struct range r = range_of(text);
		int close = closeness(&r, f);

		if (close > w.closeness)
			w = (struct wish){ r.weight, close, place };
	}
	return w;
}

static bool is_preferred(const struct wish *a, const struct wish *b)
{
	if (a->weight != b->weight)
		return a->weight > b->weight;
	if (a->closeness >= CLOSE_NAMED && b->closeness >= CLOSE_NAMED)
		return a->weight && a->place < b->place;
	return a->weight && a->closeness > b->closeness;
}

enum exposition_format exposition_format_of(const char *accept)
{
	static const enum exposition_format others[] = { EXPOSITION_OPENMETRICS,
							 EXPOSITION_OPENMETRICS_0_0_1 };
	enum exposition_format best = EXPOSITION_TEXT;

	if (!accept)
		return best;
	struct wish most = wish_for(accept, best);

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct wish w = wish_for(accept, others[i]);

		if (is_preferred(&w, &most)) {
			best = others[i];
			most = w;
		}
	}
	return best;
}

/* ---- labels ---- */

static size_t escaped(char *dst, const char *src)
{
	size_t n = 0;

	for (; *src; src++) {
		if (*src == '\\' || *src == '"')
			dst[n++] = '\\';
		dst[n++] = *src; /* no newline: it was scrubbed */
	}
	return n;
}

void exposition_label(struct exposition_labels *l, const char *name, const char *value)
{
	char scrubbed[EXPOSITION_VALUE_MAX], text[2 * EXPOSITION_VALUE_MAX];
	size_t name_len = strlen(name), len;

	text_scrub(scrubbed, sizeof(scrubbed), value ? value : "", value ? strlen(value) : 0);
	len = escaped(text, scrubbed);
	if (l->len + name_len + len + sizeof(",=\"\"") > sizeof(l->text))
		return;
	if (l->len)
		l->text[l->len++] = ',';
	memcpy(l->text + l->len, name, name_len);
	l->len += name_len;
	l->text[l->len++] = '=';
	l->text[l->len++] = '"';
	memcpy(l->text + l->len, text, len);
	l->len += len;
	l->text[l->len++] = '"';
	l->text[l->len] = '\0';
}

/* ---- families ---- */

static bool ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && !memcmp(s + len - n, end, n);
}

/* OpenMetrics counts the suffix to the samples' names. */
static size_t family_len(const struct exposition *e)
{
	const struct exposition_family *f = e->family;
	size_t len = strlen(f->name);

	if (e->format == EXPOSITION_TEXT || f->is_clashing)
		return len;
	if (f->type == EXPOSITION_COUNTER && ends_with(f->name, len, "_total"))
		return len - strlen("_total");
	if (f->type == EXPOSITION_INFO && ends_with(f->name, len, "_info"))
		return len - strlen("_info");
	return len;
}

static const char *type_str(const struct exposition *e)
{
	static const char *const names[] = { "gauge", "counter", "info", "summary" };

	if (e->format == EXPOSITION_TEXT && e->family->type == EXPOSITION_INFO)
		return "gauge";
	if (e->format != EXPOSITION_TEXT && e->family->is_clashing)
		return "unknown";
	return names[e->family->type];
}

static void write_head(struct exposition *e)
{
	static const char *const units[] = { "bytes", "seconds" };
	const char *name = e->family->name;
	int len = (int)family_len(e);

	fprintf(e->f, "# HELP %.*s %s\n", len, name, e->family->help);
	fprintf(e->f, "# TYPE %.*s %s\n", len, name, type_str(e));
	for (size_t i = 0; e->format != EXPOSITION_TEXT && i < ARRAY_SIZE(units); i++)
		if (ends_with(name, (size_t)len, units[i]))
			fprintf(e->f, "# UNIT %.*s %s\n", len, name, units[i]);
}

void exposition_begin(struct exposition *e, const struct exposition_family *family)
{
	e->family = family;
	e->has_head = false;
}

static void write_series(struct exposition *e, const char *suffix, const char *base,
			 const char *extra)
{
	if (!e->has_head)
		write_head(e);
	e->has_head = true;
	fputs_unlocked(e->family->name, e->f);
	fputs_unlocked(suffix, e->f);
	if (*base || *extra) {
		putc_unlocked('{', e->f);
		fputs_unlocked(base, e->f);
		if (*base && *extra)
			putc_unlocked(',', e->f);
		fputs_unlocked(extra, e->f);
		putc_unlocked('}', e->f);
	}
	putc_unlocked(' ', e->f);
}

int exposition_number(char buf[static EXPOSITION_NUMBER_MAX], double d)
{
	int n = 0;

	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(buf, EXPOSITION_NUMBER_MAX, "%.*g", digits, d);
		if (strtod(buf, NULL) == d)
			break;
	}
	return n;
}

void exposition_sample(struct exposition *e, const char *suffix, const char *base,
		       const char *extra, double value)
{
	char buf[EXPOSITION_NUMBER_MAX + 1];

	if (!isfinite(value))
		return;
	write_series(e, suffix, base, extra);
	exposition_number(buf, value);
	fputs_unlocked(buf, e->f);
	putc_unlocked('\n', e->f);
}

void exposition_count(struct exposition *e, const char *base, const char *extra, uint64_t n)
{
	char buf[24];

	write_series(e, "", base, extra);
	snprintf(buf, sizeof(buf), "%" PRIu64 "\n", n);
	fputs_unlocked(buf, e->f);
}

int exposition_end(struct exposition *e)
{
	if (e->format != EXPOSITION_TEXT)
		fputs("# EOF\n", e->f);
	if (fflush(e->f) || ferror(e->f))
		return errno ? -errno : -EIO;
	return 0;
}
