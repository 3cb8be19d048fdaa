/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of pods and containers from folders of logs, as kubelet makes and removes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/pods.h"

#define ID     "3b1f0c9a5d7e2846b0c9d8e7f6a5b4c3d2e1f00112233445566778899aabbccd"
#define OTHER  "00000000000000001111111111111111222222222222222233333333333333ff"
#define UID    "0f3b2c11-9d2e-4c55-8f0a-5b7d6c1e2a33"
#define STATIC "0123456789abcdef0123456789abcdef"

/* Of a node that Kubernetes 1.20's kubelet ran on. */
#define POD  "shop_web-7d4b9c-x2x4z_" UID
#define LINK "web-7d4b9c-x2x4z_shop_server-" ID ".log"

static char root[64];

static int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/gotide-pods-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_root(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *at(char path[static PATH_MAX], const char *below)
{
	snprintf(path, PATH_MAX, "%s/%s", root, below);
	return path;
}

static void make_dir(const char *below)
{
	char path[PATH_MAX];

	assert_int_equal(mkdir(at(path, below), 0755), 0);
}

static void make_link(const char *name)
{
	char path[PATH_MAX], below[PATH_MAX - 128];

	snprintf(below, sizeof(below), "containers/%s", name);
	assert_int_equal(symlink("/nowhere/0.log", at(path, below)), 0);
}

static void make_pod(const char *name)
{
	char below[PATH_MAX - 128];

	snprintf(below, sizeof(below), "pods/%s", name);
	make_dir(below);
}

static void take_away(const char *below)
{
	char path[PATH_MAX];

	assert_int_equal(remove(at(path, below)), 0);
}

static struct pods *open_pods(void)
{
	struct pods *p = NULL;
	int problem = 1;

	assert_int_equal(pods_new(root, &p, &problem), 0);
	assert_int_equal(problem, 0);
	return p;
}

/* inotify tells before the call that made the change returns. */
static bool is_readable(const struct pods *p)
{
	struct pollfd fd = { .fd = pods_fd(p), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static void check(const struct pods *p, const char *uid, const char *id, const char *ns,
		  const char *pod, const char *container)
{
	const char *want[] = { ns, pod, container };
	struct pod_names names;

	pods_find(p, uid, id, &names);
	const char *got[] = { names.ns, names.pod, names.container };

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		if (want[i])
			assert_string_equal(got[i], want[i]);
		else
			assert_null(got[i]);
	}
}

static void what_is_there(void **state)
{
	(void)state;
	make_dir("pods");
	make_dir("containers");
	make_pod(POD);
	make_pod("kube-system_etcd-node-1_" STATIC);
	make_link(LINK);
	make_link("etcd-node-1_kube-system_etcd-" OTHER ".log");

	struct pods *p = open_pods();

	assert_false(is_readable(p));
	check(p, UID, ID, "shop", "web-7d4b9c-x2x4z", "server");
	check(p, STATIC, OTHER, "kube-system", "etcd-node-1", "etcd");
	/* the sandbox; by its id alone; neither */
	check(p, UID, "", "shop", "web-7d4b9c-x2x4z", NULL);
	check(p, UID, "1" ID, "shop", "web-7d4b9c-x2x4z", NULL);
	check(p, "", ID, "shop", "web-7d4b9c-x2x4z", "server");
	check(p, "", "", NULL, NULL, NULL);
	check(p, "0f3b2c11-9d2e-4c55-8f0a-5b7d6c1e2a34", "", NULL, NULL, NULL);
	/* names that contradict each other: the uid is the cgroup's own */
	check(p, UID, OTHER, "shop", "web-7d4b9c-x2x4z", NULL);
	pods_free(p);
}

static void what_comes_and_goes(void **state)
{
	char path[PATH_MAX], to[PATH_MAX];

	(void)state;
	make_dir("pods");
	make_dir("containers");

	struct pods *p = open_pods();

	assert_false(pods_read(p));
	make_pod(POD);
	assert_true(is_readable(p));
	assert_true(pods_read(p));
	check(p, UID, ID, "shop", "web-7d4b9c-x2x4z", NULL);
	make_link(LINK);
	assert_true(pods_read(p));
	check(p, UID, ID, "shop", "web-7d4b9c-x2x4z", "server");
	/* started anew: another id, and the old one's link stays for a while */
	make_link("web-7d4b9c-x2x4z_shop_server-" OTHER ".log");
	assert_true(pods_read(p));
	take_away("containers/" LINK);
	assert_false(pods_read(p));
	check(p, UID, ID, "shop", "web-7d4b9c-x2x4z", NULL);
	check(p, UID, OTHER, "shop", "web-7d4b9c-x2x4z", "server");
	assert_int_equal(rename(at(path, "pods/" POD), at(to, "away")), 0);
	assert_false(pods_read(p));
	check(p, UID, "", NULL, NULL, NULL);
	assert_int_equal(rename(to, path), 0);
	assert_true(pods_read(p));
	check(p, UID, "", "shop", "web-7d4b9c-x2x4z", NULL);
	pods_free(p);
}

/* Each folder on the way may be missing, come late, and go. */
static void folders_that_come_late(void **state)
{
	char deep[PATH_MAX], whole[64];

	(void)state;
	memcpy(whole, root, sizeof(whole));
	snprintf(root + strlen(root), 16, "/var/log");

	struct pods *p = open_pods();

	check(p, UID, ID, NULL, NULL, NULL);
	assert_false(pods_read(p));
	snprintf(deep, sizeof(deep), "%s/var", whole);
	assert_int_equal(mkdir(deep, 0755), 0);
	assert_false(pods_read(p));
	assert_int_equal(mkdir(root, 0755), 0);
	assert_false(pods_read(p));
	make_dir("pods");
	make_pod(POD); /* before it is watched: found by looking */
	assert_true(pods_read(p));
	check(p, UID, ID, "shop", "web-7d4b9c-x2x4z", NULL);
	make_dir("containers");
	assert_false(pods_read(p));
	make_link(LINK);
	assert_true(pods_read(p));
	check(p, UID, ID, "shop", "web-7d4b9c-x2x4z", "server");
	/* the folder itself goes, and comes again */
	take_away("containers/" LINK);
	take_away("containers");
	assert_false(pods_read(p));
	check(p, UID, ID, "shop", "web-7d4b9c-x2x4z", NULL);
	make_dir("containers");
	make_link(LINK);
	assert_true(pods_read(p));
	check(p, UID, ID, "shop", "web-7d4b9c-x2x4z", "server");
	pods_free(p);
	memcpy(root, whole, sizeof(whole));
}

/* All folders at once between two readings. */
static void folders_that_come_together(void **state)
{
	(void)state;
	struct pods *p = open_pods();

	make_dir("pods");
	make_dir("containers");
	make_pod(POD);
	make_link(LINK);
	assert_true(pods_read(p));
	check(p, UID, ID, "shop", "web-7d4b9c-x2x4z", "server");
	assert_false(pods_read(p));
	pods_free(p);
}

static void names_that_are_none(void **state)
{
	static const char *const pods[] = {
		"shop_web",
		"shop_web_",
		"shop__" UID,
		"_web_" UID,
		"shop_web_" UID "_x",
		"Shop_web_" UID,
		"shop.a_web_" UID,
		"shop_-web_" UID,
		"shop_web-_" UID,
		"shop_web..a_" UID,
		"shop_web.-a_" UID,
		"shop_we\033[31mb_" UID,
		"shop_we\xc3\xa9_" UID,
		"shop_web_0F3B2C11-9d2e-4c55-8f0a-5b7d6c1e2a33",
		"shop_web_0f3b2c11-9d2e-4c55-8f0a-5b7d6c1e2a3",
		"shop_web_0123456789abcdef0123456789abcdeg",
		"a234567890123456789012345678901234567890123456789012345678901234_web_" UID,
		".hidden",
	};
	static const char *const links[] = {
		"web_shop_server-" ID,
		"web_shop_server-" ID ".lot",
		"web_shop_server-" ID "0.log",
		"web_shop_server-3b1f0c9a.log",
		"web_shop_server" ID ".log",
		"web_shop_-" ID ".log",
		"web_shop-" ID ".log",
		"web_shop_ser.ver-" ID ".log",
		"web_shop_x_server-" ID ".log",
		"web_SHOP_server-" ID ".log",
		"w b_shop_server-" ID ".log",
		"web_shop_server-3B1F0C9A5d7e2846b0c9d8e7f6a5b4c3d2e1f00112233445566778899aabbccd"
		".log",
		".log",
		"x",
	};
	struct pods_account a;

	(void)state;
	make_dir("pods");
	make_dir("containers");
	for (size_t i = 0; i < ARRAY_SIZE(pods); i++)
		make_pod(pods[i]);

	struct pods *p = open_pods();

	pods_account(p, &a);
	assert_int_equal(a.pods, 0);
	assert_int_equal(a.bad, ARRAY_SIZE(pods));
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		make_link(links[i]);
	assert_false(pods_read(p));
	pods_account(p, &a);
	assert_int_equal(a.containers, 0);
	assert_int_equal(a.bad, ARRAY_SIZE(pods) + ARRAY_SIZE(links));
	pods_free(p);
}

/* All names as long as they may be: kubelet cuts the link's off, and with it the id. */
static void longest_names(void **state)
{
	char label[64], pod[256], below[PATH_MAX - 256], link[NAME_MAX + 1];

	(void)state;
	memset(label, 'n', sizeof(label));
	label[63] = '\0';
	memset(pod, 'p', sizeof(pod));
	pod[100] = '.';
	pod[92 + 61] = '\0';
	make_dir("pods");
	make_dir("containers");
	snprintf(below, sizeof(below), "%s_%s_" UID, label, pod);
	make_pod(below);
	/* 153 + 1 + 63 + 1 + 1 + 1 + 64 + 4 is more than 255; 31 digits do, of 32 that tell it */
	pod[153] = '\0';
	int n = snprintf(below, sizeof(below), "%s_%s_c-" ID, pod, label);

	assert_true(n > 251);
	snprintf(link, sizeof(link), "%.251s.log", below);
	make_link(link);

	struct pods *p = open_pods();
	struct pods_account a;

	pods_account(p, &a);
	assert_int_equal(a.pods, 1);
	assert_int_equal(a.bad, 1); /* too little is left of the id */
	check(p, UID, ID, label, pod, NULL);
	pods_free(p);
}

static void an_id_cut_off(void **state)
{
	char label[64], pod[64], text[512], link[NAME_MAX + 1];

	(void)state;
	memset(label, 'n', sizeof(label));
	memset(pod, 'p', sizeof(pod));
	label[63] = pod[63] = '\0';
	make_dir("pods");
	make_dir("containers");
	snprintf(text, sizeof(text), "%s_%s_%s-" ID, pod, label, label);
	snprintf(link, sizeof(link), "%.251s.log", text);
	make_link(link);

	struct pods *p = open_pods();

	check(p, "", ID, label, pod, label);
	check(p, "", OTHER, NULL, NULL, NULL);
	pods_free(p);
}

static void no_more_than_there_is_room_for(void **state)
{
	struct pods_account a;
	char name[NAME_MAX + 1];

	(void)state;
	make_dir("pods");
	make_dir("containers");

	struct pods *p = open_pods();

	for (unsigned int i = 0; i < PODS_MAX + 3; i++) {
		snprintf(name, sizeof(name), "shop_web-%u_0f3b2c11-9d2e-4c55-8f0a-5b7d6c%06x", i,
			 i);
		make_pod(name);
		pods_read(p);
	}
	pods_account(p, &a);
	assert_int_equal(a.pods, PODS_MAX);
	assert_int_equal(a.refused, 3);
	/* one that goes makes room */
	take_away("pods/shop_web-5_0f3b2c11-9d2e-4c55-8f0a-5b7d6c000005");
	make_pod(POD);
	assert_true(pods_read(p));
	check(p, UID, "", "shop", "web-7d4b9c-x2x4z", NULL);
	pods_free(p);
}

static unsigned int queue_max(void)
{
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
	unsigned int n = 0;

	if (f) {
		assert_int_equal(fscanf(f, "%u", &n), 1);
		fclose(f);
	}
	return n;
}

/* More happens than the kernel keeps: nothing is missed, and nothing is left of what went. */
static void more_than_the_queue_holds(void **state)
{
	unsigned int max = queue_max();
	struct pods_account a;
	char name[64];

	(void)state;
	if (!max || max > 100000)
		skip();
	make_dir("pods");
	make_dir("containers");
	make_pod(POD);
	make_link(LINK);

	struct pods *p = open_pods();

	for (unsigned int i = 0; i <= max / 2; i++) {
		snprintf(name, sizeof(name), "containers/%u", i);
		make_dir(name);
		take_away(name);
	}
	take_away("containers/" LINK);
	make_link("web-7d4b9c-x2x4z_shop_server-" OTHER ".log");
	while (is_readable(p))
		pods_read(p);
	pods_account(p, &a);
	assert_int_equal(a.rescans, 1);
	check(p, UID, ID, "shop", "web-7d4b9c-x2x4z", NULL);
	check(p, UID, OTHER, "shop", "web-7d4b9c-x2x4z", "server");
	/* and it goes on */
	make_link(LINK);
	assert_true(pods_read(p));
	check(p, UID, ID, "shop", "web-7d4b9c-x2x4z", "server");
	pods_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_there),
		TEST(what_comes_and_goes),
		TEST(folders_that_come_late),
		TEST(folders_that_come_together),
		TEST(names_that_are_none),
		TEST(longest_names),
		TEST(an_id_cut_off),
		TEST(no_more_than_there_is_room_for),
		TEST(more_than_the_queue_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
