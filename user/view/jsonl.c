/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/jsonl.h"

#include <math.h>
#include <string.h>

#include "gobin/code.h"
#include "view/symbols.h"
#include "view/view.h"

struct json_object *jsonl_text(const char *s)
{
	char buf[VIEW_NAME_MAX];

	return s ? json_object_new_string(view_name(buf, s)) : NULL;
}

struct json_object *jsonl_name(const char *s)
{
	return s && *s ? jsonl_text(s) : NULL;
}

/* "60.0", "0.99", "1234.567": shortest of three decimals, never an exponent. */
struct json_object *jsonl_number(double d)
{
	char buf[400];

	if (!isfinite(d))
		return NULL;
	int n = snprintf(buf, sizeof(buf), "%.3f", d);

	while (n > 2 && buf[n - 1] == '0' && buf[n - 2] != '.')
		buf[--n] = '\0';
	return json_object_new_double_s(d, buf);
}

struct json_object *jsonl_known(int64_t n)
{
	return n < 0 ? NULL : json_object_new_int64(n);
}

struct json_object *jsonl_count(uint64_t n)
{
	return json_object_new_uint64(n);
}

struct json_object *jsonl_flag(bool b)
{
	return json_object_new_boolean(b);
}

void jsonl_add(struct json_object *o, const char *key, struct json_object *value)
{
	/* Fails only when memory is out: the key is then missing. */
	(void)json_object_object_add(o, key, value);
}

struct json_object *jsonl_frame(const struct symbol_frame *f)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "function", jsonl_text(f->function));
	jsonl_add(o, "file", jsonl_name(f->file));
	jsonl_add(o, "line", f->line ? json_object_new_int64(f->line) : NULL);
	jsonl_add(o, "inlined", jsonl_flag(f->is_inlined));
	return o;
}

static struct json_object *site_place(const struct snapshot_site *s)
{
	if (!s)
		return NULL;
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "function", jsonl_name(s->function));
	jsonl_add(o, "file", jsonl_name(s->file));
	jsonl_add(o, "line", json_object_new_int64(s->line));
	jsonl_add(o, "start_function", jsonl_name(s->start_function));
	return o;
}

static struct json_object *stack_of(const struct snapshot_frame *stack, size_t depth)
{
	if (!depth)
		return NULL;
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < depth; i++)
		json_object_array_add(a, jsonl_text(stack[i].function));
	return a;
}

static struct json_object *evidence_of(const struct finding *f)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < f->n_evidence; i++)
		json_object_array_add(a, jsonl_text(f->evidence[i]));
	return a;
}

static struct json_object *alloc_of(const struct snapshot_alloc *a)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "function", jsonl_text(a->stack[0].function));
	jsonl_add(o, "file", jsonl_name(a->stack[0].file));
	jsonl_add(o, "line", json_object_new_int64(a->stack[0].line));
	jsonl_add(o, "first_bytes", json_object_new_int64(a->first_bytes));
	jsonl_add(o, "last_bytes", json_object_new_int64(a->bytes));
	jsonl_add(o, "objects", json_object_new_int64(a->objects));
	jsonl_add(o, "stack", stack_of(a->stack, a->stack_depth));
	return o;
}

static struct json_object *allocs_of(const struct finding *f)
{
	if (!f->n_allocs)
		return NULL;
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < f->n_allocs; i++)
		json_object_array_add(a, alloc_of(&f->allocs[i]));
	return a;
}

/* A time that may be for ever, or mean nothing: then null. */
static struct json_object *left_of(const struct finding *f, double seconds)
{
	return f->kind == VERDICT_OOM_RISK && isfinite(seconds) ? jsonl_number(seconds) : NULL;
}

static struct json_object *finding_of(const struct finding *f)
{
	struct json_object *o = json_object_new_object();
	bool is_goroutine = f->kind == VERDICT_GOROUTINE_LEAK;
	static const char *const units[] = {
		[VERDICT_GOROUTINES] = "goroutines",
		[VERDICT_BYTES] = "bytes",
		[VERDICT_FILES] = "files",
	};

