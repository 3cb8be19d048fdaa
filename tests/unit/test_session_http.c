/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "session/http.h"

/* What a client of the same thread may have to wait for: the loop turns meanwhile. */
#define WAIT_NS (20 * NSEC_PER_SEC)

#define LARGE (3u << 20)

struct server {
	struct loop *loop;
	struct http *http;
	struct http_body *large;
	unsigned int asked, gone;
	enum http_method method;
	char path[64], accept[64];
	bool takes_gzip;
	struct http_request *deferred;
};

static void on_gone(struct http_request *r, void *arg)
{
	struct server *s = arg;

	assert_ptr_equal(r, s->deferred);
	s->deferred = NULL;
	s->gone++;
}

static void handle(struct http_request *r, void *arg)
{
	static const char *const more[] = { "X-More", "yes", NULL };
	struct server *s = arg;
	const char *accept = http_header(r, "Accept");

	s->asked++;
	s->method = http_method_of(r);
	snprintf(s->path, sizeof(s->path), "%s", http_path(r));
	s->takes_gzip = http_takes_gzip(r);
	snprintf(s->accept, sizeof(s->accept), "%s", accept ? accept : "(none)");
	if (!strcmp(s->path, "/later")) {
		s->deferred = r;
		http_defer(r, on_gone, s);
	} else if (!strcmp(s->path, "/large")) {
		http_answer(r, &(struct http_answer){ .status = 200,
						      .type = "text/large",
						      .body = s->large,
						      .headers = more });
	} else {
		http_answer(r, &(struct http_answer){ .status = 404 });
	}
}

static int setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));
	struct http_error e;
	char *large = malloc(LARGE);

	memset(large, 'x', LARGE);
	s->large = http_body_new(large, LARGE);
	if (!s->large || loop_new(&s->loop) ||
	    http_open(s->loop, "127.0.0.1:0", handle, s, &s->http, &e))
		return -1;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct server *s = *state;

	http_close(s->http);
	loop_free(s->loop);
	http_body_unref(s->large);
	free(s);
	return 0;
}

static void turn(struct server *s)
{
	event_base_loop(loop_base(s->loop), EVLOOP_NONBLOCK);
}

static int dial(struct server *s)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long long port;

	assert_int_equal(text_parse_int(strrchr(http_address(s->http), ':') + 1, 1, 65535, &port),
			 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	addr.sin_port = htons((uint16_t)port);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void put(struct server *s, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	turn(s);
}

/* Reads until the end, or until there are want bytes; returns how many there were. */
static size_t get(struct server *s, int fd, char *buf, size_t want)
{
	uint64_t until_ns = clock_now_ns() + WAIT_NS;
	size_t n = 0;

	while (n < want && clock_now_ns() < until_ns) {
		ssize_t got = recv(fd, buf + n, want - n, MSG_DONTWAIT);

		if (!got || (got < 0 && errno != EAGAIN))
			break;
		n += got > 0 ? (size_t)got : 0;
		turn(s);
	}
	return n;
}

/* A whole conversation on a connection of its own, which the server is asked to close. */
static const char *ask(struct server *s, const char *request, char *buf, size_t size)
{
	int fd = dial(s);
	size_t n;

	put(s, fd, request);
	n = get(s, fd, buf, size - 1);
	buf[n] = '\0';
	close(fd);
	turn(s);
	return buf;
}

#define CLOSE "Host: x\r\nConnection: close\r\n\r\n"

static void test_request(void **state)
{
	struct server *s = *state;
	char buf[4096];

	ask(s, "GET /no/such?a=b HTTP/1.1\r\nAccept: text/x\r\n" CLOSE, buf, sizeof(buf));
	assert_int_equal(s->method, HTTP_GET);
	assert_string_equal(s->path, "/no/such");
	assert_string_equal(s->accept, "text/x");
	assert_ptr_equal(strstr(buf, "HTTP/1.1 404 Not Found\r\n"), buf);
	assert_non_null(strstr(buf, "\r\nCache-Control: no-store\r\n"));
	assert_non_null(strstr(buf, "\r\nX-Content-Type-Options: nosniff\r\n"));
	assert_non_null(strstr(buf, "\r\n\r\nNot Found\n"));
}

static void test_encodings(void **state)
{
	static const struct {
		const char *header;
		bool takes;
	} cases[] = {
		{ "gzip", true },
		{ "gzip, deflate, br", true },
		{ "deflate,\tGZip", true },
		{ "br;q=1.0, gzip;q=0.8, *;q=0.1", true },
		{ "gzip; q=0.001", true },
		{ "gzip;q=0", false },
		{ "gzip;q=0.000, br;q=1", false },
		{ "identity", false },
		{ "xgzip, gzipx", false },
		{ "", false },
		{ ",,;;", false },
	};
	struct server *s = *state;
	char request[256], buf[4096];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(request, sizeof(request),
			 "GET / HTTP/1.1\r\nAccept-Encoding: %s\r\n" CLOSE, cases[i].header);
		ask(s, request, buf, sizeof(buf));
		if (s->takes_gzip != cases[i].takes)
			fail_msg("Accept-Encoding: %s", cases[i].header);
	}
	assert_int_equal(s->asked, ARRAY_SIZE(cases));
}

