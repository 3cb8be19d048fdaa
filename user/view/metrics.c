/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/vec.h"
#include "gobin/code.h"

#define CONTAINER_DIGITS 12 /* of an id, as container runtimes show it */
#define SOURCE_MAX	 300
#define OTHER		 "other"

/* Series of one family or two, by their own labels: no two have the same. */
struct row {
	char *labels;
	double value, second;
};

struct rows {
	struct row *items;
	size_t n, cap;
};

/* A process, with what several families say of it. */
struct target {
	const struct snapshot_process *p;
	const struct verdict *v;
	char *labels; /* that all its series have */
	struct rows sites; /* population, survivors */
};

struct writer {
	struct exposition out;
	const struct agent_account *account;
	const struct family *family;
	int err; /* the first */
};

enum scope {
	AGENT = 0,
	PROCESS,
	COMPAT, /* of a process, if asked for */
};

struct family {
	struct exposition_family head;
	enum scope scope;
	void (*write)(struct writer *w, const struct target *t); /* t is NULL for AGENT */
	size_t field; /* offset of what it shows, in what its scope is about */
};

/* ---- rows ---- */

static void rows_release(struct rows *r)
{
	vec_for_each (r, it)
		free(it->labels);
	vec_release(r);
}

static struct row *rows_find(const struct rows *r, const char *labels)
{
	vec_for_each (r, it)
		if (!strcmp(it->labels, labels))
			return it;
	return NULL;
}

/* The row of these labels, made with zeroes if there is none; NULL: no memory. */
static struct row *rows_get(struct rows *r, const char *labels)
{
	struct row *found = rows_find(r, labels);

	if (found)
		return found;
	_cleanup_free_ char *copy = strdup(labels);

	if (!copy || vec_push(r, ((struct row){ 0 })))
		return NULL;
	r->items[r->n - 1].labels = TAKE_PTR(copy);
	return &r->items[r->n - 1];
}

static void fail(struct writer *w, int err)
{
	if (!w->err)
		w->err = err;
}

static void rows_add(struct writer *w, struct rows *r, const char *labels, double value)
{
	struct row *it = rows_get(r, labels);

	if (it)
		it->value += value;
	else
		fail(w, -ENOMEM);
}

/* Writes and releases them. */
static void rows_write(struct writer *w, const struct target *t, struct rows *r)
{
	vec_for_each (r, it)
		exposition_sample(&w->out, "", t ? t->labels : "", it->labels, it->value);
	rows_release(r);
}

/* ---- labels ---- */

static const char *one_label(struct exposition_labels *l, const char *name, const char *value)
{
	l->len = 0;
	exposition_label(l, name, value);
	return l->text;
}

/* Adds the function, and the file's own name with the line. */
static void add_place(struct exposition_labels *l, const char *function, const char *file,
		      uint32_t line)
{
	char source[SOURCE_MAX] = "";

	/* Without its folders, which say where it was built, it fits. */
	if (file && *file)
		snprintf(source, sizeof(source), "%.*s:%" PRIu32, SOURCE_MAX - 16,
			 text_base_name(file), line);
	exposition_label(l, "function", function);
	exposition_label(l, "source", source);
}

static char *process_labels(const struct snapshot_process *p)
{
	struct exposition_labels l = { 0 };
	char text[CONTAINER_DIGITS + 1] = "";

	snprintf(text, sizeof(text), "%d", p->pid);
	exposition_label(&l, "pid", text);
	exposition_label(&l, "comm", p->comm);
	snprintf(text, sizeof(text), "%s", p->container ? p->container : "");
	exposition_label(&l, "container", p->container_name ? p->container_name : text);
	exposition_label(&l, "pod", p->pod);
	exposition_label(&l, "namespace", p->pod_namespace);
	return strdup(l.text);
}

/* ---- figures that stand in the picture as they are shown ---- */

static void show(struct writer *w, const struct target *t, const char *extra, double value)
{
	exposition_sample(&w->out, "", t ? t->labels : "", extra, value);
}

/* -1: not known. */
static void show_known(struct writer *w, const struct target *t, const char *extra, int64_t n)
{
	if (n >= 0)
		exposition_count(&w->out, t ? t->labels : "", extra, (uint64_t)n);
}

