/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend/pile.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

/* Fewer may be anybody's: workers per core, one per backend, one per shard. */
#define PILE_MIN 1000

/*
 * Of the parts by id so many have neither lost one nor seen one run: at most about eighteen ran, or
 * were born since with an id that an idle P still held.
 */
#define STILL_MIN 0.75

/* So many wait for the same kind of thing. */
#define SAME_REASON 0.9

/* Different channels per goroutine: a pool of workers has one for all. */
#define CHANNELS_MIN	0.5
#define CHANNELS_OF_MIN 100

/* Per goroutine so many sockets, or goroutines in IO wait: then it stands for a connection. */
#define CONNECTIONS_MIN 0.5

/*
 * Sixteenths of the life before, by id, that count as all of it, if those at both ends are among
 * them: one burst may be most of what was ever started.  For the same reason it tells nothing if
 * hardly any other goroutine was started in between.
 */
#define SPREAD_MIN	 12
#define SPREAD_SHARE_MAX 0.9

#define GROWN_MIN 3

#define CONFIDENCE	   0.5
#define CONFIDENCE_MAX	   0.7
#define CONFIDENCE_GROWING 0.85
#define LONG_S		   60.0

enum wait_kind {
	WAIT_OTHER, /* for the world, for time, or for work that may still come */
	WAIT_CHANNEL,
	WAIT_LOCK,
	WAIT_NEVER,
};

/* How names of wait reasons begin, Go 1.15 to 1.27; the first that fits counts. */
static const struct {
	const char *name;
	enum wait_kind kind;
} kinds[] = {
	{ "chan receive (nil", WAIT_NEVER }, { "chan send (nil", WAIT_NEVER },
	{ "select (no cases", WAIT_NEVER },  { "chan receive", WAIT_CHANNEL },
	{ "chan send", WAIT_CHANNEL },	     { "select", WAIT_CHANNEL },
	{ "sync.Mutex", WAIT_LOCK },	     { "sync.RWMutex", WAIT_LOCK },
	{ "sync.WaitGroup", WAIT_LOCK },     { "semacquire", WAIT_LOCK },
};

static enum wait_kind wait_kind(const char *reason)
{
	for (size_t i = 0; reason && i < ARRAY_SIZE(kinds); i++)
		if (!strncmp(reason, kinds[i].name, strlen(kinds[i].name)))
			return kinds[i].kind;
	return WAIT_OTHER;
}

bool pile_waits_inside(const struct snapshot_site *s)
{
	enum wait_kind kind = wait_kind(s->wait_reason);

	return kind == WAIT_CHANNEL || kind == WAIT_LOCK;
}

static bool is_same_reason(const struct snapshot_site *s)
{
	return s->wait_count >= 0 && (double)s->wait_count >= SAME_REASON * (double)s->live;
}

/* That none has run: by what Go counts of them, or by when the collector saw them wait. */
static bool is_still(const struct snapshot_process *p, const struct snapshot_before *b)
{
	double observed_s = seconds_between(p->start_ns, p->now_ns);

	if (b->still_part < STILL_MIN)
		return false;
	return b->knows_runs || ((double)b->with_since >= SAME_REASON * (double)b->live &&
				 b->waits_s - b->waits_spread_s >= observed_s);
}

static bool has_own_channels(const struct snapshot_before *b)
{
	return b->channels_of >= CHANNELS_OF_MIN &&
	       (double)b->channels >= CHANNELS_MIN * (double)b->channels_of;
}

static int64_t io_waiting(const struct snapshot_process *p)
{
	for (size_t i = 0; i < p->n_reasons; i++)
		if (!strcmp(p->reasons[i].name, "IO wait"))
			return p->reasons[i].waiting;
	return 0;
}

/* One or more of the site's goroutines go with each connection. */
static bool is_of_connections(const struct snapshot_process *p, const struct snapshot_site *s)
{
	double most = fmax((double)p->sockets, (double)io_waiting(p));

	return most >= CONNECTIONS_MIN * (double)s->live;
}

static bool is_spread(const struct snapshot_before *b)
{
	return b->id_parts >= SPREAD_MIN && b->has_id_ends && b->id_share <= SPREAD_SHARE_MAX;
}

static double confidence(const struct snapshot_before *b, enum wait_kind kind,
			 const struct pile *pile)
{
	double c = CONFIDENCE;

	c += pile->is_spread ? 0.1 : 0;
	c += b->waits_s >= LONG_S ? 0.05 : 0;
	c += b->waits_spread_s >= LONG_S / 4 ? 0.05 : 0;
	c += kind == WAIT_NEVER ? 0.1 : kind == WAIT_LOCK ? -0.1 : 0;
	c += pile->is_growing ? 0.2 : 0;
	return fmin(c, pile->is_growing ? CONFIDENCE_GROWING : CONFIDENCE_MAX);
}

bool pile_judge(const struct snapshot_process *p, const struct snapshot_site *s, struct pile *ret)
{
	const struct snapshot_before *b = &s->before;
	enum wait_kind kind = wait_kind(s->wait_reason);

	if (s->is_system || s->is_other || b->live < PILE_MIN || kind == WAIT_OTHER)
		return false;
	if (!is_same_reason(s) || !is_still(p, b) || is_of_connections(p, s))
		return false;
	*ret = (struct pile){
		.is_growing = s->born >= GROWN_MIN && !s->died,
		.has_own_channels = has_own_channels(b),
		.is_spread = is_spread(b),
	};
	if (kind == WAIT_CHANNEL && !ret->has_own_channels)
		return false;
	ret->confidence = confidence(b, kind, ret);
	return true;
}
