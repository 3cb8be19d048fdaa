/* SPDX-License-Identifier: BSD-2-Clause */
#include "session.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "event/ring.h"
#include "session/agent.h"
#include "session/asked.h"
#include "session/gap.h"
#include "session/heapread.h"
#include "session/loop.h"
#include "session/playback.h"
#include "session/record.h"
#include "session/replay.h"
#include "session/rules.h"
#include "session/sample.h"
#include "session/spawn.h"
#include "session/tally.h"
#include "session/watch.h"

/* The ring wakes us only when a quarter full: what comes slowly is collected this often. */
#define SESSION_POLL_S 0.05

/* Counters, readings and series move once a second, whatever the interval of display. */
#define SESSION_TICK_S 1.0

/* For the last censuses and heap profiles of all processes: who waits for the report does not wait
 * for ever. */
#define FINISH_NS (10 * NSEC_PER_SEC)

/* With all processes watched, one that has exited is shown for this long and then forgotten. */
#define SESSION_GONE_TICKS 5
#define SESSION_BRIEF_S	   60

/* Between two looks at all processes because names have come. */
#define SESSION_RECONSIDER_NS (5 * NSEC_PER_SEC)

/* With all processes watched, the births and deaths that all of them together may stream. */
#define SESSION_RECORDS_PER_S 4000

/* Go statements of a process that an agent keeps apart; the smallest go into "other". */
#define SESSION_AGENT_SITES 256

/* ... and the ring for them: five seconds' worth.  It counts twice in our own memory. */
#define SESSION_RING_BYTES (1U << 20)

struct session {
	const struct session_opts *opts;
	const char *proc_root;
	struct loop *loop;
	struct probe *probe;
	struct ring *ring;
	struct model *model;
	struct judge *judge;
	uint64_t look_at_ns; /* when it looks again */
	struct watch watch;
	struct spawn spawn;
	struct gap gap; /* between the last two ticks */
	struct record *record; /* NULL: no tape is kept */
	struct replay *replay; /* NULL: this is live */
	struct agent *agent; /* NULL: nobody is served */
	uint32_t ticks_due; /* ticks left out since the last one: a tape has used its allowance */
	bool is_stopped; /* a replay, by session_stop() */
	uint64_t tasks_lost; /* records of exec and exit that the ring had no room for, so far */
	bool is_reconsidering; /* who is watched, when it is time */
	uint64_t reconsidered_ns;
	uint64_t end_ns; /* when counting stopped; 0 while it goes on */
	int status; /* what session_run() returns */
};

/* ---- who is watched ---- */

/* Whether a process that has come to be by exec belongs to this observation. */
static bool is_wanted(const struct session *s, pid_t pid)
{
	switch (s->opts->whom) {
	case SESSION_ALL:
		return pid != getpid() && rules_want(s->opts->filter, &s->watch, pid);
	case SESSION_COMMAND:
		return pid == s->spawn.pid || target_descends(s->proc_root, pid, s->spawn.pid);
	case SESSION_NAMED:
		break;
	}
	return false;
}

/* Of a process that nobody has named: why it is not watched is said of Go programs only. */
static void add_process(struct session *s, pid_t pid)
{
	struct watch_error e = { 0 };
	int err = watch_add(&s->watch, pid, &e);

	if (!err || err == -EEXIST)
		return;
	if (!e.text[0])
		(void)log_err(err, "pid %d", pid);
	else if (e.is_go && !s->opts->quiet && !s->watch.is_rescan)
		log_warn("%s", e.text);
	else
		log_debug("%s", e.text);
}

static void add_all(struct session *s)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;

	if (target_all(s->proc_root, &pids, &n))
		return;
	s->watch.is_scan = true;
	for (size_t i = 0; i < n; i++) {
		if (is_wanted(s, pids[i]))
			add_process(s, pids[i]);
	}
	s->watch.is_scan = false;
	s->watch.is_rescan = false;
}