static const void *field_of(const struct writer *w, const struct target *t)
{
	const char *base = t ? (const char *)t->p : (const char *)w->account;

	return base + w->family->field;
}

static void number(struct writer *w, const struct target *t)
{
	show_known(w, t, "", *(const int64_t *)field_of(w, t));
}

static void seconds(struct writer *w, const struct target *t)
{
	double s = *(const double *)field_of(w, t);

	if (s >= 0)
		show(w, t, "", s);
}

static void seconds_of_ns(struct writer *w, const struct target *t)
{
	int64_t ns = *(const int64_t *)field_of(w, t);

	if (ns >= 0)
		show(w, t, "", (double)ns / NSEC_PER_SEC);
}

/* ---- of a process ---- */

static void process_info(struct writer *w, const struct target *t)
{
	struct exposition_labels l = { 0 };

	exposition_label(&l, "exe", t->p->exe);
	exposition_label(&l, "go_version", t->p->go_version);
	exposition_label(&l, "container_id", t->p->container);
	exposition_label(&l, "stripped", t->p->is_stripped ? "true" : "false");
	show_known(w, t, l.text, 1);
}

/* Of a hook that is not attached nothing is counted. */
static void hooked(struct writer *w, const struct target *t, enum wire_hook h, uint64_t n)
{
	if (t->p->hooks_on & 1U << h)
		exposition_count(&w->out, t->labels, "", n);
}

static void started(struct writer *w, const struct target *t)
{
	hooked(w, t, WIRE_HOOK_BIRTH, t->p->born);
}

static void exited(struct writer *w, const struct target *t)
{
	hooked(w, t, WIRE_HOOK_DEATH, t->p->died);
}

/* Most waiting come first; beyond the limit they are one. */
static void waiting(struct writer *w, const struct target *t)
{
	struct exposition_labels l;
	struct rows rows = { 0 };
	size_t known = 0;

	for (size_t i = 0; i < t->p->n_reasons; i++) {
		const struct snapshot_reason *r = &t->p->reasons[i];

		if (r->waiting < 0 || r->is_system)
			continue;
		rows_add(w, &rows,
			 one_label(&l, "reason", known++ < METRICS_REASONS_MAX ? r->name : OTHER),
			 (double)(r->waiting - r->waiting_system));
	}
	rows_write(w, t, &rows);
}

static void rss(struct writer *w, const struct target *t)
{
	static const char *const kinds[WIRE_RSS_MAX] = {
		[WIRE_RSS_ANON] = "anon",
		[WIRE_RSS_FILE] = "file",
		[WIRE_RSS_SHMEM] = "shmem",
		[WIRE_RSS_SWAP] = "swap",
	};
	struct exposition_labels l;

	for (int i = 0; i < WIRE_RSS_MAX; i++)
		show_known(w, t, one_label(&l, "kind", kinds[i]), t->p->rss_bytes[i]);
}

static void open_fds(struct writer *w, const struct target *t)
{
	const struct snapshot_process *p = t->p;
	struct exposition_labels l;

	if (p->fds < 0)
		return;
	show_known(w, t, one_label(&l, "kind", "socket"), p->sockets);
	show_known(w, t, one_label(&l, "kind", "pipe"), p->pipes);
	show_known(w, t, one_label(&l, "kind", "file"), p->files);
	if (p->sockets >= 0 && p->pipes >= 0 && p->files >= 0)
		show_known(w, t, one_label(&l, "kind", OTHER),
			   p->fds - p->sockets - p->pipes - p->files);
}

static void timers(struct writer *w, const struct target *t)
{
	if (t->p->timers)
		show_known(w, t, "", (int64_t)t->p->timers->total);
}

static void site_goroutines(struct writer *w, const struct target *t)
{
	vec_for_each (&t->sites, it)
		show(w, t, it->labels, it->value);
}

static void site_survivors(struct writer *w, const struct target *t)
{
	vec_for_each (&t->sites, it)
		show(w, t, it->labels, it->second);
}

static void verdict(struct writer *w, const struct target *t)
{
	struct exposition_labels l;

	show_known(w, t, one_label(&l, "verdict", verdict_kind_str(t->v->kind)), 1);
}

/* Neither waiting for a second look nor over: as in the verdict. */
static bool stands(const struct finding *f)
{
	return f->state == FINDING_FLAGGED || f->state == FINDING_PAUSED;
}

