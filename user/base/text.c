/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *scaled(char *buf, double v, double step, const char *const *units, size_t n,
			  const char *gap)
{
	size_t i = 0;

	/* What would be rounded up to a whole step belongs to the next unit: 1.00M, not 1000k. */
	while (fabs(v) >= (i ? step - 0.5 : step) && i + 1 < n) {
		v /= step;
		i++;
	}
	int digits = i == 0 || fabs(v) >= 100 ? 0 : fabs(v) >= 10 ? 1 : 2;

	snprintf(buf, TEXT_HUMAN_MAX, "%.*f%s%s", digits, v, gap, units[i]);
	return buf;
}

static const char *const byte_units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

const char *text_bytes(char buf[static TEXT_HUMAN_MAX], uint64_t bytes)
{
	return scaled(buf, (double)bytes, 1024, byte_units, ARRAY_SIZE(byte_units), " ");
}

const char *text_bytes_change(char buf[static TEXT_HUMAN_MAX], double bytes)
{
	char human[TEXT_HUMAN_MAX];
	/* Not a number counts as none. */
	double size = bytes < 0 || bytes > 0 ? fmin(round(fabs(bytes)), (double)UINT64_MAX) : 0;

	scaled(human, size, 1024, byte_units, ARRAY_SIZE(byte_units), " ");
	snprintf(buf, TEXT_HUMAN_MAX, "%c%.22s", bytes < 0 && size > 0 ? '-' : '+', human);
	return buf;
}

const char *text_count(char buf[static TEXT_HUMAN_MAX], double n)
{
	static const char *const units[] = { "", "k", "M", "G", "T" };

	return scaled(buf, n, 1000, units, ARRAY_SIZE(units), "");
}

const char *text_change(char buf[static TEXT_HUMAN_MAX], double n)
{
	snprintf(buf, TEXT_HUMAN_MAX, fabs(n) < 9999.5 ? "%+.4g" : "%+.0f", n);
	return buf;
}

const char *text_duration(char buf[static TEXT_HUMAN_MAX], double seconds)
{
	/* Not a number counts as none; the upper limit keeps the conversion defined. */
	double known = seconds > 0 ? fmin(seconds, 1e15) : 0;
	uint64_t s = (uint64_t)known;

	if (known > 0 && known < 0.0009995)
		snprintf(buf, TEXT_HUMAN_MAX, "%.0fus", fmax(known * 1e6, 1));
	else if (known < 0.9995)
		snprintf(buf, TEXT_HUMAN_MAX, "%.0fms", known * 1000);
	else if (s < 60)
		snprintf(buf, TEXT_HUMAN_MAX, "%" PRIu64 "s", MAX(s, (uint64_t)1));
	else if (s < 3600)
		snprintf(buf, TEXT_HUMAN_MAX, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, TEXT_HUMAN_MAX, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(buf, TEXT_HUMAN_MAX, "%" PRIu64 "d%02" PRIu64 "h", s / 86400,
			 s / 3600 % 24);
	return buf;
}

int text_parse_duration(const char *text, double *ret_seconds)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = {
		{ "", 1 }, { "ms", 1e-3 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
	};
	size_t number = strspn(text, "0123456789.");
	char *end = NULL;
	double v = strtod(text, &end);

	/* strtod() also takes signs, spaces, hexadecimal, exponents and names. */
	if (!number || end != text + number)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		v *= units[i].seconds;
		if (!(v > 0) || v > 10 * 365.25 * 86400)
			return -EINVAL;
		*ret_seconds = v;
		return 0;
	}
	return -EINVAL;
}

int text_parse_int(const char *text, long long min, long long max, long long *ret)
{
	char *end = NULL;

	errno = 0;
	long long v = strtoll(text, &end, 10);

	if (end == text || *end || (*text != '-' && !(*text >= '0' && *text <= '9')))
		return -EINVAL;
	if (errno == ERANGE || v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

/*
 * Length of the well-formed UTF-8 character at s (RFC 3629: shortest form, no surrogates, at most
 * U+10FFFF), or 0 if there is none within n bytes.
 */
static size_t utf8_char(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char lo, hi, second_lo, second_hi, len;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (s[0] < forms[i].lo || s[0] > forms[i].hi)
			continue;
		if (forms[i].len > n)
			return 0;
		if (forms[i].len > 1 && (s[1] < forms[i].second_lo || s[1] > forms[i].second_hi))
			return 0;
		for (size_t k = 2; k < forms[i].len; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}

/* Control characters of either kind: C0, DEL, and C1 (which UTF-8 writes as c2 80..9f). */
static bool is_control(const unsigned char *s, size_t len)
{
	return (len == 1 && (s[0] < 0x20 || s[0] == 0x7f)) ||
	       (len == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

/*
 * Characters that are not seen but change what is: marks and overrides of direction, joiners, line
 * and paragraph separators, the byte order mark.  With them a name can look like another one.
 */
static bool is_invisible(const unsigned char *s, size_t len)
{
	static const struct {
		uint16_t first, last;
	} ranges[] = {
		{ 0x00ad, 0x00ad }, { 0x061c, 0x061c }, { 0x180e, 0x180e }, { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb },
	};
	unsigned int c = len == 2   ? (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu)
			 : len == 3 ? (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu)
				    : 0;

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

size_t text_scrub(char *dst, size_t dst_size, const char *src, size_t n)
{
	const unsigned char *s = (const unsigned char *)src;
	size_t out = 0;

	if (!dst_size)
		return 0;
	for (size_t i = 0; i < n && s[i];) {
		size_t len = utf8_char(s + i, n - i);
		bool keep = len && !is_control(s + i, len) && !is_invisible(s + i, len);
		size_t width = keep ? len : 1;

		if (out + width + 1 > dst_size)
			break;
		if (keep)
			memcpy(dst + out, s + i, len);
		else
			dst[out] = '?';
		out += width;
		i += len ? len : 1;
	}
	dst[out] = '\0';
	return out;
}

const char *text_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