static int start_command(struct session *s)
{
	char path[TARGET_PATH_MAX];
	struct watch_error e = { 0 };
	int err = spawn_resolve(s->opts->command[0], path, sizeof(path));

	if (err)
		return log_err(err, "%s", s->opts->command[0]);
	err = spawn_start(&s->spawn, path, s->opts->command);
	if (err)
		return log_err(err, "%s: cannot start", path);
	err = watch_prepare(&s->watch, path, s->spawn.pid, &e);
	if (err)
		log_warn("%s", e.text);
	err = spawn_release(&s->spawn);
	if (err)
		return log_err(err, "%s", path);
	return 0;
}

/* ---- what comes in ---- */

/* Another program in the same process: the old one's figures end here. */
static void on_exec(struct session *s, pid_t pid, uint64_t ts_ns)
{
	struct watched *p = watch_find(&s->watch, pid);
	bool was_watched = p != NULL;

	if (p)
		watch_gone(&s->watch, p, ts_ns, -1);
	/* At the end nothing begins, and what was found of the old program is still to be told. */
	if (s->end_ns)
		return;
	if (p)
		watch_remove(&s->watch, p);
	/* Where all are watched, what it is now decides: a container's runtime becomes a program.
	 */
	if (!is_wanted(s, pid) && (!was_watched || s->opts->whom == SESSION_ALL))
		return;
	if (s->opts->whom != SESSION_ALL || !watch_put_off(&s->watch, pid))
		add_process(s, pid);
}

static void add_newcomers(struct session *s)
{
	pid_t pid;

	while ((pid = watch_newcomer(&s->watch, clock_now_ns()))) {
		if (is_wanted(s, pid)) /* still: it may have become another program */
			add_process(s, pid);
	}
}

/*
 * Records of exec or exit were lost: finds what they would have told.  Exits are noticed by the
 * next reading in any case.
 */
static void look_round(struct session *s)
{
	uint64_t lost = probe_tasks_lost(s->probe), now_ns = clock_now_ns();
	struct watched *p, *next;

	if (lost == s->tasks_lost)
		return;
	log_warn("the ring was full: %" PRIu64 " processes came or went unseen; looking for them",
		 lost - s->tasks_lost);
	s->tasks_lost = lost;
	HASH_ITER (hh, s->watch.by_pid, p, next) {
		if (!p->is_gone && !probe_target_is_counted(s->probe, p->pid))
			on_exec(s, p->pid, now_ns);
	}
	s->watch.is_rescan = true;
	if (s->opts->whom != SESSION_NAMED)
		add_all(s);
}

static void on_record(const struct event *ev, const void *raw, size_t size, void *arg)
{
	struct session *s = arg;
	struct watched *p;

	(void)raw; /* for a tape, which is not written here */
	(void)size;
	switch (ev->kind) {
	case WIRE_EXEC:
		on_exec(s, ev->pid, ev->ts_ns);
		break;
	case WIRE_EXIT:
		p = watch_find(&s->watch, ev->pid);
		if (p)
			watch_gone(&s->watch, p, ev->ts_ns, ev->task.exit_code);
		break;
	default:
		model_event(s->model, ev);
	}
}

static int drain(struct session *s)
{
	int n = ring_consume(s->ring);

	if (n < 0)
		log_debug("ring: %s", strerror(-n));
	return n;
}

static void on_ring(void *arg)
{
	(void)drain(arg); /* what is left is taken at the next call */
}

static void on_names(void *arg)
{
	struct session *s = arg;

	/* Who is wanted by the namespace of its pod may not have been known as such. */
	if (watch_names(&s->watch) && s->opts->filter &&
	    filter_asks(s->opts->filter, FILTER_NAMESPACE))
		s->is_reconsidering = true;
}

static void on_poll(void *arg)
{
	struct session *s = arg;

	on_ring(s);
	add_newcomers(s);
	tally_turn(&s->watch, clock_now_ns());
	on_ring(s);
	heapread_turn(&s->watch, clock_now_ns());
}