static void finding_labels(struct exposition_labels *l, const struct finding *f)
{
	const struct snapshot_frame *alloc =
		f->n_allocs && f->allocs[0].stack_depth ? f->allocs[0].stack : NULL;

	one_label(l, "kind", verdict_kind_str(f->kind));
	if (f->site)
		add_place(l, f->site->function, f->site->file, f->site->line);
	else if (alloc)
		add_place(l, alloc->function, alloc->file, alloc->line);
	else
		add_place(l, "", "", 0);
}

static void findings(struct writer *w, const struct target *t)
{
	struct exposition_labels l;
	struct rows rows = { 0 };

	for (size_t i = 0; i < t->v->n_findings; i++) {
		const struct finding *f = &t->v->findings[i];

		if (!stands(f) || !isfinite(f->confidence))
			continue;
		finding_labels(&l, f);
		struct row *it = rows_get(&rows, l.text);

		if (it)
			it->value = fmax(it->value, f->confidence);
		else
			fail(w, -ENOMEM);
	}
	rows_write(w, t, &rows);
}

static void oom_seconds(struct writer *w, const struct target *t)
{
	double left = INFINITY;

	for (size_t i = 0; i < t->v->n_findings; i++)
		if (t->v->findings[i].kind == VERDICT_OOM_RISK && stands(&t->v->findings[i]))
			left = fmin(left, t->v->findings[i].left_s);
	show(w, t, "", left);
}

static void hook_hits(struct writer *w, const struct target *t)
{
	struct exposition_labels l;

	for (unsigned int h = 0; h < WIRE_HOOK_BOOKED; h++)
		if (t->p->hooks_on & 1U << h)
			exposition_count(&w->out, t->labels,
					 one_label(&l, "hook", code_hook_name(h)),
					 t->p->hook_hits[h]);
}

static void outcomes(struct writer *w, const struct target *t, const struct agent_events *e)
{
	const struct {
		const char *name;
		uint64_t n;
	} all[] = {
		{ "received", e->received },
		{ "sampled", e->sampled },
		{ "lost", e->lost },
		{ "bad", e->bad },
	};
	struct exposition_labels l;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		exposition_count(&w->out, t ? t->labels : "", one_label(&l, "outcome", all[i].name),
				 all[i].n);
}

static void events(struct writer *w, const struct target *t)
{
	struct agent_events e = { 0 };

	agent_events_add(&e, t->p);
	outcomes(w, t, &e);
}

/* ---- of a process, as its own client library would show it ---- */

static void go_info(struct writer *w, const struct target *t)
{
	struct exposition_labels l;

	if (t->p->go_version && *t->p->go_version)
		show_known(w, t, one_label(&l, "version", t->p->go_version), 1);
}

static void heap_sys(struct writer *w, const struct target *t)
{
	const struct snapshot_process *p = t->p;

	if (p->heap_inuse_bytes >= 0 && p->heap_idle_bytes >= 0)
		show_known(w, t, "", p->heap_inuse_bytes + p->heap_idle_bytes);
}

/* The longest pause is of the latest 256 collections, as debug.GCStats has it. */
static void gc_durations(struct writer *w, const struct target *t)
{
	const struct snapshot_process *p = t->p;
	bool is_text = w->out.format == EXPOSITION_TEXT;

	if (p->gc_cycles < 0 || p->gc_pause_total_ns < 0)
		return;
	if (p->gc_pause_max_ns >= 0)
		exposition_sample(&w->out, "", t->labels,
				  is_text ? "quantile=\"1\"" : "quantile=\"1.0\"",
				  (double)p->gc_pause_max_ns / NSEC_PER_SEC);
	exposition_sample(&w->out, "_sum", t->labels, "",
			  (double)p->gc_pause_total_ns / NSEC_PER_SEC);
	exposition_sample(&w->out, "_count", t->labels, "", (double)p->gc_cycles);
}

/* By the agent's clocks, read once, so that it does not change from one scrape to the next. */
static void start_time(struct writer *w, const struct target *t)
{
	const struct agent_account *a = w->account;
	double since_s = (double)(int64_t)(t->p->start_ns - a->start_ns) / NSEC_PER_SEC;

	if (t->p->age_s >= 0 && a->start_time_s >= 0)
		show(w, t, "", round(100 * (a->start_time_s + since_s - t->p->age_s)) / 100);
}

