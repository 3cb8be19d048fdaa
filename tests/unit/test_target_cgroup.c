/* SPDX-License-Identifier: BSD-2-Clause */
/* Cgroup texts of the engines, and the hierarchies in tests/fixtures/cgroup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "target/cgroup.h"
#include "target/procfs.h"

#define ID     "3b1f0c9a5d7e2846b0c9d8e7f6a5b4c3d2e1f00112233445566778899aabbccd"
#define OTHER  "00000000000000001111111111111111222222222222222233333333333333ff"
#define POD    "0f3b2c11_9d2e_4c55_8f0a_5b7d6c1e2a33"
#define DASHED "0f3b2c11-9d2e-4c55-8f0a-5b7d6c1e2a33"
#define STATIC "0123456789abcdef0123456789abcdef"
#define ROOTS  "tests/fixtures/cgroup/"

#define NO UINT64_MAX

static const struct cgroups nothing;

static void containers_of_all_engines(void **state)
{
	static const char *const texts[] = {
		/* containerd, cgroupfs: v2; Guaranteed; v1 on every line but the unified one */
		"0::/kubepods/besteffort/pod1234/" ID "\n",
		"0::/kubepods/pod1234/" ID "\n",
		"9:name=systemd:/kubepods/pod1234/" ID "\n4:memory:/kubepods/pod1234/" ID
		"\n0::/\n",
		"4:memory:/\n1:cpu:/kubepods/pod1234/" ID "\n0::/\n",
		/* systemd driver */
		"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" POD
		".slice/cri-containerd-" ID ".scope\n",
		"0::/kubepods.slice/kubepods-pod" POD ".slice/cri-containerd-" ID ".scope\n",
		/* containerd without the systemd driver, on slices */
		"1:cpu:/system.slice/containerd.service/kubepods-burstable-pod" POD
		".slice:cri-containerd:" ID "\n",
		/* CRI-O: systemd, with a child, cgroupfs */
		"0::/kubepods.slice/kubepods-pod" POD ".slice/crio-" ID ".scope\n",
		"0::/kubepods.slice/kubepods-pod" POD ".slice/crio-" ID ".scope/container\n",
		"0::/kubepods/pod1234/crio-" ID "\n",
		/* Docker: cgroupfs, systemd */
		"0::/docker/" ID "\n",
		"0::/system.slice/docker-" ID ".scope\n",
		/* podman: cgroupfs, systemd, rootless */
		"4:memory:/libpod_parent/libpod-" ID "\n",
		"0::/machine.slice/libpod-" ID ".scope\n",
		"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
		".scope/container\n",
		/* a container in a container; a cgroup namespace; no newline at the end */
		"0::/docker/" OTHER "/kubelet/kubepods/pod1234/" ID "\n",
		"0::/../../pod1234/" ID "\n",
		"0::/docker/" ID,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct cgroup_identity id;

		cgroup_identify(&nothing, texts[i], &id);
		assert_string_equal(id.container, ID);
	}
}

