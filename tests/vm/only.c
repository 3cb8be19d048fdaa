/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * only [-C] CAPABILITY,... COMMAND...: runs a command as root with these capabilities and no
 * others; with -C in a cgroup namespace of its own, as a container has it.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct {
	const char *name;
	int number;
} known[] = {
	{ "bpf", CAP_BPF },
	{ "perfmon", CAP_PERFMON },
	{ "sys_admin", CAP_SYS_ADMIN },
	{ "sys_ptrace", CAP_SYS_PTRACE },
	{ "sys_resource", CAP_SYS_RESOURCE },
};

static int number_of(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strncmp(known[i].name, name, len) && !known[i].name[len])
			return known[i].number;
	return -1;
}

/* A mask of the capabilities in a list; 0 if one is not known. */
static unsigned long long mask_of(const char *list)
{
	unsigned long long mask = 0;

	for (; *list; list += *list == ',') {
		size_t len = strcspn(list, ",");
		int number = number_of(list, len);

		if (number < 0)
			return 0;
		mask |= 1ULL << number;
		list += len;
	}
	return mask;
}

/* What root has after exec is what the bounding set leaves.  EINVAL: beyond the kernel's last. */
static int others_drop(unsigned long long keep)
{
	for (int i = 0; i < 64; i++)
		if (!(keep & 1ULL << i) && prctl(PR_CAPBSET_DROP, i) && errno != EINVAL)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	int has_namespace = argc > 1 && !strcmp(argv[1], "-C");
	char **args = argv + 1 + has_namespace;
	unsigned long long keep = argc > 2 + has_namespace ? mask_of(args[0]) : 0;

	if (!keep) {
		fprintf(stderr, "usage: only [-C] CAPABILITY,... COMMAND...\n");
		return 2;
	}
	if ((!has_namespace || !unshare(CLONE_NEWCGROUP)) && !others_drop(keep))
		execvp(args[1], args + 1);
	perror("only");
	return 1;
}
