/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/gzip.h"
#include "base/text.h"

#define BACKLOG	 64
#define READ_MAX (2 * (HTTP_HEADERS_MAX + HTTP_BODY_MAX))
/* With all places taken one is made free this often, in microseconds. */
#define ROOM_USEC     10000
#define ADDRESS_MAX   80
#define EVERY_ADDRESS "[::]"

struct http_body {
	unsigned int refs;
	size_t size;
	char *data; /* owned */
};

struct http_request {
	struct http *http;
	struct evhttp_request *req;
	void (*on_gone)(struct http_request *r, void *arg);
	void *gone_arg;
	bool is_deferred;
};

/*
 * A connection, by a reference of ours to its bufferevent: evhttp tells nobody when it lets go of
 * one, but leaves it without callbacks then.  Until we let go, too, it stays in the loop: so it is
 * the bufferevent that owns the descriptor, which else might be another's by then, and it reads no
 * more than a request may hold.
 */
struct conn {
	struct bufferevent *bev;
	uint64_t active_ns; /* accepted, or its last request came */
	bool has_asked;
	struct http_request *waiting; /* for an answer of ours; NULL: none is */
};

struct http {
	struct evhttp *evhttp;
	struct event_base *base; /* borrowed */
	struct evconnlistener *listener; /* evhttp's */
	struct event *resume; /* accepting, some time after it was paused */
	http_handler *handle;
	void *arg;
	struct conn conns[HTTP_CONNECTIONS_MAX];
	size_t n_conns;
	char address[ADDRESS_MAX];
};

/* ---- bodies ---- */

struct http_body *http_body_new(char *data, size_t size)
{
	struct http_body *b = malloc(sizeof(*b));

	if (!b) {
		free(data);
		return NULL;
	}
	*b = (struct http_body){ .refs = 1, .size = size, .data = data };
	return b;
}

struct http_body *http_body_ref(struct http_body *b)
{
	b->refs++;
	return b;
}

void http_body_unref(struct http_body *b)
{
	if (!b || --b->refs)
		return;
	free(b->data);
	free(b);
}

struct http_body *http_body_gzip(const struct http_body *b)
{
	char *data;
	size_t size;

	return gzip_pack(b->data, b->size, &data, &size) ? NULL : http_body_new(data, size);
}

static void unref_sent(const void *data, size_t size, void *arg)
{
	(void)data;
	(void)size;
	http_body_unref(arg);
}

/* ---- connections ---- */

static bool is_closed(const struct conn *c)
{
	bufferevent_data_cb on_read, on_write;
	bufferevent_event_cb on_event;
	void *arg;

	bufferevent_getcb(c->bev, &on_read, &on_write, &on_event, &arg);
	return !on_read && !on_write && !on_event;
}

static void drop_closed(struct http *h)
{
	for (size_t i = 0; i < h->n_conns;) {
		if (!is_closed(&h->conns[i])) {
			i++;
			continue;
		}
		bufferevent_decref(h->conns[i].bev);
		h->conns[i] = h->conns[--h->n_conns];
	}
}

/* evhttp sees the end of the stream, or that nobody reads any more, and puts the rest away. */
static void hang_up(const struct conn *c)
{
	evutil_socket_t fd = bufferevent_getfd(c->bev);

	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}

static double silent_s(const struct conn *c, uint64_t now_ns)
{
	return seconds_between(c->active_ns, now_ns);
}

static bool is_overdue(const struct conn *c, uint64_t now_ns)
{
	bool is_reading = evbuffer_get_length(bufferevent_get_output(c->bev)) > 0;
	double limit_s = is_reading ? HTTP_READING_S : c->has_asked ? HTTP_IDLE_S : HTTP_REQUEST_S;

	return !c->waiting && silent_s(c, now_ns) > limit_s;
}

/* Whoever has been silent for longest makes room, unless an answer is being made for it. */
static void make_room(struct http *h)
{
	struct conn *oldest = NULL;

	for (size_t i = 0; i < h->n_conns; i++) {
		struct conn *c = &h->conns[i];

		if (!c->waiting && (!oldest || c->active_ns < oldest->active_ns))
			oldest = c;
	}
	if (oldest)
		hang_up(oldest);
}

static void pause_accepting(struct http *h)
{
	const struct timeval soon = { .tv_usec = ROOM_USEC };

	make_room(h);
	evconnlistener_disable(h->listener);
	evtimer_add(h->resume, &soon);
}

/* By now evhttp has put away what was hung up on. */
static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct http *h = arg;

	(void)fd;
	(void)what;
	drop_closed(h);
	if (h->n_conns >= HTTP_CONNECTIONS_MAX)
		pause_accepting(h);
	else
		evconnlistener_enable(h->listener);
}

/* evhttp does not read while an answer is due, and so does not see that nobody waits for it. */
static bool has_left(const struct conn *c)
{
	struct pollfd p = { .fd = bufferevent_getfd(c->bev), .events = POLLRDHUP };

	return c->waiting && poll(&p, 1, 0) > 0;
}