static void forget_gone(struct session *s)
{
	struct watched *p, *next;

	HASH_ITER (hh, s->watch.by_pid, p, next) {
		/* An agent shows nobody what has just come and gone, and there may be many. */
		bool is_brief = s->agent && p->ticks < SESSION_BRIEF_S;

		if (p->is_gone && p->gone_ticks++ >= (is_brief ? 1 : SESSION_GONE_TICKS))
			watch_remove(&s->watch, p);
	}
}

struct snapshot_observer session_observer(const struct session *s)
{
	if (s->replay)
		return *replay_observer(s->replay);
	return (struct snapshot_observer){
		.refused = s->watch.refused,
		.malformed = ring_malformed(s->ring),
		.tasks_lost = probe_tasks_lost(s->probe),
	};
}

/* What is found now is remembered; between looks nothing is. */
static void look(struct session *s, uint64_t now_ns)
{
	struct snapshot *snap = NULL;
	int err;

	if (now_ns < s->look_at_ns)
		return;
	err = model_snapshot(s->model, now_ns, &snap);
	if (!err) {
		s->look_at_ns = now_ns + judge_interval_ns(snap);
		err = judge_look(s->judge, snap);
	}
	if (err)
		log_debug("verdicts: %s", strerror(-err));
	snapshot_free(snap);
}

static void tick(struct session *s, uint64_t now_ns)
{
	struct snapshot_observer own;

	on_ring(s);
	own = session_observer(s);
	if (s->record)
		record_observer(s->record, &own);
	int err = sample_all(&s->watch, now_ns);

	if (err)
		log_debug("counters: %s", strerror(-err));
	look(s, now_ns);
}

/* What wait(2) says of the command holds, even if its exit was not seen otherwise. */
static bool reap_command(struct session *s)
{
	bool has_ended = spawn_reap(&s->spawn);
	struct watched *p = s->spawn.pid > 0 ? watch_find(&s->watch, s->spawn.pid) : NULL;

	if (has_ended && p)
		watch_gone(&s->watch, p, clock_now_ns(), s->spawn.status);
	return has_ended;
}

static bool is_over(struct session *s)
{
	switch (s->opts->whom) {
	case SESSION_ALL:
		return false;
	case SESSION_COMMAND:
		return reap_command(s) && !watch_alive(&s->watch);
	case SESSION_NAMED:
		break;
	}
	return !watch_alive(&s->watch);
}

/* Series go on behind a gap; what the model takes for a rate must not. */
static void notice_gap(struct session *s, uint64_t now_ns)
{
	char lost[TEXT_HUMAN_MAX];
	double lost_s;

	gap_tick(&s->gap, now_ns, clock_boot_ns(), (uint64_t)(SESSION_TICK_S * NSEC_PER_SEC));
	if (!s->gap.lost_ns)
		return;
	lost_s = (double)s->gap.lost_ns / NSEC_PER_SEC;
	log_warn("nothing was observed for %s: %s", text_duration(lost, lost_s),
		 s->gap.has_slept ? "the machine slept" : "gotide did not run");
	model_gap(s->model, now_ns, lost_s);
}

/* A tape that has used its allowance makes do with fewer; what is streamed is not less for it. */
static bool is_tick_due(struct session *s)
{
	if (!s->record || ++s->ticks_due >= record_stretch(s->record)) {
		s->ticks_due = 0;
		return true;
	}
	sample_refill(&s->watch);
	return false;
}

/* Names of pods come in crowds, and all processes are looked at: not more often than that. */
static void reconsider_if_due(struct session *s, uint64_t now_ns)
{
	if (!s->is_reconsidering || now_ns < s->reconsidered_ns + SESSION_RECONSIDER_NS)
		return;
	s->is_reconsidering = false;
	s->reconsidered_ns = now_ns;
	session_reconsider(s);
}

