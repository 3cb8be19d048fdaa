/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent's routes: which answer a path has.  What is the same for all who ask is rendered once
 * between two ticks, however often it is asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "session/agent_priv.h"
#include "session/profiles.h"
#include "view/jsonl.h"
#include "view/status.h"

#define TYPE_JSON    "application/json"
#define TYPE_PROFILE "application/octet-stream"

#define PATH_PROCESSES "/api/v1/processes"
#define PATH_PROFILES  "/debug/pprof-of/"

/* Without a tick for so long the agent is not well. */
#define HEALTHY_TICK_S 30

/* ---- answers ---- */

static void count(struct agent *a, int status)
{
	static const struct {
		int status;
		const char *name;
	} known[AGENT_STATUSES] = {
		{ 200, "200" }, { 404, "404" }, { 405, "405" }, { 500, "500" },
		{ 501, "501" }, { 503, "503" }, { 504, "504" }, { 0, "other" },
	};
	size_t i = 0;

	while (known[i].status && known[i].status != status)
		i++;
	a->n_requests = AGENT_STATUSES;
	for (size_t k = 0; k < AGENT_STATUSES; k++)
		a->requests[k].name = known[k].name;
	a->requests[i].n++;
}

static void answer(struct agent *a, struct http_request *r, const struct http_answer *what)
{
	count(a, what->status);
	http_answer(r, what);
}

/* Takes text, which is malloc'ed; NULL: the status in words. */
static void answer_text(struct agent *a, struct http_request *r, int status, const char *type,
			char *text, size_t size)
{
	struct http_body *body = text ? http_body_new(text, size) : NULL;

	answer(a, r, &(struct http_answer){ .status = status, .type = type, .body = body });
	http_body_unref(body);
}

static void answer_words(struct agent *a, struct http_request *r, int status, const char *words)
{
	char *text;

	if (asprintf(&text, "%s\n", words) < 0)
		text = NULL;
	answer_text(a, r, status, NULL, text, text ? strlen(text) : 0);
}

/* ---- pages, the same for all ---- */

/* What a page is rendered of. */
struct picture {
	struct agent *agent;
	enum page_id page;
	FILE *f;
	struct agent_account account;
	struct metrics_process *list;
	size_t n;
};

static int write_processes(const struct picture *p)
{
	struct json_object *all = json_object_new_object();
	struct json_object *rows = json_object_new_array();

	for (size_t i = 0; all && rows && i < p->n; i++)
		json_object_array_add(rows, jsonl_brief(p->list[i].p, p->list[i].v));
	if (all && rows) {
		jsonl_add(all, "schema", json_object_new_int(JSONL_SCHEMA));
		jsonl_add(all, "processes", rows);
		return jsonl_write(p->f, all);
	}
	json_object_put(all);
	json_object_put(rows);
	return -ENOMEM;
}

static int write_metrics(const struct picture *p, enum exposition_format format)
{
	const struct metrics_opts o = { .format = format, .sites = p->agent->opts->sites };

	return metrics_write(p->f, &o, &p->account, p->list, p->n);
}

static int write_page(const struct picture *p)
{
	switch (p->page) {
	case PAGE_STATUS:
		return status_write(p->f, &p->account, p->list, p->n);
	case PAGE_METRICS_TEXT:
		return write_metrics(p, EXPOSITION_TEXT);
	case PAGE_METRICS_OPEN_0_0_1:
		return write_metrics(p, EXPOSITION_OPENMETRICS_0_0_1);
	case PAGE_METRICS_OPEN:
		return write_metrics(p, EXPOSITION_OPENMETRICS);
	case PAGE_PROCESSES:
		return write_processes(p);
	case PAGES:
		break;
	}
	return -EINVAL;
}

static int render(struct session *s, const struct snapshot *snap, void *arg)
{
	_cleanup_free_ struct metrics_process *list = calloc(snap->n + 1, sizeof(*list));
	_cleanup_free_ struct verdict *verdicts = calloc(snap->n + 1, sizeof(*verdicts));
	struct picture *p = arg;

	if (!list || !verdicts)
		return -ENOMEM;
	for (size_t i = 0; i < snap->n; i++) {
		judge_verdict(session_judge(s), &snap->processes[i], &verdicts[i]);
		list[i] = (struct metrics_process){ &snap->processes[i], &verdicts[i] };
	}
	agent_account_of(p->agent, snap, &p->account);
	p->list = list;
	p->n = snap->n;
	return write_page(p);
}

/* Closes f, which open_memstream() made of text and size. */
static int finish_text(FILE *f, int err, char **text)
{
	if (fclose(f) && !err)
		err = -ENOMEM;
	if (err)
		free(TAKE_PTR(*text));
	return err;
}