static void give_up(struct http_request *r)
{
	if (r->on_gone)
		r->on_gone(r, r->gone_arg);
	http_answer(r, &(struct http_answer){ .status = HTTP_SERVUNAVAIL });
}

void http_sweep(struct http *h)
{
	uint64_t now_ns = clock_now_ns();

	drop_closed(h);
	for (size_t i = 0; i < h->n_conns; i++) {
		if (has_left(&h->conns[i]))
			give_up(h->conns[i].waiting);
		else if (is_overdue(&h->conns[i], now_ns))
			hang_up(&h->conns[i]);
	}
}

size_t http_connections(const struct http *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_conns; i++)
		n += !is_closed(&h->conns[i]);
	return n;
}

static struct conn *conn_of(struct http *h, const struct bufferevent *bev)
{
	for (size_t i = 0; i < h->n_conns; i++) {
		if (h->conns[i].bev == bev)
			return &h->conns[i];
	}
	return NULL;
}

/* evhttp asks for what it is to put an accepted connection on. */
static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
	struct http *h = arg;
	struct bufferevent *bev;

	drop_closed(h);
	bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (!bev || h->n_conns == HTTP_CONNECTIONS_MAX)
		return bev;
	bufferevent_setwatermark(bev, EV_READ, 0, READ_MAX);
	bufferevent_incref(bev);
	h->conns[h->n_conns++] = (struct conn){ .bev = bev, .active_ns = clock_now_ns() };
	if (h->n_conns == HTTP_CONNECTIONS_MAX)
		pause_accepting(h);
	return bev;
}

/* ---- requests ---- */

static struct conn *conn_of_request(const struct http_request *r)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(r->req);

	return conn_of(r->http, evhttp_connection_get_bufferevent(evcon));
}

static void on_request(struct evhttp_request *req, void *arg)
{
	struct http *h = arg;
	struct http_request *r = calloc(1, sizeof(*r));
	struct conn *c;

	if (!r) {
		evhttp_send_error(req, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	*r = (struct http_request){ .http = h, .req = req };
	c = conn_of_request(r);
	if (c) {
		c->active_ns = clock_now_ns();
		c->has_asked = true;
		c->waiting = r;
	}
	h->handle(r, h->arg);
}

enum http_method http_method_of(const struct http_request *r)
{
	switch (evhttp_request_get_command(r->req)) {
	case EVHTTP_REQ_GET:
		return HTTP_GET;
	case EVHTTP_REQ_HEAD:
		return HTTP_HEAD;
	default:
		return HTTP_OTHER;
	}
}

const char *http_path(const struct http_request *r)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r->req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

	return path ? path : "";
}

const char *http_header(const struct http_request *r, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(r->req), name);
}

/* Of a list of codings, each with a weight or without; 0 is a no. */
bool http_takes_gzip(const struct http_request *r)
{
	const char *at = http_header(r, "Accept-Encoding");

	while (at && *at) {
		at += strspn(at, " \t,");
		size_t n = strcspn(at, " \t,;");
		const char *weight = at + n + strspn(at + n, " \t;");

		if (n == strlen("gzip") && !strncasecmp(at, "gzip", n))
			return strncasecmp(weight, "q=0", 3) ||
			       strcspn(weight, "123456789") < strcspn(weight, ",");
		at += strcspn(at, ",");
	}
	return false;
}

static void on_client_gone(struct evhttp_connection *evcon, void *arg)
{
	struct http_request *r = arg;

	(void)evcon;
	r->on_gone(r, r->gone_arg);
	free(r);
}

void http_defer(struct http_request *r, void (*on_gone)(struct http_request *r, void *arg),
		void *arg)
{
	r->is_deferred = true;
	r->on_gone = on_gone;
	r->gone_arg = arg;
	evhttp_connection_set_closecb(evhttp_request_get_connection(r->req), on_client_gone, r);
}

static const char *status_text(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	default:
		return "Error";
	}
}

/* What every answer says: a browser is not to guess, keep or frame anything of it. */
static void add_headers(struct evkeyvalq *out, const struct http_answer *a, size_t size)
{
	char length[32];

	snprintf(length, sizeof(length), "%zu", size);
	evhttp_add_header(out, "Content-Type", a->type ? a->type : "text/plain; charset=utf-8");
	evhttp_add_header(out, "Content-Length", length);
	evhttp_add_header(out, "Cache-Control", "no-store");
	evhttp_add_header(out, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(out, "Referrer-Policy", "no-referrer");
	if (a->is_gzip)
		evhttp_add_header(out, "Content-Encoding", "gzip");
	for (const char *const *h = a->headers; h && *h; h += 2)
		evhttp_add_header(out, h[0], h[1]);
}

static struct http_body *body_of(const struct http_answer *a)
{
	char *text;

	if (a->body)
		return http_body_ref(a->body);
	if (asprintf(&text, "%s\n", status_text(a->status)) < 0)
		return NULL;
	return http_body_new(text, strlen(text));
}

void http_answer(struct http_request *r, const struct http_answer *a)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(r->req);
	struct http_body *body = body_of(a);
	struct conn *c = conn_of_request(r);

	if (r->is_deferred)
		evhttp_connection_set_closecb(evhttp_request_get_connection(r->req), NULL, NULL);
	if (c) {
		c->active_ns = clock_now_ns(); /* the reader's time begins */
		c->waiting = NULL;
	}
	add_headers(evhttp_request_get_output_headers(r->req), a, body ? body->size : 0);
	if (body && http_method_of(r) != HTTP_HEAD && body->size &&
	    !evbuffer_add_reference(out, body->data, body->size, unref_sent, body))
		body = NULL; /* its reference goes with the bytes */
	http_body_unref(body);
	evhttp_send_reply(r->req, a->status, status_text(a->status), NULL);
	free(r);
}