static void pods_of_all_engines(void **state)
{
	static const struct {
		const char *text, *uid, *member;
	} cases[] = {
		{ "0::/kubepods/besteffort/pod" DASHED "/" ID "\n", DASHED, ID },
		{ "0::/kubepods/pod" STATIC "/" ID "\n", STATIC, ID },
		{ "0::/kubepods.slice/kubepods-pod" POD ".slice/cri-containerd-" ID ".scope\n",
		  DASHED, ID },
		{ "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" STATIC
		  ".slice/crio-" ID ".scope/container\n",
		  STATIC, ID },
		{ "1:cpu:/system.slice/containerd.service/kubepods-burstable-pod" POD
		  ".slice:cri-containerd:" ID "\n",
		  DASHED, ID },
		/* kind; a pod alone; the line that says most */
		{ "0::/docker/" OTHER "/kubelet/kubepods/pod" DASHED "/" ID "\n", DASHED, ID },
		{ "0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" POD
		  ".slice/cri-containerd-" ID ".scope\n",
		  DASHED, ID },
		{ "0::/kubepods/pod" DASHED "\n", DASHED, "" },
		{ "9:pids:/\n8:cpu:/docker/" OTHER "\n4:memory:/kubepods/pod" DASHED "/" ID
		  "\n0::/\n",
		  DASHED, ID },
		/* a cgroup namespace */
		{ "0::/../../pod" DASHED "/" ID "\n", DASHED, ID },
		{ "0::/../" ID "\n", "", "" },
		/* none of Kubernetes' */
		{ "0::/kubepods/pod1234/" ID "\n", "", "" },
		{ "0::/kubepods/pod" DASHED "0/" ID "\n", "", "" },
		{ "0::/kubepods/xpod" DASHED "/" ID "\n", "", "" },
		{ "0::/kubepods/0f3b2c11-9d2e-4c55-8f0a-5b7d6c1e2a33/" ID "\n", "", "" },
		{ "0::/kubepods/pod0f3b2c119d2e-4c55-8f0a-5b7d6c1e-2a33/" ID "\n", "", "" },
		{ "0::/kubepods/pod0F3B2C11-9d2e-4c55-8f0a-5b7d6c1e2a33/" ID "\n", "", "" },
		{ "0::/a.slice/kubepods-xpod" POD ".slice/" ID "\n", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cgroup_identity id;

		cgroup_identify(&nothing, cases[i].text, &id);
		assert_string_equal(id.pod_uid, cases[i].uid);
		assert_string_equal(id.member, cases[i].member);
	}
}

/* Who is in a container may make cgroups there, and name them after others. */
static void who_is_in_a_pod_stays_there(void **state)
{
	struct cgroup_identity id;

	(void)state;
	cgroup_identify(&nothing, "0::/kubepods/pod" DASHED "/" ID "/pod" STATIC "/" OTHER "\n",
			&id);
	assert_string_equal(id.pod_uid, DASHED);
	assert_string_equal(id.member, ID);
	assert_string_equal(id.container, OTHER);
}

static void what_is_no_container(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"0::/\n",
		"0::/user.slice/user-0.slice/session-1.scope\n",
		"0::/system.slice/ssh.service\n",
		"0::/machine.slice/libpod-conmon-" ID ".scope\n",
		"0::/kubepods.slice/crio-conmon-" ID ".scope\n",
		"0::/kubepods/pod1234/x" ID "\n", /* a longer name, not an id */
		"0::/docker/3B1F0C9A5d7e2846b0c9d8e7f6a5b4c3d2e1f00112233445566778899aabbccd\n",
		"0::/docker/3b1f0c9a\n",
		"/docker/" ID "\n", /* not a line of this file */
		"0:" ID "\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct cgroup_identity id;

		cgroup_identify(&nothing, texts[i], &id);
		assert_string_equal(id.container, "");
	}
}

/* The tree of that name, whole. */
static struct cgroups whole(char v1_dir[static 128], char v2_dir[static 128], const char *name)
{
	bool is_hybrid = !strcmp(name, "hybrid");

	snprintf(v1_dir, 128, ROOTS "%s/memory", name);
	snprintf(v2_dir, 128, ROOTS "%s%s", name, is_hybrid ? "/unified" : "");
	return (struct cgroups){ .v1 = { .dir = v1_dir, .root = (char *)"/" },
				 .v2 = { .dir = v2_dir, .root = (char *)"/" } };
}

struct memory_case {
	const char *root, *text;
	int err;
	struct cgroup_memory want;
};