/* VmRSS is the sum of the three. */
static void resident(struct writer *w, const struct target *t)
{
	const int64_t *b = t->p->rss_bytes;

	if (b[WIRE_RSS_ANON] >= 0 && b[WIRE_RSS_FILE] >= 0 && b[WIRE_RSS_SHMEM] >= 0)
		show_known(w, t, "", b[WIRE_RSS_ANON] + b[WIRE_RSS_FILE] + b[WIRE_RSS_SHMEM]);
}

/* ---- of the agent ---- */

static void build_info(struct writer *w, const struct target *t)
{
	struct exposition_labels l = { 0 };

	exposition_label(&l, "version", w->account->version);
	exposition_label(&l, "kernel", w->account->kernel);
	show_known(w, t, l.text, 1);
}

static void counts(struct writer *w, const char *label, const struct agent_count *c, size_t n)
{
	struct exposition_labels l;
	struct rows rows = { 0 };

	for (size_t i = 0; i < n; i++)
		rows_add(w, &rows, one_label(&l, label, c[i].name), (double)c[i].n);
	rows_write(w, NULL, &rows);
}

static void refused(struct writer *w, const struct target *t _unused_)
{
	counts(w, "reason", w->account->refused, w->account->n_refused);
}

static void requests(struct writer *w, const struct target *t _unused_)
{
	counts(w, "code", w->account->requests, w->account->n_requests);
}

static void agent_events(struct writer *w, const struct target *t)
{
	outcomes(w, t, &w->account->events);
}

/* ---- the families ---- */

#define FIELD(name) offsetof(struct snapshot_process, name)
#define OWN(name)   offsetof(struct agent_account, name)