/* The page as of this tick; NULL: it could not be made, which was said.  Borrowed. */
static struct http_body *page_of(struct agent *a, enum page_id id)
{
	struct page *page = &a->pages[id];
	struct picture p = { .agent = a, .page = id };
	char *text = NULL;
	size_t size = 0;
	int err;

	if (page->body && page->tick == a->ticks)
		return page->body;
	http_body_unref(TAKE_PTR(page->body));
	http_body_unref(TAKE_PTR(page->packed));
	p.f = open_memstream(&text, &size);
	if (!p.f)
		return NULL;
	err = session_show(a->session, render, &p);
	err = finish_text(p.f, err, &text);
	if (err)
		log_debug("page %d: %s", (int)id, strerror(-err));
	else
		page->body = http_body_new(text, size);
	page->tick = a->ticks;
	return page->body;
}

/* Packed for who takes it so, if there is memory for that.  Borrowed. */
static struct http_body *packed_of(struct agent *a, enum page_id id, const struct http_request *r)
{
	struct page *page = &a->pages[id];

	if (!http_takes_gzip(r))
		return NULL;
	if (!page->packed)
		page->packed = http_body_gzip(page->body);
	return page->packed;
}

static void answer_page(struct agent *a, struct http_request *r, enum page_id id, const char *type,
			const char *const *headers)
{
	struct http_body *body = page_of(a, id), *packed = NULL;

	if (body)
		packed = packed_of(a, id, r);
	answer(a, r,
	       &(struct http_answer){
		       .status = body ? 200 : 500,
		       .type = body ? type : NULL,
		       .is_gzip = packed != NULL,
		       .body = packed ? packed : body,
		       .headers = headers,
	       });
}

static void get_status(struct agent *a, struct http_request *r)
{
	const char *headers[] = { "Content-Security-Policy", status_policy(), NULL };

	answer_page(a, r, PAGE_STATUS, STATUS_TYPE, headers);
}

static void get_metrics(struct agent *a, struct http_request *r)
{
	static const enum page_id pages[EXPOSITION_FORMATS] = {
		[EXPOSITION_TEXT] = PAGE_METRICS_TEXT,
		[EXPOSITION_OPENMETRICS_0_0_1] = PAGE_METRICS_OPEN_0_0_1,
		[EXPOSITION_OPENMETRICS] = PAGE_METRICS_OPEN,
	};
	static const char *const headers[] = { "Vary", "Accept, Accept-Encoding", NULL };
	enum exposition_format f = exposition_format_of(http_header(r, "Accept"));

	answer_page(a, r, pages[f], exposition_content_type(f), headers);
}

static void get_processes(struct agent *a, struct http_request *r)
{
	answer_page(a, r, PAGE_PROCESSES, TYPE_JSON, NULL);
}

/* ---- whether it is well ---- */

static void get_health(struct agent *a, struct http_request *r)
{
	bool is_well =
		!a->is_ready || seconds_between(a->ticked_ns, clock_now_ns()) < HEALTHY_TICK_S;

	answer_words(a, r, is_well ? 200 : 503, is_well ? "ok" : "no sample was taken for long");
}

static void get_readiness(struct agent *a, struct http_request *r)
{
	answer_words(a, r, a->is_ready ? 200 : 503, a->is_ready ? "ready" : "not ready");
}

/* ---- one process ---- */

struct wanted {
	pid_t pid;
	FILE *f;
	bool is_found;
};

static int write_wanted(struct session *s, const struct snapshot *snap, void *arg)
{
	_cleanup_free_ struct verdict *v = calloc(1, sizeof(*v));
	struct wanted *w = arg;

	for (size_t i = 0; v && i < snap->n; i++) {
		const struct snapshot_process *p = &snap->processes[i];

		if (p->pid != w->pid)
			continue;
		w->is_found = true;
		judge_verdict(session_judge(s), p, v);
		return jsonl_write(w->f, jsonl_process(p, v));
	}
	return v ? 0 : -ENOMEM;
}

/* "17": as a pid; what follows it must be rest. */
static bool parse_pid(const char *text, const char *rest, pid_t *ret)
{
	char digits[12];
	size_t n = strspn(text, "0123456789");
	long long pid;

	if (!n || n >= sizeof(digits) || strcmp(text + n, rest))
		return false;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (text_parse_int(digits, 1, 1 << 30, &pid))
		return false;
	*ret = (pid_t)pid;
	return true;
}