static void memory_of_a_cgroup(void **state)
{
	static const struct memory_case cases[] = {
		/* the pod's limit is above the container's */
		{ "v2", "0::/pod/box\n", 0, { 67108864, 5242880, 1302528, 2, NO, NO } },
		{ "v2", "0::/pod/box/\n", 0, { 67108864, 5242880, 1302528, 2, NO, NO } },
		{ "v2", "0::/pod/tight\n", 0, { 1048576, 524288, 0, 0, NO, NO } },
		/* no accounting in the child, or the child is gone: the one above */
		{ "v2", "0::/pod/box/child\n", 0, { 67108864, 5242880, 1302528, 2, NO, NO } },
		{ "v2", "0::/pod/gone\n", 0, { 67108864, 7340032, 0, 40, NO, NO } },
		{ "v2", "0::/free\n", 0, { UINT64_MAX, 1024, 0, 0, NO, NO } },
		{ "v2", "0::/odd\n", 0, { UINT64_MAX, 2048, 0, 0, NO, NO } },
		{ "v2", "0::/\n", -ENOENT, { 0 } },
		{ "v1",
		  "4:memory:/docker/box\n0::/\n",
		  0,
		  { 33554432, 16777216, 16777216, 5, NO, NO } },
		{ "v1",
		  "4:cpu,memory:/docker/box\n",
		  0,
		  { 33554432, 16777216, 16777216, 5, NO, NO } },
		{ "v1", "4:memory:/old\n", 0, { UINT64_MAX, 1, 0, 0, NO, NO } },
		{ "v1", "4:memory:/\n", 0, { UINT64_MAX, 4294967296, 0, 0, NO, NO } },
		{ "v1", "4:memoryless:/docker/box\n", -ENOENT, { 0 } },
		{ "hybrid", "1:name=systemd:/\n0::/box\n", 0, { 4096000, 4096, 0, 0, NO, NO } },
		{ "nowhere", "0::/pod/box\n", -ENOENT, { 0 } },
		{ "v2", "", -ENOENT, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct memory_case *c = &cases[i];
		struct cgroup_memory mem = { 0 };
		char v1_dir[128], v2_dir[128];
		struct cgroups trees = whole(v1_dir, v2_dir, c->root);

		assert_int_equal(cgroup_memory(&trees, c->text, &mem), c->err);
		assert_int_equal(mem.limit_bytes, c->want.limit_bytes);
		assert_int_equal(mem.current_bytes, c->want.current_bytes);
		assert_int_equal(mem.reclaimable_bytes, c->want.reclaimable_bytes);
		assert_int_equal(mem.oom_kills, c->want.oom_kills);
		assert_int_equal(mem.pod_limit_bytes, c->want.pod_limit_bytes);
		assert_int_equal(mem.pod_current_bytes, c->want.pod_current_bytes);
	}
}

static void hostile_paths_are_refused(void **state)
{
	static const struct {
		const char *text;
		int err;
	} cases[] = {
		/* above what is mounted */
		{ "0::/..\n", -ENOENT },
		{ "0::/../v2/pod/box\n", -ENOENT },
		/* what the kernel does not write */
		{ "0::/pod/../../v2/pod/box\n", -EINVAL },
		{ "0::/pod/..\n", -EINVAL },
		{ "0::/../pod/../..\n", -EINVAL },
		{ "0::/pod/./box\n", -EINVAL },
		{ "0::/.\n", -EINVAL },
		{ "0::pod/box\n", -EINVAL },
		{ "0::\n", -EINVAL },
		{ "4:memory:/docker/..\n", -EINVAL },
	};
	char v1_dir[128], v2_dir[128];
	struct cgroups trees = whole(v1_dir, v2_dir, "v2");
	struct cgroup_memory mem;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(cgroup_memory(&trees, cases[i].text, &mem), cases[i].err);
	/* Names may begin with dots. */
	assert_int_equal(cgroup_memory(&trees, "0::/pod/box/..x/...\n", &mem), 0);
}

static void long_paths_are_refused(void **state)
{
	char text[2 * PATH_MAX] = "0::/", v1_dir[128], v2_dir[128];
	struct cgroups trees = whole(v1_dir, v2_dir, "v2");
	struct cgroup_identity id;
	struct cgroup_memory mem;

	(void)state;
	memset(text + 4, 'a', sizeof(text) - 5);
	assert_int_equal(cgroup_memory(&trees, text, &mem), -ENAMETOOLONG);
	cgroup_identify(&trees, text, &id);
	assert_string_equal(id.container, "");
	text[4 + PATH_MAX - 8] = '\0'; /* too long with the root before it */
	assert_int_equal(cgroup_memory(&trees, text, &mem), -ENAMETOOLONG);
}

/* ---- whole nodes ---- */

#define FORMS	  "tests/fixtures/pods/"
#define SELF_PID  77
#define OTHER_POD "a5a5a5a5-0001-4002-8003-5b7d6c1e2a33"

struct form {
	const char *name;
	pid_t pid;
	const char *container, *uid;
	int err;
	uint64_t limit, current, pod_limit, pod_current;
};

/* One of each: version, driver, engine; and where gotide is. */
static const struct form forms[] = {
	{ "v2-systemd-containerd", 101, ID, DASHED, 0, 600000001, 200000001, 700000001, 300000001 },
	{ "v2-cgroupfs-containerd", 101, ID, STATIC, 0, 800000002, 200000002, NO, 300000002 },
	{ "v2-systemd-crio", 101, ID, DASHED, 0, 600000003, 200000003, 700000003, 300000003 },
	{ "v1-cgroupfs-crio", 101, ID, DASHED, 0, 700000004, 200000004, 700000004, 300000004 },
	{ "v1-systemd-containerd", 101, ID, DASHED, 0, 600000005, 200000005, 700000005, 300000005 },
	{ "hybrid-systemd-containerd", 101, ID, DASHED, 0, 600000006, 200000006, 700000006,
	  300000006 },
	{ "hybrid-cgroupfs-containerd", 101, ID, DASHED, 0, 600000007, 200000007, 700000007,
	  300000007 },
	{ "v1-cgroupfs-docker", 101, ID, "", 0, 600000008, 200000008, NO, NO },
	{ "v2-systemd-docker", 101, ID, "", 0, 600000009, 200000009, NO, NO },
	{ "v2-systemd-podman", 101, ID, "", 0, 600000010, 190000010, NO, NO },
	{ "v1-cgroupfs-podman", 101, ID, "", 0, 600000011, 200000011, NO, NO },
	{ "v2-systemd-kind", 101, ID, DASHED, 0, 500000012, 200000012, 700000012, 300000012 },
	{ "v1-cgroupfs-kind", 101, ID, DASHED, 0, 500000013, 200000013, 700000013, 300000013 },
	/* in a pod of its own, with a cgroup namespace: another pod, Docker's, its own pod, itself
	 */
	{ "v2-systemd-private", 101, ID, DASHED, 0, 600000014, 200000014, 700000014, 300000014 },
	{ "v2-systemd-private", 102, ID, "", 0, 150000014, 140000014, NO, NO },
	{ "v2-systemd-private", 103, ID, OTHER_POD, 0, 96000014, 48000014, 128000014, 64000014 },
	{ "v2-systemd-private", 104, "", "", -ENOENT, 0, 0, 0, 0 },
	{ "v2-systemd-private", 105, OTHER, OTHER_POD, 0, 64000014, 32000014, 128000014, 64000014 },
	{ "v1-cgroupfs-private", 101, ID, DASHED, 0, 600000015, 200000015, 700000015, 300000015 },
	/* the node's tree not mounted, or elsewhere, or a part of it */
	{ "v2-systemd-own-only", 101, ID, DASHED, -ENOENT, 0, 0, 0, 0 },
	{ "v2-systemd-both", 101, ID, DASHED, 0, 600000017, 200000017, 700000017, 300000017 },
	{ "v1-cgroupfs-part", 101, ID, "", -ENOENT, 0, 0, 0, 0 },
	{ "v1-cgroupfs-part", 102, OTHER, "", 0, 48000018, 24000018, NO, NO },
};

static void open_form(const struct form *f, struct cgroups *trees, char text[static 4096])
{
	char root[PATH_MAX], proc[PATH_MAX];

	snprintf(root, sizeof(root), FORMS "%s", f->name);
	snprintf(proc, sizeof(proc), FORMS "%s/proc", f->name);
	assert_int_equal(cgroups_open(proc, root, SELF_PID, trees), 0);
	assert_int_equal(procfs_cgroup(proc, f->pid, text, 4096), 0);
}

static void every_form_of_node(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct form *f = &forms[i];
		struct cgroup_memory mem = { 0 };
		struct cgroup_identity id;
		struct cgroups trees;
		char text[4096];

		open_form(f, &trees, text);
		cgroup_identify(&trees, text, &id);
		assert_string_equal(id.container, f->container);
		assert_string_equal(id.pod_uid, f->uid);
		assert_string_equal(id.member, *f->uid ? f->container : "");
		assert_int_equal(cgroup_memory(&trees, text, &mem), f->err);
		assert_int_equal(mem.limit_bytes, f->limit);
		assert_int_equal(mem.current_bytes, f->current);
		assert_int_equal(mem.pod_limit_bytes, f->pod_limit);
		assert_int_equal(mem.pod_current_bytes, f->pod_current);
		cgroups_release(&trees);
	}
}