#define ANY_FAMILY(is_clashing, scope, name, type, write, field, help)              \
	{                                                                           \
		{ name, help, EXPOSITION_##type, is_clashing }, scope, write, field \
	}
#define FAMILY(...)	     ANY_FAMILY(false, __VA_ARGS__)
#define FAMILY_CLASHING(...) ANY_FAMILY(true, __VA_ARGS__)

/* Its order is that of the text. */
static const struct family families[] = {
	FAMILY(AGENT, "gotide_build_info", INFO, build_info, 0,
	       "The agent's version, and the kernel it runs on."),
	FAMILY(AGENT, "gotide_agent_processes", GAUGE, number, OWN(processes),
	       "Go processes that are watched."),
	FAMILY(AGENT, "gotide_agent_processes_begun_total", COUNTER, number, OWN(traffic.begun),
	       "Go processes that came under observation."),
	FAMILY(AGENT, "gotide_agent_processes_ended_total", COUNTER, number, OWN(traffic.ended),
	       "Go processes that ended, or became another program, while they were watched."),
	FAMILY(AGENT, "gotide_agent_unseen_total", COUNTER, number, OWN(traffic.unseen),
	       "Programs, Go or not, that ended before they could be looked at."),
	FAMILY(AGENT, "gotide_agent_refused_total", COUNTER, refused, 0,
	       "Go processes that could not be watched."),
	FAMILY(AGENT, "gotide_agent_records_malformed_total", COUNTER, number, OWN(malformed),
	       "Records of the kernel that made no sense."),
	FAMILY(AGENT, "gotide_agent_tasks_lost_total", COUNTER, number, OWN(tasks_lost),
	       "Records of exec, exit and OOM kills that were lost: the ring was full."),
	FAMILY(AGENT, "gotide_agent_events_total", COUNTER, agent_events, 0,
	       "Events of all processes so far, by what became of their records."),
	FAMILY(AGENT, "gotide_agent_probe_hits_total", COUNTER, number, OWN(events.hits),
	       "Hits of probes in all processes so far."),
	FAMILY(AGENT, "gotide_agent_http_requests_total", COUNTER, requests, 0,
	       "HTTP requests answered."),
	FAMILY(AGENT, "gotide_agent_cpu_seconds_total", COUNTER, seconds, OWN(cpu_s),
	       "CPU time of the agent, user and system."),
	FAMILY(AGENT, "gotide_agent_resident_memory_bytes", GAUGE, number, OWN(rss_bytes),
	       "Resident memory of the agent."),
	FAMILY(AGENT, "gotide_agent_open_fds", GAUGE, number, OWN(fds),
	       "Open file descriptors of the agent."),
	FAMILY(AGENT, "gotide_agent_start_time_seconds", GAUGE, seconds, OWN(start_time_s),
	       "When the agent started, in Unix time."),

	FAMILY(PROCESS, "gotide_process_info", INFO, process_info, 0, "What the process is."),
	FAMILY(PROCESS, "gotide_verdict", GAUGE, verdict, 0,
	       "1 for what the process is said to suffer from."),
	FAMILY(PROCESS, "gotide_finding", GAUGE, findings, 0,
	       "What was found: how sure it is, from 0 to 1."),
	FAMILY(PROCESS, "gotide_oom_seconds", GAUGE, oom_seconds, 0,
	       "Time until the memory limit is reached at this pace."),
	FAMILY(PROCESS, "gotide_goroutines", GAUGE, number, FIELD(live),
	       "Goroutines, without the runtime's own."),
	FAMILY(PROCESS, "gotide_goroutines_started_total", COUNTER, started, 0,
	       "Goroutines started while watched."),
	FAMILY(PROCESS, "gotide_goroutines_exited_total", COUNTER, exited, 0,
	       "Goroutines ended while watched."),
	FAMILY(PROCESS, "gotide_goroutines_waiting", GAUGE, waiting, 0,
	       "Goroutines that wait, by what for, without the runtime's own."),
	FAMILY(PROCESS, "gotide_site_goroutines", GAUGE, site_goroutines, 0,
	       "Goroutines that a go statement started and are there."),
	FAMILY(PROCESS, "gotide_site_survivors", GAUGE, site_survivors, 0,
	       "Goroutines of a go statement that have outlived by far those that ended."),
	FAMILY(PROCESS, "gotide_heap_live_bytes", GAUGE, number, FIELD(heap_live_bytes),
	       "Heap that the last garbage collection found live."),
	FAMILY(PROCESS, "gotide_heap_inuse_bytes", GAUGE, number, FIELD(heap_inuse_bytes),
	       "Heap spans in use."),
	FAMILY(PROCESS, "gotide_heap_idle_bytes", GAUGE, number, FIELD(heap_idle_bytes),
	       "Heap spans not in use, released or not."),
	FAMILY(PROCESS, "gotide_heap_released_bytes", GAUGE, number, FIELD(heap_released_bytes),
	       "Heap given back to the system."),
	FAMILY(PROCESS, "gotide_heap_goal_bytes", GAUGE, number, FIELD(heap_goal_bytes),
	       "Heap at which the next garbage collection is due."),
	FAMILY(PROCESS, "gotide_heap_objects", GAUGE, number, FIELD(heap_objects),
	       "Objects in the heap."),
	FAMILY(PROCESS, "gotide_heap_allocated_bytes_total", COUNTER, number,
	       FIELD(total_alloc_bytes), "Bytes allocated since the process started."),
	FAMILY(PROCESS, "gotide_stacks_inuse_bytes", GAUGE, number, FIELD(stacks_bytes),
	       "Stacks of goroutines."),
	FAMILY(PROCESS, "gotide_gc_cycles_total", COUNTER, number, FIELD(gc_cycles),
	       "Garbage collections since the process started."),
	FAMILY(PROCESS, "gotide_gc_pause_seconds_total", COUNTER, seconds_of_ns,
	       FIELD(gc_pause_total_ns),
	       "Time in which garbage collections stopped the process, since it started."),
	FAMILY(PROCESS, "gotide_rss_bytes", GAUGE, rss, 0,
	       "Resident memory, and what is swapped out."),
	FAMILY(PROCESS, "gotide_off_heap_bytes", GAUGE, number, FIELD(off_heap_bytes),
	       "Anonymous memory outside the Go runtime."),
	FAMILY(PROCESS, "gotide_open_fds", GAUGE, open_fds, 0, "Open file descriptors."),
	FAMILY(PROCESS, "gotide_timers", GAUGE, timers, 0, "Timers that are set."),
	FAMILY(PROCESS, "gotide_memory_limit_bytes", GAUGE, number, FIELD(limit_bytes),
	       "Memory limit of the process's control group."),
	FAMILY(PROCESS, "gotide_cgroup_memory_bytes", GAUGE, number, FIELD(cgroup_current_bytes),
	       "Memory that the control group is charged for."),
	FAMILY(PROCESS, "gotide_pod_memory_limit_bytes", GAUGE, number, FIELD(pod_limit_bytes),
	       "Memory limit of the pod's control group."),
	FAMILY(PROCESS, "gotide_pod_memory_bytes", GAUGE, number, FIELD(pod_current_bytes),
	       "Memory that the pod's control group is charged for."),
	FAMILY(PROCESS, "gotide_probe_hits_total", COUNTER, hook_hits, 0,
	       "Hits of probes in the process."),
	FAMILY(PROCESS, "gotide_probe_cost_seconds_total", COUNTER, seconds, FIELD(cost_s),
	       "CPU time that probes took from the process, estimated."),
	FAMILY(PROCESS, "gotide_events_total", COUNTER, events, 0,
	       "Events of the process, by what became of their records."),

	FAMILY(COMPAT, "go_info", INFO, go_info, 0, "Version of Go."),
	FAMILY(COMPAT, "go_goroutines", GAUGE, number, FIELD(live),
	       "Goroutines, without the runtime's own."),
	FAMILY(COMPAT, "go_gc_duration_seconds", SUMMARY, gc_durations, 0,
	       "Pauses of garbage collections."),
	FAMILY(COMPAT, "go_gc_gogc_percent", GAUGE, number, FIELD(gc_percent), "GOGC in force."),
	FAMILY(COMPAT, "go_gc_gomemlimit_bytes", GAUGE, number, FIELD(memory_limit_bytes),
	       "GOMEMLIMIT in force."),
	FAMILY(COMPAT, "go_threads", GAUGE, number, FIELD(threads), "Threads of the process."),
	FAMILY(COMPAT, "go_memstats_alloc_bytes", GAUGE, number, FIELD(heap_alloc_bytes),
	       "MemStats.Alloc, with open spans counted whole."),
	FAMILY_CLASHING(COMPAT, "go_memstats_alloc_bytes_total", COUNTER, number,
			FIELD(total_alloc_bytes), "MemStats.TotalAlloc."),
	FAMILY(COMPAT, "go_memstats_sys_bytes", GAUGE, number, FIELD(sys_bytes), "MemStats.Sys."),
	FAMILY(COMPAT, "go_memstats_heap_alloc_bytes", GAUGE, number, FIELD(heap_alloc_bytes),
	       "MemStats.HeapAlloc, with open spans counted whole."),
	FAMILY(COMPAT, "go_memstats_heap_inuse_bytes", GAUGE, number, FIELD(heap_inuse_bytes),
	       "MemStats.HeapInuse."),
	FAMILY(COMPAT, "go_memstats_heap_idle_bytes", GAUGE, number, FIELD(heap_idle_bytes),
	       "MemStats.HeapIdle."),
	FAMILY(COMPAT, "go_memstats_heap_released_bytes", GAUGE, number, FIELD(heap_released_bytes),
	       "MemStats.HeapReleased."),
	FAMILY(COMPAT, "go_memstats_heap_sys_bytes", GAUGE, heap_sys, 0, "MemStats.HeapSys."),
	FAMILY(COMPAT, "go_memstats_heap_objects", GAUGE, number, FIELD(heap_objects),
	       "MemStats.HeapObjects."),
	FAMILY(COMPAT, "go_memstats_next_gc_bytes", GAUGE, number, FIELD(heap_goal_bytes),
	       "MemStats.NextGC."),
	FAMILY(COMPAT, "go_memstats_last_gc_time_seconds", GAUGE, seconds_of_ns,
	       FIELD(gc_last_unix_ns), "MemStats.LastGC, in Unix time."),
	FAMILY(COMPAT, "go_memstats_stack_inuse_bytes", GAUGE, number, FIELD(stacks_bytes),
	       "MemStats.StackInuse."),
	FAMILY(COMPAT, "process_cpu_seconds_total", COUNTER, seconds, FIELD(cpu_s),
	       "CPU time of the process, user and system."),
	FAMILY(COMPAT, "process_start_time_seconds", GAUGE, start_time, 0,
	       "When the process started, in Unix time."),
	FAMILY(COMPAT, "process_resident_memory_bytes", GAUGE, resident, 0, "Resident memory."),
	FAMILY(COMPAT, "process_open_fds", GAUGE, number, FIELD(fds), "Open file descriptors."),
};

const struct exposition_family *metrics_family(size_t i, bool *ret_is_compat)
{
	if (i >= ARRAY_SIZE(families))
		return NULL;
	*ret_is_compat = families[i].scope == COMPAT;
	return &families[i].head;
}

/* ---- which go statements ---- */

struct pick {
	const struct snapshot_site *site;
	int64_t live, survivors;
};

struct picks {
	struct pick items[METRICS_SITES_MAX + VERDICT_FINDINGS_MAX];
	size_t n;
};

static struct pick *picked(struct picks *all, const struct snapshot_site *s)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct snapshot_site *o = all->items[i].site;

		if (o->line == s->line && !strcmp(o->function, s->function) &&
		    !strcmp(text_base_name(o->file), text_base_name(s->file)))
			return &all->items[i];
	}
	return NULL;
}