/* ---- start and end ---- */

static int refuse(struct http_error *e, int err, const char *listen)
{
	snprintf(e->text, sizeof(e->text), "%s: %s", listen,
		 err == -EINVAL ? "neither ADDRESS:PORT nor [ADDRESS]:PORT" : strerror(-err));
	return err;
}

static void set_port(struct sockaddr_storage *addr, uint16_t port)
{
	if (addr->ss_family == AF_INET6)
		((struct sockaddr_in6 *)addr)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)addr)->sin_port = htons(port);
}

/* libevent reads addresses, but no port 0. */
static int parse_address(const char *listen, struct sockaddr_storage *ret, int *ret_size)
{
	const char *colon = strrchr(listen, ':');
	char text[ADDRESS_MAX];
	long long port;
	int n;

	if (!colon || text_parse_int(colon + 1, 0, UINT16_MAX, &port))
		return -EINVAL;
	n = snprintf(text, sizeof(text), "%.*s:1", (int)(colon - listen), listen);
	if (colon == listen)
		n = snprintf(text, sizeof(text), "%s", EVERY_ADDRESS ":1");
	*ret_size = sizeof(*ret);
	if (n < 0 || n >= (int)sizeof(text) ||
	    evutil_parse_sockaddr_port(text, (struct sockaddr *)ret, ret_size))
		return -EINVAL;
	set_port(ret, (uint16_t)port);
	return 0;
}

static int listen_on(struct http *h, struct event_base *base, const struct sockaddr_storage *addr,
		     int size)
{
	const unsigned int flags =
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;

	errno = 0;
	h->listener = evconnlistener_new_bind(base, NULL, NULL, flags, BACKLOG,
					      (const struct sockaddr *)addr, size);
	if (!h->listener)
		return errno ? -errno : -EIO;
	if (evhttp_bind_listener(h->evhttp, h->listener))
		return 0;
	evconnlistener_free(h->listener);
	return -ENOMEM;
}

static void note_address(struct http *h)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t size = sizeof(addr);
	char host[64], port[8];

	if (getsockname(evconnlistener_get_fd(h->listener), (struct sockaddr *)&addr, &size) ||
	    getnameinfo((struct sockaddr *)&addr, size, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	snprintf(h->address, sizeof(h->address), addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		 host, port);
}

static void set_limits(struct http *h)
{
	evhttp_set_max_headers_size(h->evhttp, HTTP_HEADERS_MAX);
	evhttp_set_max_body_size(h->evhttp, HTTP_BODY_MAX);
	evhttp_set_timeout(h->evhttp, HTTP_IDLE_S);
	/* All: who may not do what is said by the handler. */
	evhttp_set_allowed_methods(h->evhttp, UINT16_MAX);
	evhttp_set_bevcb(h->evhttp, on_accept, h);
	evhttp_set_gencb(h->evhttp, on_request, h);
}

int http_open(struct loop *l, const char *listen, http_handler *handle, void *arg,
	      struct http **ret, struct http_error *ret_error)
{
	struct sockaddr_storage addr = { 0 };
	int size = 0, err = parse_address(listen, &addr, &size);
	struct http *h;

	if (err)
		return refuse(ret_error, err, listen);
	h = calloc(1, sizeof(*h));
	if (!h)
		return refuse(ret_error, -ENOMEM, listen);
	*h = (struct http){ .base = loop_base(l), .handle = handle, .arg = arg };
	h->evhttp = evhttp_new(h->base);
	h->resume = evtimer_new(h->base, on_resume, h);
	err = h->evhttp && h->resume ? listen_on(h, h->base, &addr, size) : -ENOMEM;
	if (err) {
		http_close(h);
		return refuse(ret_error, err, listen);
	}
	set_limits(h);
	note_address(h);
	*ret = h;
	return 0;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	if (h->evhttp)
		evhttp_free(h->evhttp); /* connections and requests with it */
	for (size_t i = 0; i < h->n_conns; i++)
		bufferevent_decref(h->conns[i].bev);
	if (h->resume)
		event_free(h->resume);
	free(h);
}

const char *http_address(const struct http *h)
{
	return h->address;
}
