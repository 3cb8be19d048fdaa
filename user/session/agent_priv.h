/* SPDX-License-Identifier: BSD-2-Clause */
/* What session/agent and its routes share. */
#ifndef GOTIDE_SESSION_AGENT_PRIV_H
#define GOTIDE_SESSION_AGENT_PRIV_H

#include <sys/utsname.h>

#include "base/notify.h"
#include "session.h"
#include "session/agent.h"
#include "session/aside.h"
#include "session/http.h"
#include "session/profiles.h"
#include "view/metrics.h"

/* Everything that is the same for all who ask within a tick. */
enum page_id {
	PAGE_STATUS = 0,
	PAGE_METRICS_TEXT,
	PAGE_METRICS_OPEN_0_0_1,
	PAGE_METRICS_OPEN,
	PAGE_PROCESSES,
	PAGES,
};

struct page {
	struct http_body *body; /* NULL: not rendered yet */
	struct http_body *packed; /* the same in gzip; NULL: not made yet */
	uint64_t tick;
};

/* Statuses that answers have. */
#define AGENT_STATUSES 8

struct agent {
	struct session *session; /* borrowed */
	struct agent_opts *opts; /* borrowed */
	struct http *http;
	struct aside *aside;
	struct notify notify;
	bool is_ready;
	bool has_children; /* profiles can be made: no filter keeps it from forking */
	uint64_t ticks, ticked_ns;
	uint64_t start_ns;
	double start_time_s;
	struct utsname machine;
	uint64_t vital_ns; /* when the manager was told last */
	struct page pages[PAGES];
	struct http_request *waiting; /* for the profile that is being made; NULL: none */
	profile_writer *profile_write; /* of it, for the child, and of which process */
	const struct target *profile_target;
	struct agent_count requests[AGENT_STATUSES]; /* HTTP, by status */
	size_t n_requests;
};

/* http_handler */
void routes_handle(struct http_request *r, void *agent);

/* What the agent says of itself; the strings are the agent's, and good for this call of the loop.
 */
void agent_account_of(struct agent *a, const struct snapshot *snap, struct agent_account *ret);

#endif
