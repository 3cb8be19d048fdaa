/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/calls.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Of an int only these bits count, to the kernel too. */
#define INT_BITS 0xffffffffU
/* What makes open(2) write, create or truncate. */
#define OPEN_WRITES (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))
#define CLONE_SPACES                                                                   \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

/* Whatever their arguments. */
static const int plain[] = {
	/* reading */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(inotify_add_watch),
	SCMP_SYS(inotify_rm_watch),
	/* to what is open: the log, connections, a pipe, the service manager */
	SCMP_SYS(write),
	SCMP_SYS(writev),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	/* time, and waiting for events */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(futex),
	SCMP_SYS(membarrier),
	/* signals */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	/* connections of those who ask */
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(recvfrom),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	/* ourselves and the machine */
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getrandom),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* a thread that takes probes out (probe/detach) */
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
};

/* Calls of children at work (session/aside), and what ends them. */
static const int children[] = {
	SCMP_SYS(pipe2),       SCMP_SYS(wait4), SCMP_SYS(getpriority),
	SCMP_SYS(setpriority), SCMP_SYS(alarm), SCMP_SYS(setitimer),
};

/* Allowed where argument number arg, masked, is value; several rules of one call add up. */
struct rule {
	int call;
	unsigned int arg;
	uint64_t mask, value;
};

static const struct rule rules[] = {
	/* files are opened for reading only */
	{ SCMP_SYS(open), 1, OPEN_WRITES, O_RDONLY },
	{ SCMP_SYS(openat), 2, OPEN_WRITES, O_RDONLY },
	/* no memory becomes code */
	{ SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
	{ SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
	/* maps are read and written, executables attached to; no program is loaded any more */
	{ SCMP_SYS(bpf), 0, INT_BITS, BPF_MAP_LOOKUP_ELEM },
	{ SCMP_SYS(bpf), 0, INT_BITS, BPF_MAP_UPDATE_ELEM },
	{ SCMP_SYS(bpf), 0, INT_BITS, BPF_MAP_DELETE_ELEM },
	{ SCMP_SYS(bpf), 0, INT_BITS, BPF_MAP_GET_NEXT_KEY },
	{ SCMP_SYS(bpf), 0, INT_BITS, BPF_MAP_LOOKUP_BATCH },
	{ SCMP_SYS(bpf), 0, INT_BITS, BPF_LINK_CREATE },
	/* send(2) on what is connected, to nobody else */
	{ SCMP_SYS(sendto), 4, UINT64_MAX, 0 },
	{ SCMP_SYS(fcntl), 1, INT_BITS, F_GETFD },
	{ SCMP_SYS(fcntl), 1, INT_BITS, F_SETFD },
	{ SCMP_SYS(fcntl), 1, INT_BITS, F_GETFL },
	{ SCMP_SYS(fcntl), 1, INT_BITS, F_SETFL },
	{ SCMP_SYS(fcntl), 1, INT_BITS, F_DUPFD_CLOEXEC },
	/* how much there is to read, and whether it is a terminal */
	{ SCMP_SYS(ioctl), 1, INT_BITS, FIONREAD },
	{ SCMP_SYS(ioctl), 1, INT_BITS, TCGETS },
	/* threads */
	{ SCMP_SYS(clone), 0, CLONE_SPACES | CLONE_THREAD, CLONE_THREAD },
	/* limits are asked for, not set */
	{ SCMP_SYS(prlimit64), 2, UINT64_MAX, 0 },
};

static const struct rule perf_rules[] = {
	{ SCMP_SYS(ioctl), 1, INT_BITS, PERF_EVENT_IOC_SET_BPF },
	{ SCMP_SYS(ioctl), 1, INT_BITS, PERF_EVENT_IOC_ENABLE },
	{ SCMP_SYS(ioctl), 1, INT_BITS, PERF_EVENT_IOC_DISABLE },
	{ SCMP_SYS(perf_event_open), 4, 0, 0 },
};

static const struct rule children_rules[] = {
	{ SCMP_SYS(clone), 0, CLONE_SPACES, 0 },
	{ SCMP_SYS(kill), 1, INT_BITS, SIGKILL },
	{ SCMP_SYS(prctl), 0, INT_BITS, PR_SET_PDEATHSIG },
	{ SCMP_SYS(setrlimit), 0, INT_BITS, RLIMIT_DATA },
};

static int allow_plain(scmp_filter_ctx f, const int *calls, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return err;
}

static int allow_rules(scmp_filter_ctx f, const struct rule *r, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = seccomp_rule_add(
			f, SCMP_ACT_ALLOW, r[i].call, 1,
			SCMP_CMP(r[i].arg, SCMP_CMP_MASKED_EQ, r[i].mask, r[i].value));
	return err;
}

/* abort(3) signals its own process, and has to find that allowed. */
static int allow_own_signals(scmp_filter_ctx f)
{
	return allow_rules(f, &(struct rule){ SCMP_SYS(tgkill), 0, INT_BITS, (uint64_t)getpid() },
			   1);
}

/* Their arguments stand in memory, where a filter cannot look: libc has older calls for both. */
static int refuse_as_unknown(scmp_filter_ctx f)
{
	int err = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0);

	return err ? err : seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int rules_add(scmp_filter_ctx f, const struct calls_opts *opts)
{
	int err = allow_plain(f, plain, ARRAY_SIZE(plain));

	if (!err)
		err = allow_rules(f, rules, ARRAY_SIZE(rules));
	if (!err)
		err = allow_own_signals(f);
	if (!err)
		err = refuse_as_unknown(f);
	if (!err && opts->use_perf_events)
		err = allow_rules(f, perf_rules, ARRAY_SIZE(perf_rules));
	if (!err && opts->use_children)
		err = allow_plain(f, children, ARRAY_SIZE(children));
	if (!err && opts->use_children)
		err = allow_rules(f, children_rules, ARRAY_SIZE(children_rules));
	return err;
}

static void filter_cleanup(scmp_filter_ctx *f)
{
	seccomp_release(*f);
}

int calls_confine(const struct calls_opts *opts)
{
	_cleanup_(filter_cleanup) scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err;

	if (!f)
		return -ENOMEM;
	err = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!err)
		err = seccomp_attr_set(f, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (err)
		return err;
	/* The log is Linux 4.14's, the search tree libseccomp 2.5's: it goes without either. */
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_LOG, 1);
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	err = rules_add(f, opts);
	return err ? err : seccomp_load(f);
}