static void on_tick(void *arg)
{
	struct session *s = arg;
	uint64_t now_ns = clock_now_ns();

	notice_gap(s, now_ns);
	if (is_tick_due(s))
		tick(s, now_ns);
	if (s->record && record_error(s->record)) {
		s->status = record_error(s->record);
		loop_stop(s->loop);
	}
	look_round(s);
	reconsider_if_due(s, now_ns);
	if (s->opts->whom == SESSION_ALL)
		forget_gone(s);
	if (s->agent)
		agent_tick(s->agent);
	if (is_over(s))
		loop_stop(s->loop);
}

static void on_stop(void *arg)
{
	struct session *s = arg;

	loop_stop(s->loop);
}

/* ---- what goes out ---- */

/* What was lost or refused belongs to no process alone: each row tells it. */
static void add_own_account(const struct session *s, struct snapshot *snap)
{
	for (size_t i = 0; i < snap->n; i++)
		snap->processes[i].observer = session_observer(s);
}

static uint64_t session_now(const struct session *s)
{
	if (s->replay)
		return replay_clocks(s->replay).monotonic_ns;
	return s->end_ns ? s->end_ns : clock_now_ns();
}

int session_show(struct session *s,
		 int (*fn)(struct session *s, const struct snapshot *snap, void *arg), void *arg)
{
	struct snapshot *snap = NULL;
	int err = model_snapshot(s->model, session_now(s), &snap);
	if (err)
		return log_err(err, "cannot make a snapshot");
	add_own_account(s, snap);
	err = fn(s, snap, arg);
	snapshot_free(snap);
	return err;
}

static int show(struct session *s, int (*fn)(struct session *, const struct snapshot *, void *))
{
	return fn ? session_show(s, fn, s->opts->arg) : 0;
}

static void on_show(void *arg)
{
	struct session *s = arg;

	s->status = show(s, s->opts->on_sample);
	if (s->status)
		loop_stop(s->loop);
}

static void on_input(void *arg)
{
	struct session *s = arg;

	s->status = s->opts->on_input(s, s->opts->arg);
	if (s->status)
		loop_stop(s->loop);
}

/* ---- start and teardown ---- */

/* For tests: so few that the map of sites is full at once. */
static uint32_t max_sites(void)
{
	const char *text = getenv("GOTIDE_MAX_SITES");
	long long n;

	return text && !text_parse_int(text, 1, 1 << 20, &n) ? (uint32_t)n : 0;
}

static int open_probe(struct session *s)
{
	struct probe_opts opts = {
		.max_sites = max_sites(),
		.ring_bytes = s->opts->whom == SESSION_ALL ? SESSION_RING_BYTES : 0,
		.use_rss = true,
		.use_exec = true,
		.force_single = getenv("GOTIDE_NO_UPROBE_MULTI") != NULL,
	};
	struct probe_error e = { 0 };
	int err = probe_open(&opts, &s->probe, &e);

	if (err)
		return e.text[0] ? log_err(0, "%s", e.text), err : log_err(err, "cannot probe");
	err = ring_open(probe_ring_fd(s->probe), on_record, s, &s->ring);
	return err ? log_err(err, "cannot read the ring buffer") : 0;
}

/*
 * A link for one process alone keeps the probes out of the others that run the same executable;
 * it takes a kernel whose filter sees all threads of the process.
 */
static bool needs_shared_links(const struct session *s, size_t n_named)
{
	const struct probe_features *f = probe_features(s->probe);

	return s->opts->whom != SESSION_NAMED || n_named > 1 || (f->uprobe_multi && !f->multi_pid);
}

static double census_interval(const struct session *s)
{
	double interval_s = s->opts->census_interval_s;

	return interval_s < 0 ? 0 : interval_s > 0 ? interval_s : TALLY_INTERVAL_S;
}

/* Who watches a whole machine is not to take more of it the more processes there are. */
static uint32_t records_per_s(const struct session *s)
{
	return s->opts->whom == SESSION_ALL ? SESSION_RECORDS_PER_S : 0;
}

