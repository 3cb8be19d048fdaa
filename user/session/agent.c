/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/agent.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "probe/privilege.h"
#include "session/agent_priv.h"
#include "session/confine.h"
#include "target/procfs.h"
#include "version.h"

#define OWN_PROC "/proc"

/* Its run time makes calls of its own, and takes a refusal for a bug. */
#ifdef __SANITIZE_ADDRESS__
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

void agent_opts_release(struct agent_opts *o)
{
	free(o->listen);
	filter_release(&o->filter);
	*o = (struct agent_opts){ 0 };
}

/* ---- what it says of itself ---- */

static double own_cpu_s(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u))
		return -1;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int64_t own_rss(void)
{
	struct procfs_memory m;

	if (procfs_memory(OWN_PROC, getpid(), &m))
		return -1;
	return MAX(m.anon_bytes, 0) + MAX(m.file_bytes, 0) + MAX(m.shmem_bytes, 0);
}

static int64_t own_fds(void)
{
	struct procfs_fds fds;

	return procfs_fds(OWN_PROC, getpid(), &fds) ? -1 : (int64_t)fds.total;
}

static void account_of_snapshot(const struct snapshot *snap, struct agent_account *ret)
{
	const struct snapshot_gone *gone = &snap->gone;

	ret->events = (struct agent_events){
		.received = gone->received,
		.sampled = gone->sampled_out,
		.lost = gone->lost,
		.bad = gone->bad,
		.hits = gone->hits,
	};
	for (size_t i = 0; i < snap->n; i++) {
		agent_events_add(&ret->events, &snap->processes[i]);
		ret->processes += !snap->processes[i].has_exited;
	}
}

void agent_account_of(struct agent *a, const struct snapshot *snap, struct agent_account *ret)
{
	struct snapshot_observer own = session_observer(a->session);

	*ret = (struct agent_account){
		.version = GOTIDE_VERSION,
		.kernel = a->machine.release,
		.hostname = a->machine.nodename,
		.listen = http_address(a->http),
		.is_compat = a->opts->is_compat,
		.has_profiles = a->opts->has_profiles,
		.start_time_s = a->start_time_s,
		.start_ns = a->start_ns,
		.uptime_s = seconds_between(a->start_ns, clock_now_ns()),
		.cpu_s = own_cpu_s(),
		.rss_bytes = own_rss(),
		.fds = own_fds(),
		.malformed = own.malformed,
		.tasks_lost = own.tasks_lost,
		.requests = a->requests,
		.n_requests = a->n_requests,
	};
	ret->traffic = session_traffic(a->session);
	ret->refused = session_refusals(a->session, &ret->n_refused);
	account_of_snapshot(snap, ret);
}

/* ---- signals ---- */

static void take_opts(struct agent *a, struct agent_opts *opts)
{
	const char *listen = opts->listen ? opts->listen : AGENT_LISTEN;
	const struct filter old = a->opts->filter;

	if (strcmp(listen, a->opts->listen ? a->opts->listen : AGENT_LISTEN))
		log_warn("still listening on %s: another address takes a restart",
			 http_address(a->http));
	a->opts->filter = opts->filter;
	opts->filter = old;
	a->opts->is_compat = opts->is_compat;
	if (opts->has_profiles && !a->has_children)
		log_warn("still without profiles: to begin with them takes a restart");
	a->opts->has_profiles = opts->has_profiles && a->has_children;
	a->opts->sites = opts->sites;
	agent_opts_release(opts);
	session_reconsider(a->session);
	a->ticks++; /* nothing that was rendered still holds */
	log_info("options read anew");
}

static void on_hangup(void *arg)
{
	struct agent *a = arg;
	struct agent_opts opts = { 0 };
	char reloading[64];

	if (!a->opts->reload) {
		log_info("no options file was given, so that nothing is read anew");
		return;
	}
	snprintf(reloading, sizeof(reloading), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)(clock_now_ns() / NSEC_PER_USEC));
	notify_send(&a->notify, reloading);
	if (!a->opts->reload(&opts, a->opts->reload_arg))
		take_opts(a, &opts);
	notify_send(&a->notify, "READY=1");
}

/* ---- from start to end ---- */

static void tell_vitality(struct agent *a, uint64_t now_ns)
{
	if (!a->notify.watchdog_s || seconds_between(a->vital_ns, now_ns) < a->notify.watchdog_s)
		return;
	a->vital_ns = now_ns;
	notify_send(&a->notify, "WATCHDOG=1");
}

/* What will be unknown for want of a capability. */
static void say_missing(void)
{
	uint64_t missing = privilege_to_read() & ~privilege_held();
	const struct privilege *all;
	size_t n;

	all = privilege_all(&n);
	for (size_t i = 0; i < n; i++)
		if (missing & PRIVILEGE_BIT(all[i].number))
			log_warn("without %s: %s", all[i].name, all[i].without);
}

static void confine(struct agent *a, struct probe *probe)
{
	struct confined c;

	a->has_children = a->opts->has_profiles;
	say_missing();
	confine_self(&(struct confine_opts){ .probe = probe,
					     .use_children = a->has_children,
					     .no_filter = IS_SANITIZED },
		     &c);
	if (c.lacks[0])
		log_warn("privileges that could not be given up: %s", c.lacks);
	log_info("capabilities left: %s; system calls %s", c.kept_text,
		 c.has_filter ? "filtered" : "not filtered");
}

void agent_ready(struct agent *a, struct probe *probe)
{
	confine(a, probe);
	a->is_ready = true;
	a->ticked_ns = clock_now_ns();
	log_info("serving http://%s/", http_address(a->http));
	notify_send(&a->notify, "READY=1");
}

void agent_tick(struct agent *a)
{
	a->ticks++;
	a->ticked_ns = clock_now_ns();
	http_sweep(a->http);
	aside_sweep(a->aside);
	tell_vitality(a, a->ticked_ns);
}

void agent_stopping(struct agent *a)
{
	a->is_ready = false;
	notify_send(&a->notify, "STOPPING=1");
}

static int start(struct agent *a, struct loop *l)
{
	const char *listen = a->opts->listen ? a->opts->listen : AGENT_LISTEN;
	struct http_error e;
	int err = notify_open(&a->notify);

	if (err)
		log_warn("NOTIFY_SOCKET: %s", strerror(-err));
	err = aside_new(l, &a->aside);
	if (!err)
		err = loop_add_signal(l, SIGHUP, on_hangup, a);
	if (err)
		return log_err(err, "cannot serve");
	err = http_open(l, listen, routes_handle, a, &a->http, &e);
	if (err)
		(void)log_err(0, "cannot listen on %s", e.text);
	return err;
}

int agent_open(struct session *s, struct loop *l, struct agent_opts *opts, struct agent **ret)
{
	struct agent *a = calloc(1, sizeof(*a));
	struct timespec now;
	int err;

	if (!a)
		return log_err(-ENOMEM, "cannot serve");
	clock_gettime(CLOCK_REALTIME, &now);
	a->session = s;
	a->opts = opts;
	a->notify.fd = -1;
	a->start_ns = clock_now_ns();
	a->start_time_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	(void)uname(&a->machine);
	err = start(a, l);
	if (err) {
		agent_close(a);
		return err;
	}
	*ret = a;
	return 0;
}

void agent_close(struct agent *a)
{
	if (!a)
		return;
	http_close(a->http); /* whoever waits for a profile is told so */
	aside_free(a->aside);
	for (size_t i = 0; i < PAGES; i++) {
		http_body_unref(a->pages[i].body);
		http_body_unref(a->pages[i].packed);
	}
	notify_close(&a->notify);
	free(a);
}
