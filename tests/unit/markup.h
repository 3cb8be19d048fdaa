/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A strict reader of the HTML that views write: every element is closed where it was opened, every
 * attribute is in double quotes, only the elements and attributes known here appear.  It gives the
 * shape of a page, which names must not change whatever they hold.
 */
#ifndef GOTIDE_TESTS_MARKUP_H
#define GOTIDE_TESTS_MARKUP_H

#include <ctype.h>

#include "unit/view_fixture.h"

#define MARKUP_DEPTH_MAX 32
#define MARKUP_NAME_MAX	 24

struct markup {
	const char *at;
	FILE *shape; /* elements and names of attributes, in order */
	char open[MARKUP_DEPTH_MAX][MARKUP_NAME_MAX];
	size_t depth;
};

static inline bool markup_is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

static inline void markup_name(struct markup *m, char name[static MARKUP_NAME_MAX])
{
	size_t n = strspn(m->at, "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ123");

	assert_in_range(n, 1, MARKUP_NAME_MAX - 1);
	snprintf(name, MARKUP_NAME_MAX, "%.*s", (int)n, m->at);
	m->at += n;
}

/* A character reference, of which views write four. */
static inline void markup_reference(struct markup *m)
{
	static const char *const known[] = { "&lt;", "&gt;", "&amp;", "&quot;" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strncmp(m->at, known[i], strlen(known[i]))) {
			m->at += strlen(known[i]);
			return;
		}
	fail_msg("a bare ampersand: %.20s", m->at);
}

static inline void markup_attributes(struct markup *m)
{
	static const char *const known[] = { "lang",	    "charset",
					     "name",	    "content",
					     "rel",	    "href",
					     "id",	    "class",
					     "scope",	    "title",
					     "colspan",	    "data-v",
					     "viewBox",	    "preserveAspectRatio",
					     "aria-hidden", "aria-label",
					     "d",	    NULL };
	char name[MARKUP_NAME_MAX];

	while (*m->at == ' ') {
		m->at++;
		markup_name(m, name);
		if (!markup_is_one_of(name, known))
			fail_msg("attribute %s", name);
		fprintf(m->shape, " %s", name);
		assert_true(m->at[0] == '=' && m->at[1] == '"');
		for (m->at += 2; *m->at != '"';) {
			assert_true(*m->at && *m->at != '<' && *m->at != '>');
			if (*m->at == '&')
				markup_reference(m);
			else
				m->at++;
		}
		m->at++;
	}
}

static inline void markup_element(struct markup *m)
{
	static const char *const known[] = {
		"html",	   "head", "meta",  "title",  "link",	    "style",   "body",
		"header",  "h1",   "h2",    "h3",     "span",	    "p",       "small",
		"a",	   "main", "table", "thead",  "tbody",	    "tr",      "th",
		"td",	   "svg",  "path",  "use",    "details",    "summary", "div",
		"section", "b",	   "i",	    "code",   "ul",	    "ol",      "li",
		"dl",	   "dt",   "dd",    "figure", "figcaption", "script",  NULL
	};
	static const char *const empty[] = { "meta", "link", NULL };
	char name[MARKUP_NAME_MAX];

	markup_name(m, name);
	if (!markup_is_one_of(name, known))
		fail_msg("element %s", name);
	fprintf(m->shape, "<%s", name);
	markup_attributes(m);
	if (m->at[0] == '/' && (!strcmp(name, "path") || !strcmp(name, "use"))) {
		m->at++;
	} else if (!markup_is_one_of(name, empty)) {
		assert_true(m->depth < MARKUP_DEPTH_MAX);
		memcpy(m->open[m->depth++], name, sizeof(name));
	}
	assert_true(*m->at++ == '>');
	fputs(">\n", m->shape);
	if (!strcmp(name, "script") || !strcmp(name, "style"))
		assert_non_null(m->at = strstr(m->at, "</"));
}

static inline void markup_end(struct markup *m)
{
	char name[MARKUP_NAME_MAX];

	markup_name(m, name);
	assert_true(*m->at++ == '>');
	assert_true(m->depth > 0);
	if (strcmp(m->open[--m->depth], name))
		fail_msg("%s is closed, %s is open", name, m->open[m->depth]);
}

/* The shape, for free(); fails where the text is not as it must be. */
static inline char *markup_shape(const char *text)
{
	static const char doctype[] = "<!DOCTYPE html>";
	struct markup m = { .at = text };
	char *shape = NULL;
	size_t size = 0;

	m.shape = open_memstream(&shape, &size);
	assert_non_null(m.shape);
	if (!strncmp(text, doctype, strlen(doctype)))
		m.at += strlen(doctype);
	while (*m.at) {
		if (*m.at == '<' && m.at[1] == '/')
			m.at += 2, markup_end(&m);
		else if (*m.at == '<')
			m.at++, markup_element(&m);
		else if (*m.at == '&')
			markup_reference(&m);
		else
			assert_true(*m.at++ != '>');
	}
	assert_int_equal(m.depth, 0);
	assert_int_equal(fclose(m.shape), 0);
	return shape;
}

/* Names with which one could get out of text, of an attribute, of a script. */
static const char *const markup_hostile[] = {
	"<script>alert(1)</script>",
	"\"><img src=x onerror=alert(1)>",
	"' onmouseover='alert(1)",
	"</title></style></script><script>alert(1)//",
	"--><svg onload=alert(1)>",
	"&lt;b&gt;&#60;",
	"]]><b>",
	"\xc0\xbc<\xff\"\x9b",
	"javascript:alert(1)",
};

#endif