static int start_watch(struct session *s)
{
	_cleanup_(cleanup_asked) asked_vec asked = { 0 };
	int err = 0;

	if (s->opts->whom == SESSION_NAMED)
		err = asked_match(s->proc_root, s->opts->names, s->opts->n_names, &asked);
	if (err)
		return err;
	err = open_probe(s);
	if (!err)
		err = model_new(&(struct model_opts){ .max_sites = s->opts->agent
									   ? SESSION_AGENT_SITES
									   : 0 },
				&s->model);
	if (!err)
		err = judge_new(&s->judge);
	if (!err && s->opts->tape)
		err = record_open(s->opts->tape, s->proc_root, s->model, &s->record);
	if (!err)
		err = watch_init(&s->watch, &(struct watch_opts){
						    .probe = s->probe,
						    .model = s->model,
						    .proc_root = s->proc_root,
						    .is_shared = needs_shared_links(s, asked.n),
						    .watch_parks = s->opts->watch_parks,
						    .census_interval_s = census_interval(s),
						    .records_per_s = records_per_s(s),
					    });
	if (err)
		return err;
	if (s->opts->whom == SESSION_NAMED)
		return asked_watch(&s->watch, &asked);
	if (s->opts->whom == SESSION_COMMAND)
		return start_command(s);
	add_all(s);
	return 0;
}

static int start_loop(struct session *s)
{
	const struct session_opts *o = s->opts;
	double show_s = o->interval_s > 0 ? o->interval_s : 1;
	int err = loop_add_timer(s->loop, SESSION_TICK_S, true, on_tick, s);

	if (!err)
		err = loop_add_timer(s->loop, SESSION_POLL_S, true, on_poll, s);
	if (!err)
		err = loop_add_fd(s->loop, ring_fd(s->ring), on_ring, s);
	if (!err)
		err = loop_add_fd(s->loop, watch_names_fd(&s->watch), on_names, s);
	if (!err && o->for_s > 0)
		err = loop_add_timer(s->loop, o->for_s, false, on_stop, s);
	if (!err && o->on_sample)
		err = loop_add_timer(s->loop, show_s, true, on_show, s);
	if (!err && o->on_input)
		err = loop_add_fd(s->loop, o->input_fd, on_input, s);
	return err;
}

/* Who was started with nohup(1) outlives its terminal. */
static bool is_hangup_ignored(void)
{
	struct sigaction old;

	return !sigaction(SIGHUP, NULL, &old) && old.sa_handler == SIG_IGN;
}

/* Before anything is attached, so that an early Ctrl-C still ends in order. */
static int catch_signals(struct session *s)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	/* An agent has no terminal: to it the signal means something else. */
	size_t n = ARRAY_SIZE(signals) - (s->opts->agent || is_hangup_ignored());

	for (size_t i = 0; i < n; i++) {
		int err = loop_add_signal(s->loop, signals[i], on_stop, s);

		if (err)
			return err;
	}
	return 0;
}

/* From here on everything counts: who waits for that, waits for this line. */
static void announce(const struct session *s)
{
	size_t n = watch_alive(&s->watch);

	if (s->opts->quiet)
		return;
	if (s->opts->whom == SESSION_COMMAND)
		log_info("watching %s", s->opts->command[0]);
	else
		log_info("watching %zu process%s", n, n == 1 ? "" : "es");
}

/*
 * The last sample, to the instant at which counting stopped, and with the ring drained to its last
 * record: so the books close to the unit.  The probes are taken out afterwards, in teardown, since
 * that takes the kernel tens of milliseconds each.
 */
static void finish(struct session *s)
{
	uint64_t until_ns = clock_now_ns() + FINISH_NS;

	while (s->opts->on_end && clock_now_ns() < until_ns && tally_close(&s->watch))
		on_ring(s);
	while (s->opts->on_end && clock_now_ns() < until_ns && heapread_close(&s->watch))
		on_ring(s);
	watch_stop_all(&s->watch);
	s->end_ns = clock_now_ns();
	while (drain(s) > 0)
		;
	tick(s, s->end_ns);
	(void)reap_command(s); /* for its status, if it has one */
}