	jsonl_add(o, "kind", jsonl_text(verdict_kind_str(f->kind)));
	jsonl_add(o, "confidence", jsonl_number(f->confidence));
	jsonl_add(o, "horizon_s", jsonl_number(f->horizon_s));
	jsonl_add(o, "site", site_place(f->site));
	jsonl_add(o, "first", json_object_new_int64(llround(f->first)));
	jsonl_add(o, "last", json_object_new_int64(llround(f->last)));
	jsonl_add(o, "per_min", jsonl_number(f->per_min));
	jsonl_add(o, "born", is_goroutine ? jsonl_count(f->born) : NULL);
	jsonl_add(o, "died", is_goroutine ? jsonl_count(f->died) : NULL);
	jsonl_add(o, "survivors", is_goroutine ? jsonl_known(f->survivors) : NULL);
	jsonl_add(o, "wait_reason", jsonl_text(f->site ? f->site->wait_reason : NULL));
	jsonl_add(o, "stack", f->site ? stack_of(f->site->stack, f->site->stack_depth) : NULL);
	jsonl_add(o, "evidence", evidence_of(f));
	jsonl_add(o, "unit", jsonl_text(units[f->unit]));
	jsonl_add(o, "per_min_low", jsonl_number(f->per_min_low));
	jsonl_add(o, "per_min_high", jsonl_number(f->per_min_high));
	jsonl_add(o, "gcs", is_goroutine ? NULL : jsonl_count(f->gcs));
	jsonl_add(o, "advice", jsonl_name(f->advice));
	jsonl_add(o, "creation_stack",
		  f->site ? stack_of(f->site->creation_stack, f->site->creation_depth) : NULL);
	jsonl_add(o, "creation_varies",
		  f->site && f->site->creation_depth ? jsonl_flag(f->site->has_creators) : NULL);
	jsonl_add(o, "state", jsonl_text(finding_state_str(f->state)));
	jsonl_add(o, "since_s", jsonl_number(f->since_s));
	jsonl_add(o, "what", jsonl_text(f->what));
	jsonl_add(o, "alloc_sites", allocs_of(f));
	jsonl_add(o, "limit_bytes",
		  f->kind == VERDICT_OOM_RISK ? json_object_new_int64(llround(f->limit_bytes))
					      : NULL);
	jsonl_add(o, "left_s", left_of(f, f->left_s));
	jsonl_add(o, "left_low_s", left_of(f, f->left_low_s));
	jsonl_add(o, "left_high_s", left_of(f, f->left_high_s));
	return o;
}

static struct json_object *findings_of(const struct verdict *v)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < v->n_findings; i++)
		json_object_array_add(a, finding_of(&v->findings[i]));
	return a;
}

static struct json_object *goroutines_of(const struct snapshot_process *p)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "live", jsonl_known(p->live));
	jsonl_add(o, "born", jsonl_count(p->born));
	jsonl_add(o, "died", jsonl_count(p->died));
	jsonl_add(o, "at_attach", jsonl_known(p->at_attach));
	jsonl_add(o, "system", jsonl_known(p->live_system));
	return o;
}

static struct json_object *heap_of(const struct snapshot_process *p)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "live_bytes", jsonl_known(p->heap_live_bytes));
	jsonl_add(o, "inuse_bytes", jsonl_known(p->heap_inuse_bytes));
	jsonl_add(o, "idle_bytes", jsonl_known(p->heap_idle_bytes));
	jsonl_add(o, "released_bytes", jsonl_known(p->heap_released_bytes));
	jsonl_add(o, "objects", jsonl_known(p->heap_objects));
	jsonl_add(o, "gc_cycles", jsonl_known(p->gc_cycles));
	jsonl_add(o, "goal_bytes", jsonl_known(p->heap_goal_bytes));
	jsonl_add(o, "total_alloc_bytes", jsonl_known(p->total_alloc_bytes));
	jsonl_add(o, "gc_seen", jsonl_count(p->gc_seen));
	jsonl_add(o, "gc_seen_forced", jsonl_count(p->gc_seen_forced));
	jsonl_add(o, "gc_pause_total_ns", jsonl_known(p->gc_pause_total_ns));
	jsonl_add(o, "gc_pause_last_ns", jsonl_known(p->gc_pause_last_ns));
	jsonl_add(o, "gc_pause_max_ns", jsonl_known(p->gc_pause_max_ns));
	return o;
}