/* Those that are said to leak, then the largest; others with the same name and place are added. */
static void pick_sites(const struct target *t, unsigned int max, struct picks *all)
{
	if (t->p->live < 0)
		return; /* before the first census no population is known */
	for (size_t i = 0; i < t->v->n_findings; i++) {
		const struct finding *f = &t->v->findings[i];

		if (stands(f) && f->site && !picked(all, f->site))
			all->items[all->n++] = (struct pick){ .site = f->site };
	}
	for (size_t i = 0; i < t->p->n_sites; i++) {
		const struct snapshot_site *s = &t->p->sites[i];

		if (s->is_system || s->live <= 0)
			continue;
		struct pick *it = picked(all, s);

		if (!it && all->n < max) {
			it = &all->items[all->n++];
			*it = (struct pick){ .site = s };
		}
		if (it) {
			it->live += s->live;
			it->survivors += MAX(s->survivors, 0);
		}
	}
}

static void add_sites(struct writer *w, struct target *t, unsigned int max)
{
	struct picks all = { 0 };

	pick_sites(t, MIN(max, (unsigned int)METRICS_SITES_MAX), &all);
	for (size_t i = 0; i < all.n; i++) {
		const struct snapshot_site *s = all.items[i].site;
		struct exposition_labels l = { 0 };

		add_place(&l, s->function, s->file, s->line);
		/* Hostile names that differ may read the same. */
		struct row *it = rows_get(&t->sites, l.text);

		if (!it) {
			fail(w, -ENOMEM);
			return;
		}
		it->value += (double)all.items[i].live;
		it->second += (double)all.items[i].survivors;
	}
}