/* What rules on cgroups are held against: the same wherever gotide itself is. */
static void paths_from_the_root(void **state)
{
	char text[4096], from_root[4096];
	struct cgroups trees;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		open_form(&forms[i], &trees, text);
		cgroup_from_root(&trees, text, from_root, sizeof(from_root));
		/* Of v1 only the tree of the memory controller is looked for. */
		const char *line = strstr(from_root, "memory:/");

		line = line ? line : strstr(from_root, "0::/");
		if (!forms[i].err) {
			assert_null(strstr(line, "memory:/.."));
			assert_ptr_not_equal(strstr(line, "0::/.."), line);
		}
		if (!forms[i].err && *forms[i].uid)
			assert_non_null(strstr(line, "kubepods"));
		cgroups_release(&trees);
	}
	cgroup_from_root(&(struct cgroups){ 0 }, "3:cpu:/a\n\nnone\n0::/../b:c\n", from_root,
			 sizeof(from_root));
	assert_string_equal(from_root, "0:cpu:/a\n0::/../b:c\n");
	cgroup_from_root(&(struct cgroups){ 0 }, "3:cpu:/a\n4:io:/long/one\n5::/b\n", from_root,
			 19);
	assert_string_equal(from_root, "0:cpu:/a\n0::/b\n");
}