/* The parts sum up to anon_bytes, residue_bytes being what is left, of either sign. */
static struct json_object *memory_of(const struct memory_parts *m)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "anon_bytes", jsonl_known(m->anon_bytes));
	jsonl_add(o, "live_bytes", jsonl_known(m->live_bytes));
	jsonl_add(o, "garbage_bytes", jsonl_known(m->garbage_bytes));
	jsonl_add(o, "slack_bytes", jsonl_known(m->slack_bytes));
	jsonl_add(o, "free_held_bytes", jsonl_known(m->free_held_bytes));
	jsonl_add(o, "lazyfree_bytes", jsonl_known(m->lazyfree_bytes));
	jsonl_add(o, "stacks_bytes", jsonl_known(m->stacks_bytes));
	jsonl_add(o, "runtime_bytes", jsonl_known(m->runtime_bytes));
	jsonl_add(o, "outside_bytes", jsonl_known(m->outside_bytes));
	jsonl_add(o, "residue_bytes",
		  memory_is_closed(m) ? json_object_new_int64(m->residue_bytes) : NULL);
	return o;
}

static struct json_object *rss_of(const struct snapshot_process *p)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "anon_bytes", jsonl_known(p->rss_bytes[WIRE_RSS_ANON]));
	jsonl_add(o, "file_bytes", jsonl_known(p->rss_bytes[WIRE_RSS_FILE]));
	jsonl_add(o, "shmem_bytes", jsonl_known(p->rss_bytes[WIRE_RSS_SHMEM]));
	jsonl_add(o, "swap_bytes", jsonl_known(p->rss_bytes[WIRE_RSS_SWAP]));
	return o;
}

/* Seconds until the limit is reached, by the finding that says so. */
static struct json_object *oom_in(const struct verdict *v)
{
	for (size_t i = 0; i < v->n_findings; i++)
		if (v->findings[i].kind == VERDICT_OOM_RISK)
			return left_of(&v->findings[i], v->findings[i].left_s);
	return NULL;
}

/* Of the open descriptors; sockets by state. */
static struct json_object *descriptors_of(const struct snapshot_process *p)
{
	struct json_object *o = json_object_new_object(), *states = NULL;

	if (p->socket_states)
		states = json_object_new_object();
	for (int i = 0; states && i < SOCKETS_STATES; i++)
		jsonl_add(states, sockets_state_str((enum sockets_state)i),
			  jsonl_count(p->socket_states->n[i]));
	jsonl_add(o, "sockets", jsonl_known(p->sockets));
	jsonl_add(o, "pipes", jsonl_known(p->pipes));
	jsonl_add(o, "files", jsonl_known(p->files));
	jsonl_add(o, "socket_states", states);
	return o;
}

static struct json_object *gaps_of(const struct snapshot_process *p)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "count", jsonl_count(p->gaps));
	jsonl_add(o, "seconds", jsonl_number(p->gaps_s));
	return o;
}

static struct json_object *site_of(const struct snapshot_site *s)
{
	struct json_object *o = site_place(s);

	jsonl_add(o, "live", jsonl_known(s->live));
	jsonl_add(o, "at_attach", jsonl_known(s->at_attach));
	jsonl_add(o, "born", jsonl_count(s->born));
	jsonl_add(o, "died", jsonl_count(s->died));
	jsonl_add(o, "survivors", jsonl_known(s->survivors));
	jsonl_add(o, "wait_reason", jsonl_name(s->wait_reason));
	jsonl_add(o, "system", jsonl_flag(s->is_system));
	return o;
}

static struct json_object *sites_of(const struct snapshot_process *p)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < MIN(p->n_sites, (size_t)JSONL_SITES_MAX); i++)
		json_object_array_add(a, site_of(&p->sites[i]));
	return a;
}