static int run(struct session *s)
{
	int err = 0;

	if (s->opts->agent)
		err = agent_open(s, s->loop, s->opts->agent, &s->agent);
	if (!err)
		err = start_watch(s);
	if (err)
		return err;
	announce(s);
	err = start_loop(s);
	if (!err && s->agent)
		agent_ready(s->agent, s->probe);
	if (!err)
		err = loop_run(s->loop);
	if (err)
		return log_err(err, "event loop");
	if (s->status)
		return s->status;
	if (s->agent)
		agent_stopping(s->agent);
	finish(s);
	return show(s, s->opts->on_end);
}

/* Probes go first: nothing may be left in a target while the rest is put away. */
static void teardown(struct session *s)
{
	agent_close(s->agent);
	if (s->watch.cache)
		watch_release(&s->watch);
	spawn_end(&s->spawn);
	ring_close(s->ring);
	probe_close(s->probe);
	judge_free(s->judge);
	model_free(s->model);
	loop_free(s->loop);
}

int session_run(const struct session_opts *opts)
{
	struct session s = {
		.opts = opts,
		.proc_root = opts->proc_root ? opts->proc_root : "/proc",
	};
	int err;

	spawn_init(&s.spawn);
	err = loop_new(&s.loop);
	if (!err)
		err = catch_signals(&s);
	err = err ? log_err(err, "cannot make an event loop") : run(&s);
	int tape_err = record_close(s.record);

	teardown(&s);
	return err ? err : tape_err;
}

/* ---- from a tape ---- */

static void on_played_tick(void *arg, uint64_t now_ns)
{
	look(arg, now_ns);
}

static int on_played_show(void *arg)
{
	struct session *s = arg;

	return show(s, s->opts->on_sample);
}

static int on_played_input(void *arg)
{
	struct session *s = arg;

	return s->opts->on_input ? s->opts->on_input(s, s->opts->arg) : 0;
}

static int play(struct session *s, const char *path)
{
	int err = replay_open(path, s->model, &s->replay);

	if (err)
		return playback_refuse(path, err);
	err = playback_run(s->replay, &(struct playback){
					      .path = path,
					      .interval_s = s->opts->interval_s,
					      .speed = s->opts->speed,
					      .input_fd = s->opts->input_fd,
					      .on_tick = on_played_tick,
					      .on_show = on_played_show,
					      .on_input = on_played_input,
					      .arg = s,
					      .is_stopped = &s->is_stopped,
				      });
	return err ? err : show(s, s->opts->on_end);
}

int session_replay(const char *path, const struct session_opts *opts)
{
	struct session s = { .opts = opts };
	int err = model_new(&(struct model_opts){ 0 }, &s.model);

	if (!err)
		err = judge_new(&s.judge);
	spawn_init(&s.spawn);
	err = err ? log_err(err, "cannot replay") : play(&s, path);
	judge_free(s.judge);
	model_free(s.model);
	replay_free(s.replay);
	return err;
}

const struct judge *session_judge(const struct session *s)
{
	return s->judge;
}

void session_reconsider(struct session *s)
{
	struct watched *p, *next;

	HASH_ITER (hh, s->watch.by_pid, p, next) {
		if (!p->is_gone && !is_wanted(s, p->pid))
			watch_remove(&s->watch, p);
	}
	s->watch.is_rescan = true;
	add_all(s);
}

const struct target *session_target(const struct session *s, pid_t pid)
{
	const struct watched *p = watch_find(&s->watch, pid);

	return p && !p->is_gone ? &p->target : NULL;
}

struct agent_traffic session_traffic(const struct session *s)
{
	return s->watch.traffic;
}

const struct agent_count *session_refusals(const struct session *s, size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(s->watch.refusals);
	return s->watch.refusals;
}

void session_stop(struct session *s)
{
	s->is_stopped = true;
	if (s->loop)
		loop_stop(s->loop);
}

int64_t session_wall_s(const struct session *s)
{
	return s->replay ? replay_clocks(s->replay).wall_ns / (int64_t)NSEC_PER_SEC : time(NULL);
}

int session_command_status(const struct session *s)
{
	return s->spawn.status;
}
