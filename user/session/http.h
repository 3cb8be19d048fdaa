/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The small HTTP server of the agent, on libevent's evhttp and the one event loop.  Whoever can
 * reach the address may be hostile: connections, the size of requests, and the time that a client
 * takes are limited, and an answer is written as fast as its reader takes it, while the loop does
 * other work.  Knows no routes: one handler gets every request that is well formed.
 */
#ifndef GOTIDE_SESSION_HTTP_H
#define GOTIDE_SESSION_HTTP_H

#include "base/err.h"
#include "session/loop.h"

/* At once: for another, whoever has been silent for longest is let go. */
#define HTTP_CONNECTIONS_MAX 24
#define HTTP_HEADERS_MAX     8192 /* bytes of request line and headers */
#define HTTP_BODY_MAX	     1024 /* no route takes one */

/* Seconds that a connection may take: for its first request, to read an answer, between requests.
 */
#define HTTP_REQUEST_S 10
#define HTTP_READING_S 30
#define HTTP_IDLE_S    130 /* two scrapes, a minute apart */

struct http;
struct http_request;

typedef void http_handler(struct http_request *r, void *arg);

struct http_error {
	char text[200];
};

/*
 * Listens on "ADDR:PORT", "[ADDR6]:PORT" or ":PORT" (every address).  handle is called for each
 * request and answers it, at once or later.  -EINVAL: no such address; or what bind(2) says;
 * ret_error says it in words.
 */
int http_open(struct loop *l, const char *listen, http_handler *handle, void *arg,
	      struct http **ret, struct http_error *ret_error) _must_check_;
void http_close(struct http *h); /* drops what is open; NULL is fine */

/* Where it listens, as "ADDR:PORT": the port that the system chose where 0 was given.  Borrowed. */
const char *http_address(const struct http *h);

/* Lets those go whose time is up.  Call about once a second. */
void http_sweep(struct http *h);

/* Connections that are open now. */
size_t http_connections(const struct http *h);

/* ---- a request, until it is answered or its client has gone ---- */

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_OTHER,
};
enum http_method http_method_of(const struct http_request *r);
/* As sent, without the query; not decoded. */
const char *http_path(const struct http_request *r);
/* NULL: not sent. */
const char *http_header(const struct http_request *r, const char *name);

/* Whether it takes an answer in gzip (RFC 9110, 12.5.3). */
bool http_takes_gzip(const struct http_request *r);

/* Bytes that several answers may share. */
struct http_body;

/* Takes data, which is malloc'ed, also if it fails.  NULL: no memory. */
struct http_body *http_body_new(char *data, size_t size);
struct http_body *http_body_ref(struct http_body *b);
void http_body_unref(struct http_body *b); /* NULL is fine */
/* A new one of the same bytes in gzip; NULL: no memory. */
struct http_body *http_body_gzip(const struct http_body *b);

struct http_answer {
	int status;
	const char *type; /* Content-Type; NULL: text/plain */
	bool is_gzip; /* the body is */
	struct http_body *body; /* borrowed; NULL: the status in words */
	const char *const *headers; /* further ones: name, value, ..., NULL; or NULL */
};

/* Ends the request: r is gone after it. */
void http_answer(struct http_request *r, const struct http_answer *a);

/*
 * Says that the answer comes later; on_gone is called if the client goes before it, which shows at
 * a sweep, after which r is gone.
 */
void http_defer(struct http_request *r, void (*on_gone)(struct http_request *r, void *arg),
		void *arg);

#endif