static struct json_object *parked_of(const struct snapshot_process *p)
{
	if (!p->is_park_watched)
		return NULL;
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < p->n_reasons; i++) {
		struct json_object *r = json_object_new_object();
		char key[VIEW_NAME_MAX];

		jsonl_add(r, "waiting", jsonl_known(p->reasons[i].waiting));
		jsonl_add(r, "parks", jsonl_count(p->reasons[i].parks));
		jsonl_add(o, view_name(key, p->reasons[i].name), r);
	}
	return o;
}

/* Hits by hook; null for a hook that is not attached. */
static struct json_object *hooks_of(const struct snapshot_process *p)
{
	struct json_object *o = json_object_new_object();

	for (unsigned int h = 0; h < WIRE_HOOK_BOOKED; h++)
		jsonl_add(o, code_hook_name(h),
			  p->hooks_on & 1U << h ? jsonl_count(p->hook_hits[h]) : NULL);
	return o;
}

static struct json_object *events_of(const struct snapshot_process *p)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "received", jsonl_count(p->received));
	jsonl_add(o, "sampled_out", jsonl_count(p->sampled_out));
	jsonl_add(o, "lost", jsonl_count(p->lost));
	jsonl_add(o, "bad", jsonl_count(p->bad));
	jsonl_add(o, "stacks_lost", jsonl_count(p->stacks_lost));
	return o;
}

/* The latest census, and what all of them corrected. */
static struct json_object *census_of(const struct snapshot_process *p)
{
	struct json_object *o = json_object_new_object();
	bool was_done = p->census_passes && p->census_ns > p->start_ns;

	jsonl_add(o, "passes", jsonl_count(p->census_passes));
	jsonl_add(o, "corrections", jsonl_count(p->census_corrections));
	jsonl_add(o, "torn", jsonl_count(p->census_torn));
	jsonl_add(o, "unread", jsonl_count(p->census_unread));
	jsonl_add(o, "last_s",
		  was_done ? jsonl_number((double)(p->census_ns - p->start_ns) / 1e9) : NULL);
	return o;
}

static struct json_object *timers_of(const struct snapshot_timers *t)
{
	if (!t)
		return NULL;
	struct json_object *o = json_object_new_object(), *top = json_object_new_array();

	for (size_t i = 0; i < t->n_top; i++) {
		struct json_object *f = json_object_new_object();

		jsonl_add(f, "function", jsonl_text(t->top[i].function));
		jsonl_add(f, "periodic", jsonl_flag(t->top[i].is_periodic));
		jsonl_add(f, "count", jsonl_count(t->top[i].count));
		json_object_array_add(top, f);
	}
	jsonl_add(o, "total", jsonl_count(t->total));
	jsonl_add(o, "periodic", jsonl_count(t->periodic));
	jsonl_add(o, "partial", jsonl_flag(t->is_partial));
	jsonl_add(o, "top", top);
	return o;
}

static struct json_object *observer_of(const struct snapshot_observer *own)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "processes_refused", jsonl_count(own->refused));
	jsonl_add(o, "records_malformed", jsonl_count(own->malformed));
	jsonl_add(o, "tasks_lost", jsonl_count(own->tasks_lost));
	return o;
}

static struct json_object *cost_of(const struct snapshot_process *p, double observed_s)
{
	struct json_object *o = json_object_new_object();
	bool is_known = p->cost_s >= 0 && observed_s > 0;

	jsonl_add(o, "hits", jsonl_count(p->hits));
	jsonl_add(o, "target_cpu_pct",
		  is_known ? jsonl_number(100 * p->cost_s / observed_s) : NULL);
	return o;
}

static void add_identity(struct json_object *o, const struct snapshot_process *p)
{
	jsonl_add(o, "pid", json_object_new_int64(p->pid));
	jsonl_add(o, "comm", jsonl_text(p->comm));
	jsonl_add(o, "exe", jsonl_name(p->exe));
	jsonl_add(o, "go_version", jsonl_name(p->go_version));
	jsonl_add(o, "stripped", jsonl_flag(p->is_stripped));
	jsonl_add(o, "container", jsonl_name(p->container));
	jsonl_add(o, "pod", jsonl_name(p->pod));
}

