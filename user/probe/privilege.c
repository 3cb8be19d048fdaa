/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/privilege.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct privilege privileges[] = {
	{ CAP_BPF, "CAP_BPF", true, "loads the programs and reads what they counted",
	  "nothing works: needs it, or CAP_SYS_ADMIN, which includes it" },
	{ CAP_PERFMON, "CAP_PERFMON", true,
	  "lets the programs follow pointers, in the kernel and in what is watched",
	  "nothing works: needs it, or CAP_SYS_ADMIN, which includes it" },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE", true,
	  "opens the executables and reads the memory of others' processes, in containers too",
	  "only your own processes" },
	{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", false,
	  "counts descriptors and bytes of I/O of other users' processes, and reads executables "
	  "that are closed to others",
	  "descriptors and I/O of other users' processes are unknown, and those whose executable "
	  "only its owner may read are refused" },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN", false,
	  "attaches one perf event per place where the kernel has no uprobe.multi",
	  "not needed where uprobe.multi works (Linux 6.6)" },
	{ CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", false,
	  "lifts the limit of locked memory for the maps, at start",
	  "not needed where the limit is high enough, nor since Linux 5.11" },
};

const struct privilege *privilege_all(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(privileges);
	return privileges;
}

uint64_t privilege_held(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &head, data))
		return 0;
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

bool privilege_is_held(uint64_t held, int number)
{
	bool is_included = number == CAP_BPF || number == CAP_PERFMON;

	return held & PRIVILEGE_BIT(number) || (is_included && held & PRIVILEGE_BIT(CAP_SYS_ADMIN));
}

uint64_t privilege_to_read(void)
{
	return PRIVILEGE_BIT(CAP_SYS_PTRACE) | PRIVILEGE_BIT(CAP_DAC_READ_SEARCH);
}

uint64_t privilege_to_attach(void)
{
	return PRIVILEGE_BIT(CAP_BPF) | PRIVILEGE_BIT(CAP_PERFMON) | PRIVILEGE_BIT(CAP_SYS_ADMIN);
}
