/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/confine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "probe/privilege.h"
#include "session/calls.h"

static void lack(struct confined *c, const char *fmt, ...) _printf_(2, 3);

static void lack(struct confined *c, const char *fmt, ...)
{
	size_t n = strlen(c->lacks);
	va_list ap;

	if (n)
		n += (size_t)snprintf(c->lacks + n, sizeof(c->lacks) - n, "; ");
	if (n >= sizeof(c->lacks))
		return;
	va_start(ap, fmt);
	vsnprintf(c->lacks + n, sizeof(c->lacks) - n, fmt, ap);
	va_end(ap);
}

static void caps_free(cap_t *c)
{
	cap_free(*c); /* NULL is an error, and harmless */
}

/*
 * What an exec could give: nothing.  It takes CAP_SETPCAP to drop; who lacks it, as in a container,
 * loses nothing, since no_new_privs keeps an exec from giving more than there is.
 */
static void bounding_drop(struct confined *c, bool no_new_privs)
{
	bool is_wide = false;

	for (cap_value_t i = 0; i < cap_max_bits(); i++)
		if (cap_get_bound(i) == 1 && cap_drop_bound(i))
			is_wide = true;
	if (is_wide && !no_new_privs)
		lack(c, "the bounding set cannot be emptied without CAP_SETPCAP");
}

/* Sets the effective and the permitted set; nothing is inherited. */
static int caps_set(uint64_t effective, uint64_t permitted)
{
	_cleanup_(caps_free) cap_t caps = cap_init();

	if (!caps)
		return -errno;
	for (cap_value_t i = 0; i < cap_max_bits(); i++) {
		if (effective & PRIVILEGE_BIT(i) &&
		    cap_set_flag(caps, CAP_EFFECTIVE, 1, &i, CAP_SET))
			return -errno;
		if (permitted & PRIVILEGE_BIT(i) &&
		    cap_set_flag(caps, CAP_PERMITTED, 1, &i, CAP_SET))
			return -errno;
	}
	return cap_set_proc(caps) ? -errno : 0;
}

/* Whether attaching works with these alone; the others can be had back. */
static bool suffices(struct probe *p, uint64_t caps, uint64_t held)
{
	return !caps_set(caps, held) && !probe_rehearse(p);
}

/*
 * What of the held ones it takes to attach: none since Linux 6.6, once the programs are loaded;
 * else as few as will do.  If it does not work with all of them either, they are not what is
 * missing.
 */
static uint64_t needed_to_attach(struct probe *p, uint64_t held)
{
	uint64_t reading = held & privilege_to_read(), needed = held & privilege_to_attach();

	if (!needed || !p || suffices(p, reading, held))
		return 0;
	for (cap_value_t i = 0; i < cap_max_bits(); i++) {
		uint64_t less = needed & ~PRIVILEGE_BIT(i);

		if (less != needed && suffices(p, reading | less, held))
			needed = less;
	}
	return needed;
}

static void kept_say(struct confined *c)
{
	const struct privilege *all;
	size_t n, at = 0;

	all = privilege_all(&n);
	snprintf(c->kept_text, sizeof(c->kept_text), "none");
	for (size_t i = 0; i < n && at < sizeof(c->kept_text); i++)
		if (c->kept & PRIVILEGE_BIT(all[i].number))
			at += (size_t)snprintf(c->kept_text + at, sizeof(c->kept_text) - at, "%s%s",
					       at ? ", " : "", all[i].name);
}

static void caps_confine(struct confined *c, struct probe *p, bool no_new_privs)
{
	uint64_t held = privilege_held();
	int err;

	c->kept = held & privilege_to_read();
	c->kept |= needed_to_attach(p, held);
	/* To drop from the bounding set takes one that goes. */
	err = caps_set(held, held);
	if (!err)
		bounding_drop(c, no_new_privs);
	if (cap_reset_ambient())
		lack(c, "ambient capabilities: %s", strerror(errno));
	if (!err)
		err = caps_set(c->kept, c->kept);
	if (err) {
		lack(c, "capabilities: %s", strerror(-err));
		c->kept = held;
	}
	kept_say(c);
}

void confine_self(const struct confine_opts *opts, struct confined *ret)
{
	struct calls_opts calls = { .use_children = opts->use_children };
	struct confined c = { 0 };
	bool no_new_privs;
	int err = 0;

	calls.use_perf_events = opts->probe && !probe_features(opts->probe)->uprobe_multi;
	/* First: a filter may be installed with it, or else with CAP_SYS_ADMIN. */
	no_new_privs = !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!no_new_privs)
		lack(&c, "no_new_privs: %s", strerror(errno));
	caps_confine(&c, opts->probe, no_new_privs);
	/* Last: the calls above are none that it lets through. */
	if (!opts->no_filter)
		err = calls_confine(&calls);
	if (err)
		lack(&c, "the filter of system calls: %s", strerror(-err));
	c.has_filter = !opts->no_filter && !err;
	*ret = c;
}
