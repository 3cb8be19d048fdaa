/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * only [-C] [-u UID] CAPABILITY,... COMMAND...: runs a command with these capabilities of root's
 * and no others; with -C in a cgroup namespace of its own, as a container has it; with -u as that
 * user, who has none ("none") whatever they are.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct {
	const char *name;
	int number;
} known[] = {
	{ "none", -1 },
	{ "bpf", CAP_BPF },
	{ "perfmon", CAP_PERFMON },
	{ "sys_admin", CAP_SYS_ADMIN },
	{ "sys_ptrace", CAP_SYS_PTRACE },
	{ "sys_resource", CAP_SYS_RESOURCE },
};

static int find(const char *name, size_t len, int *ret)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(known[i].name, name, len) || known[i].name[len])
			continue;
		*ret = known[i].number;
		return 0;
	}
	return -1;
}

/* A mask of the capabilities in a list; -1 if one is not known. */
static int mask_of(const char *list, unsigned long long *ret)
{
	*ret = 0;
	for (; *list; list += *list == ',') {
		size_t len = strcspn(list, ",");
		int number;

		if (find(list, len, &number))
			return -1;
		if (number >= 0)
			*ret |= 1ULL << number;
		list += len;
	}
	return 0;
}

/* What root has after exec is what the bounding set leaves.  EINVAL: beyond the kernel's last. */
static int others_drop(unsigned long long keep)
{
	for (int i = 0; i < 64; i++)
		if (!(keep & 1ULL << i) && prctl(PR_CAPBSET_DROP, i) && errno != EINVAL)
			return -1;
	return 0;
}

static int become(uid_t uid)
{
	return setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid) ? -1 : 0;
}

int main(int argc, char **argv)
{
	unsigned long long keep;
	const char *uid = NULL;
	bool has_namespace = false;
	int option;

	while ((option = getopt(argc, argv, "+Cu:")) != -1) {
		has_namespace |= option == 'C';
		uid = option == 'u' ? optarg : uid;
	}
	if (argc - optind < 2 || mask_of(argv[optind], &keep)) {
		fprintf(stderr, "usage: only [-C] [-u UID] CAPABILITY,... COMMAND...\n");
		return 2;
	}
	if ((!has_namespace || !unshare(CLONE_NEWCGROUP)) && !others_drop(keep) &&
	    (!uid || !become((uid_t)strtoul(uid, NULL, 10))))
		execvp(argv[optind + 1], argv + optind + 1);
	perror("only");
	return 1;
}