/* As the process of another pid it is not found in the tree: what is told is right all the same. */
static void not_found_in_the_tree(void **state)
{
	const struct form *another = &forms[13], *dockers = &forms[14];
	struct cgroup_memory mem = { 0 };
	struct cgroup_identity id;
	struct cgroups trees;
	char text[4096];

	(void)state;
	assert_int_equal(cgroups_open(FORMS "v2-systemd-private/proc", FORMS "v2-systemd-private",
				      SELF_PID + 1, &trees),
			 0);
	assert_null(trees.v2.base);
	assert_int_equal(procfs_cgroup(FORMS "v2-systemd-private/proc", another->pid, text, 4096),
			 0);
	cgroup_identify(&trees, text, &id);
	assert_string_equal(id.pod_uid, another->uid);
	assert_int_equal(cgroup_memory(&trees, text, &mem), -ENOENT);
	/* ".."s up to the top need no names. */
	assert_int_equal(procfs_cgroup(FORMS "v2-systemd-private/proc", dockers->pid, text, 4096),
			 0);
	assert_int_equal(cgroup_memory(&trees, text, &mem), 0);
	assert_int_equal(mem.limit_bytes, dockers->limit);
	cgroups_release(&trees);
}

static void no_proc_at_all(void **state)
{
	struct cgroup_memory mem;
	struct cgroups trees;

	(void)state;
	assert_int_equal(cgroups_open(FORMS "nowhere", "", SELF_PID, &trees), 0);
	assert_int_equal(cgroup_memory(&trees, "0::/kubepods\n", &mem), -ENOENT);
	assert_int_equal(cgroup_memory(&trees, "4:memory:/kubepods\n", &mem), -ENOENT);
	cgroups_release(&trees);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_of_all_engines),
		cmocka_unit_test(what_is_no_container),
		cmocka_unit_test(pods_of_all_engines),
		cmocka_unit_test(who_is_in_a_pod_stays_there),
		cmocka_unit_test(memory_of_a_cgroup),
		cmocka_unit_test(hostile_paths_are_refused),
		cmocka_unit_test(long_paths_are_refused),
		cmocka_unit_test(every_form_of_node),
		cmocka_unit_test(paths_from_the_root),
		cmocka_unit_test(not_found_in_the_tree),
		cmocka_unit_test(no_proc_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
