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

#define ID    "3b1f0c9a5d7e2846b0c9d8e7f6a5b4c3d2e1f00112233445566778899aabbccd"
#define OTHER "00000000000000001111111111111111222222222222222233333333333333ff"
#define POD   "0f3b2c11_9d2e_4c55_8f0a_5b7d6c1e2a33"
#define ROOTS "tests/fixtures/cgroup/"

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
		char id[80] = "";

		assert_int_equal(cgroup_container_id(texts[i], id, sizeof(id)), 0);
		assert_string_equal(id, ID);
	}
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
		char id[80] = "untouched";

		assert_int_equal(cgroup_container_id(texts[i], id, sizeof(id)), -ENOENT);
		assert_string_equal(id, "untouched");
	}
}

static void id_must_fit(void **state)
{
	char id[65];

	(void)state;
	assert_int_equal(cgroup_container_id("0::/docker/" ID "\n", id, 64), -ENOBUFS);
	assert_int_equal(cgroup_container_id("0::/docker/" ID "\n", id, 65), 0);
	assert_string_equal(id, ID);
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
		{ "v2", "0::/pod/box\n", 0, { 67108864, 5242880, 1302528, 2 } },
		{ "v2", "0::/pod/box/\n", 0, { 67108864, 5242880, 1302528, 2 } },
		{ "v2", "0::/pod/tight\n", 0, { 1048576, 524288, 0, 0 } },
		/* no accounting in the child, or the child is gone: the one above */
		{ "v2", "0::/pod/box/child\n", 0, { 67108864, 5242880, 1302528, 2 } },
		{ "v2", "0::/pod/gone\n", 0, { 67108864, 7340032, 0, 40 } },
		{ "v2", "0::/free\n", 0, { UINT64_MAX, 1024, 0, 0 } },
		{ "v2", "0::/odd\n", 0, { UINT64_MAX, 2048, 0, 0 } },
		{ "v2", "0::/\n", -ENOENT, { 0 } },
		{ "v1", "4:memory:/docker/box\n0::/\n", 0, { 33554432, 16777216, 16777216, 5 } },
		{ "v1", "4:cpu,memory:/docker/box\n", 0, { 33554432, 16777216, 16777216, 5 } },
		{ "v1", "4:memory:/old\n", 0, { UINT64_MAX, 1, 0, 0 } },
		{ "v1", "4:memory:/\n", 0, { UINT64_MAX, 4294967296, 0, 0 } },
		{ "v1", "4:memoryless:/docker/box\n", -ENOENT, { 0 } },
		{ "hybrid", "1:name=systemd:/\n0::/box\n", 0, { 4096000, 4096, 0, 0 } },
		{ "nowhere", "0::/pod/box\n", -ENOENT, { 0 } },
		{ "v2", "", -ENOENT, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct memory_case *c = &cases[i];
		struct cgroup_memory mem = { 0 };
		char root[64];

		snprintf(root, sizeof(root), ROOTS "%s", c->root);
		assert_int_equal(cgroup_memory(root, c->text, &mem), c->err);
		assert_int_equal(mem.limit_bytes, c->want.limit_bytes);
		assert_int_equal(mem.current_bytes, c->want.current_bytes);
		assert_int_equal(mem.reclaimable_bytes, c->want.reclaimable_bytes);
		assert_int_equal(mem.oom_kills, c->want.oom_kills);
	}
}

static void hostile_paths_are_refused(void **state)
{
	static const char *const texts[] = {
		"0::/..\n",
		"0::/../v2/pod/box\n",
		"0::/pod/../../v2/pod/box\n",
		"0::/pod/./box\n",
		"0::pod/box\n",
		"0::\n",
		"4:memory:/docker/..\n",
	};
	struct cgroup_memory mem;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(cgroup_memory(ROOTS "v2", texts[i], &mem), -EINVAL);
	/* Names may begin with dots. */
	assert_int_equal(cgroup_memory(ROOTS "v2", "0::/pod/box/..x/...\n", &mem), 0);
}

static void long_paths_are_refused(void **state)
{
	char text[2 * PATH_MAX] = "0::/";
	struct cgroup_memory mem;
	char id[80];

	(void)state;
	memset(text + 4, 'a', sizeof(text) - 5);
	assert_int_equal(cgroup_memory(ROOTS "v2", text, &mem), -EINVAL);
	assert_int_equal(cgroup_container_id(text, id, sizeof(id)), -ENOENT);
	text[4 + PATH_MAX - 8] = '\0'; /* too long with the root before it */
	assert_int_equal(cgroup_memory(ROOTS "v2", text, &mem), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_of_all_engines),
		cmocka_unit_test(what_is_no_container),
		cmocka_unit_test(id_must_fit),
		cmocka_unit_test(memory_of_a_cgroup),
		cmocka_unit_test(hostile_paths_are_refused),
		cmocka_unit_test(long_paths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