struct json_object *jsonl_brief(const struct snapshot_process *p, const struct verdict *v)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	add_identity(o, p);
	jsonl_add(o, "observed_s", jsonl_number((double)(p->now_ns - p->start_ns) / 1e9));
	jsonl_add(o, "verdict", jsonl_text(verdict_kind_str(v->kind)));
	jsonl_add(o, "confidence", v->n_findings ? jsonl_number(v->findings[0].confidence) : NULL);
	jsonl_add(o, "summary", jsonl_text(v->summary));
	jsonl_add(o, "goroutines", goroutines_of(p));
	jsonl_add(o, "heap", heap_of(p));
	jsonl_add(o, "rss", rss_of(p));
	jsonl_add(o, "limit_bytes", jsonl_known(p->limit_bytes));
	jsonl_add(o, "oom_in_s", oom_in(v));
	jsonl_add(o, "exited", jsonl_flag(p->has_exited));
	return o;
}

struct json_object *jsonl_process(const struct snapshot_process *p, const struct verdict *v)
{
	double observed_s = (double)(p->now_ns - p->start_ns) / 1e9;
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	add_identity(o, p);
	jsonl_add(o, "observed_s", jsonl_number(observed_s));
	jsonl_add(o, "verdict", jsonl_text(verdict_kind_str(v->kind)));
	jsonl_add(o, "goroutines", goroutines_of(p));
	jsonl_add(o, "heap", heap_of(p));
	jsonl_add(o, "rss", rss_of(p));
	jsonl_add(o, "stacks_bytes", jsonl_known(p->stacks_bytes));
	jsonl_add(o, "off_heap_bytes", jsonl_known(p->off_heap_bytes));
	jsonl_add(o, "memory", memory_of(&p->memory));
	jsonl_add(o, "fds", jsonl_known(p->fds));
	jsonl_add(o, "limit_bytes", jsonl_known(p->limit_bytes));
	jsonl_add(o, "oom_in_s", oom_in(v));
	jsonl_add(o, "findings", findings_of(v));
	jsonl_add(o, "events", events_of(p));
	jsonl_add(o, "cost", cost_of(p, observed_s));
	jsonl_add(o, "schema", json_object_new_int(JSONL_SCHEMA));
	jsonl_add(o, "summary", jsonl_text(v->summary));
	jsonl_add(o, "module", jsonl_name(p->module));
	jsonl_add(o, "exited", jsonl_flag(p->has_exited));
	jsonl_add(o, "exit_code", jsonl_known(p->has_exited ? p->exit_code : -1));
	jsonl_add(o, "sites", sites_of(p));
	jsonl_add(o, "sites_folded", jsonl_count(p->sites_folded));
	jsonl_add(o, "parked", parked_of(p));
	jsonl_add(o, "hooks", hooks_of(p));
	jsonl_add(o, "census", census_of(p));
	jsonl_add(o, "timers", timers_of(p->timers));
	jsonl_add(o, "oom_killed", jsonl_flag(p->is_oom_victim));
	jsonl_add(o, "observer", observer_of(&p->observer));
	jsonl_add(o, "needs_s", v->needs_s > 0 ? jsonl_number(v->needs_s) : NULL);
	jsonl_add(o, "descriptors", descriptors_of(p));
	jsonl_add(o, "gaps", gaps_of(p));
	jsonl_add(o, "container_name", jsonl_name(p->container_name));
	jsonl_add(o, "namespace", jsonl_name(p->pod_namespace));
	jsonl_add(o, "pod_uid", jsonl_name(p->pod_uid));
	jsonl_add(o, "pod_limit_bytes", jsonl_known(p->pod_limit_bytes));
	jsonl_add(o, "pod_current_bytes", jsonl_known(p->pod_current_bytes));
	return o;
}

int jsonl_write(FILE *f, struct json_object *o)
{
	const char *text = o ? json_object_to_json_string_ext(
				       o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
			     : NULL;
	int err = text ? 0 : -ENOMEM;

	if (text && (fputs(text, f) == EOF || fputc('\n', f) == EOF || fflush(f)))
		err = -errno;
	json_object_put(o);
	return err;
}