/* ---- writing ---- */

static void target_release(struct target *t)
{
	free(t->labels);
	rows_release(&t->sites);
}

static void write_family(struct writer *w, const struct family *f, const struct target *targets,
			 size_t n)
{
	w->family = f;
	exposition_begin(&w->out, &f->head);
	if (f->scope == AGENT) {
		f->write(w, NULL);
		return;
	}
	for (size_t i = 0; i < n; i++)
		f->write(w, &targets[i]);
}

static void write_all(struct writer *w, const struct target *targets, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(families) && !w->err; i++)
		if (families[i].scope != COMPAT || w->account->is_compat)
			write_family(w, &families[i], targets, n);
	int err = exposition_end(&w->out);

	if (err)
		fail(w, err);
}

int metrics_write(FILE *f, const struct metrics_opts *o, const struct agent_account *a,
		  const struct metrics_process *list, size_t n)
{
	struct writer w = { .out = { .f = f, .format = o->format }, .account = a };
	_cleanup_free_ struct target *targets = calloc(n ? n : 1, sizeof(*targets));
	size_t used = 0;

	if (!targets)
		return -ENOMEM;
	for (size_t i = 0; i < n && !w.err; i++) {
		struct target *t = &targets[used];

		if (list[i].p->has_exited)
			continue;
		*t = (struct target){ list[i].p, list[i].v, process_labels(list[i].p), { 0 } };
		used++;
		if (t->labels)
			add_sites(&w, t, o->sites);
		else
			fail(&w, -ENOMEM);
	}
	if (!w.err)
		write_all(&w, targets, used);
	for (size_t i = 0; i < used; i++)
		target_release(&targets[i]);
	return w.err;
}