static void test_methods(void **state)
{
	struct server *s = *state;
	char buf[4096];

	ask(s, "HEAD /large HTTP/1.1\r\n" CLOSE, buf, sizeof(buf));
	assert_int_equal(s->method, HTTP_HEAD);
	assert_non_null(strstr(buf, "\r\nContent-Length: 3145728\r\n"));
	assert_string_equal(strstr(buf, "\r\n\r\n"), "\r\n\r\n");
	ask(s, "DELETE / HTTP/1.1\r\n" CLOSE, buf, sizeof(buf));
	assert_int_equal(s->method, HTTP_OTHER);
	ask(s, "POST / HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "abc", buf, sizeof(buf));
	assert_int_equal(s->method, HTTP_OTHER);
	assert_int_equal(s->asked, 3);
}

static void test_large(void **state)
{
	struct server *s = *state;
	char *buf = malloc(LARGE + 4096);
	const char *body;

	assert_non_null(buf);
	ask(s, "GET /large HTTP/1.1\r\n" CLOSE, buf, LARGE + 4096);
	body = strstr(buf, "\r\n\r\n") + 4;
	assert_int_equal(strlen(body), LARGE);
	assert_int_equal(strspn(body, "x"), LARGE);
	assert_non_null(strstr(buf, "\r\nX-More: yes\r\n"));
	free(buf);
}

/* Two requests on one connection, the second before the first is answered. */
static void test_kept_connection(void **state)
{
	struct server *s = *state;
	char buf[8192];

	ask(s, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\n" CLOSE, buf, sizeof(buf));
	assert_int_equal(s->asked, 2);
	assert_string_equal(s->path, "/b");
	assert_non_null(strstr(strstr(buf, "404 Not Found") + 1, "404 Not Found"));
}

/* None of it reaches the handler, and each is hung up on. */
static void test_malformed(void **state)
{
	static const char *const requests[] = {
		"\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",

		"\x16\x03\x01\x02\x01\x01\xfc\x03\x03 tls\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET http://[ HTTP/1.1\r\n" CLOSE,
	};
	struct server *s = *state;
	char buf[4096];

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		ask(s, requests[i], buf, sizeof(buf));
		if (s->asked)
			fail_msg("%zu: asked for '%s'", i, s->path);
	}
	assert_int_equal(http_connections(s->http), 0);
}

static void test_too_large(void **state)
{
	static const char head[] = "GET / HTTP/1.1\r\nX: ";
	char request[HTTP_HEADERS_MAX + 64], buf[4096];
	struct server *s = *state;

	memset(request, 'a', sizeof(request));
	memcpy(request, head, strlen(head));
	request[sizeof(request) - 1] = '\0';
	ask(s, request, buf, sizeof(buf));
	ask(s, "POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n" CLOSE, buf, sizeof(buf));
	ask(s, "POST / HTTP/1.1\r\nContent-Length: -1\r\n" CLOSE, buf, sizeof(buf));
	ask(s, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "fffffff\r\n", buf,
	    sizeof(buf));
	assert_int_equal(s->asked, 0);
	assert_int_equal(http_connections(s->http), 0);
}

static void test_later(void **state)
{
	struct server *s = *state;
	char buf[4096];
	int fd = dial(s);

	put(s, fd, "GET /later HTTP/1.1\r\n" CLOSE);
	while (!s->deferred)
		turn(s);
	http_answer(s->deferred, &(struct http_answer){ .status = 503 });
	buf[get(s, fd, buf, sizeof(buf) - 1)] = '\0';
	assert_non_null(strstr(buf, "503 Service Unavailable"));
	assert_int_equal(s->gone, 0);
	close(fd);
}

static void test_gone_before_the_answer(void **state)
{
	struct server *s = *state;
	int fd = dial(s);

	put(s, fd, "GET /later HTTP/1.1\r\n" CLOSE);
	while (!s->deferred)
		turn(s);
	close(fd);
	while (!s->gone) {
		http_sweep(s->http);
		turn(s);
	}
	while (http_connections(s->http))
		turn(s);
	assert_null(s->deferred);
}

/* As many as may be, none of which says anything: whoever comes next is served all the same. */
static void test_silent_crowd(void **state)
{
	int fds[HTTP_CONNECTIONS_MAX + 3];
	struct server *s = *state;
	char buf[4096];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = dial(s);
	turn(s);
	int fd = dial(s);

	put(s, fd, "GET / HTTP/1.1\r\n" CLOSE);
	for (uint64_t until_ns = clock_now_ns() + WAIT_NS; !s->asked && clock_now_ns() < until_ns;)
		turn(s);
	assert_int_equal(s->asked, 1);
	assert_true(http_connections(s->http) <= HTTP_CONNECTIONS_MAX);
	assert_true(get(s, fd, buf, sizeof(buf)) > 0);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

/* A reader who takes nothing of a large answer holds up nobody. */
static void test_slow_reader(void **state)
{
	struct server *s = *state;
	char buf[4096];
	int fd = dial(s);

	put(s, fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!s->asked)
		turn(s);
	ask(s, "GET /other HTTP/1.1\r\n" CLOSE, buf, sizeof(buf));
	assert_non_null(strstr(buf, "404"));
	assert_int_equal(http_connections(s->http), 1);
	close(fd);
}

static void test_addresses(void **state)
{
	static const char *const bad[] = { "",		"9435",	      "localhost:9435",
					   "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
					   "1.2.3:80",	"[::1]",      "127.0.0.1:99999" };
	struct server *s = *state;
	struct http *h = NULL;
	struct http_error e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(http_open(s->loop, bad[i], handle, s, &h, &e), -EINVAL);
		assert_ptr_equal(strstr(e.text, bad[i]), e.text);
	}
	assert_int_equal(http_open(s->loop, http_address(s->http), handle, s, &h, &e), -EADDRINUSE);
	assert_int_equal(http_open(s->loop, ":0", handle, s, &h, &e), 0);
	http_close(h);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_request),
		TEST(test_encodings),
		TEST(test_methods),
		TEST(test_large),
		TEST(test_kept_connection),
		TEST(test_malformed),
		TEST(test_too_large),
		TEST(test_later),
		TEST(test_gone_before_the_answer),
		TEST(test_silent_crowd),
		TEST(test_slow_reader),
		TEST(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