static void get_process(struct agent *a, struct http_request *r, pid_t pid)
{
	struct wanted w = { .pid = pid };
	char *text = NULL;
	size_t size = 0;
	int err;

	w.f = open_memstream(&text, &size);
	if (!w.f) {
		answer_words(a, r, 500, "out of memory");
		return;
	}
	err = session_show(a->session, write_wanted, &w);
	err = finish_text(w.f, err, &text);
	if (err) {
		answer_words(a, r, 500, strerror(-err));
	} else if (!w.is_found) {
		free(text);
		answer_words(a, r, 404, "no process of this pid is watched");
	} else {
		answer_text(a, r, 200, TYPE_JSON, text, size);
	}
}

/* ---- profiles ---- */

static void answer_no_profile(struct agent *a, struct http_request *r, int err)
{
	switch (err) {
	case -ENODATA:
		answer_words(a, r, 501,
			     "the program keeps no memory profile: the linker left it out, or "
			     "runtime.MemProfileRate is 0");
		break;
	case -ENOENT:
		answer_words(a, r, 501, "where the runtime keeps it was not found");
		break;
	case -ESRCH:
		answer_words(a, r, 404, "the process has ended");
		break;
	case -ETIME:
		answer_words(a, r, 504, "it takes too long");
		break;
	default:
		answer_words(a, r, 500, strerror(-err));
	}
}

static void on_profile(int err, char *data, size_t size, void *arg)
{
	struct agent *a = arg;
	struct http_request *r = TAKE_PTR(a->waiting);

	if (err)
		answer_no_profile(a, r, err);
	else
		answer_text(a, r, 200, TYPE_PROFILE, data, size);
}

static void on_reader_gone(struct http_request *r, void *arg)
{
	struct agent *a = arg;

	(void)r; /* the one that waits: there is one at most */
	a->waiting = NULL;
	aside_cancel(a->aside);
}

/* In the child. */
static int do_profile(FILE *f, void *arg)
{
	const struct agent *a = arg;

	return a->profile_write(a->profile_target, f);
}

static void get_profile(struct agent *a, struct http_request *r, pid_t pid, profile_writer *write)
{
	static const char *const again[] = { "Retry-After", "5", NULL };
	const struct target *t = session_target(a->session, pid);
	int err;

	if (!t) {
		answer_words(a, r, 404, "no process of this pid is watched");
		return;
	}
	a->profile_target = t;
	a->profile_write = write;
	err = a->waiting ? -EBUSY : aside_start(a->aside, do_profile, on_profile, a);
	if (err == -EBUSY) {
		answer(a, r, &(struct http_answer){ .status = 503, .headers = again });
	} else if (err) {
		answer_words(a, r, 500, strerror(-err));
	} else {
		a->waiting = r;
		http_defer(r, on_reader_gone, a);
	}
}

/* ---- which is which ---- */

static const struct {
	const char *path;
	void (*get)(struct agent *a, struct http_request *r);
} fixed[] = {
	{ "/", get_status },	      { "/metrics", get_metrics },	 { "/healthz", get_health },
	{ "/readyz", get_readiness }, { PATH_PROCESSES, get_processes },
};

static bool route_fixed(struct agent *a, struct http_request *r, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		if (strcmp(path, fixed[i].path))
			continue;
		fixed[i].get(a, r);
		return true;
	}
	return false;
}

static bool route_process(struct agent *a, struct http_request *r, const char *path)
{
	size_t n = strlen(PATH_PROCESSES "/");
	pid_t pid;

	if (strncmp(path, PATH_PROCESSES "/", n) || !parse_pid(path + n, "", &pid))
		return false;
	get_process(a, r, pid);
	return true;
}

static bool route_profile(struct agent *a, struct http_request *r, const char *path)
{
	size_t n = strlen(PATH_PROFILES);
	pid_t pid;

	if (!a->opts->has_profiles || strncmp(path, PATH_PROFILES, n))
		return false;
	if (parse_pid(path + n, "/heap", &pid))
		get_profile(a, r, pid, profiles_write_heap);
	else if (parse_pid(path + n, "/goroutine", &pid))
		get_profile(a, r, pid, profiles_write_goroutines);
	else
		return false;
	return true;
}

void routes_handle(struct http_request *r, void *agent)
{
	static const char *const allow[] = { "Allow", "GET, HEAD", NULL };
	const char *path = http_path(r);
	struct agent *a = agent;

	if (http_method_of(r) == HTTP_OTHER) {
		answer(a, r, &(struct http_answer){ .status = 405, .headers = allow });
		return;
	}
	if (!route_fixed(a, r, path) && !route_process(a, r, path) && !route_profile(a, r, path))
		answer(a, r, &(struct http_answer){ .status = 404 });
}
