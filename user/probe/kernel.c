/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/kernel.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "probe/privilege.h"
#include "probe/trial.h"

#define TRIAL_RING_BYTES (4U << 20)

/* What the trials found out so far; later ones depend on it. */
struct findings {
	struct kernel_check *checks;
	size_t n;
	int load_err;
	int multi_err;
	bool multi_pid;
	int uprobe_err;
};

static enum kernel_state state_of(int err)
{
	switch (err) {
	case 0:
		return KERNEL_OK;
	case -EPERM:
	case -EACCES:
		return KERNEL_DENIED;
	default:
		return KERNEL_MISSING;
	}
}

static void check_add(struct findings *f, const char *name, int err, bool is_required,
		      const char *use, const char *without)
{
	if (f->n >= KERNEL_CHECKS_MAX)
		return;
	f->checks[f->n++] = (struct kernel_check){
		.name = name,
		.state = state_of(err),
		.err = err,
		.is_required = is_required,
		.use = use,
		.without = without,
	};
}

/* For what can only be tried with a program, when programs cannot be loaded. */
static void check_add_tried(struct findings *f, const char *name, int err, bool is_required,
			    const char *use, const char *without)
{
	check_add(f, name, err, is_required, use, without);
	if (f->load_err && f->n) {
		f->checks[f->n - 1].state = KERNEL_UNTRIED;
		f->checks[f->n - 1].err = 0;
	}
}

static void check_programs(struct findings *f)
{
	check_add(f, "BTF", access("/sys/kernel/btf/vmlinux", R_OK) ? -errno : 0, true,
		  "finds the kernel's structures (/sys/kernel/btf/vmlinux)",
		  "nothing works: use a kernel with CONFIG_DEBUG_INFO_BTF");
	f->load_err = trial_load();
	check_add(
		f, "BPF programs", f->load_err, true, "counting runs inside the kernel",
		"nothing works: needs root or CAP_BPF and CAP_PERFMON, and a seccomp profile that "
		"allows bpf()");
}

static void check_maps(struct findings *f)
{
	check_add(f, "ring buffer", trial_ring(TRIAL_RING_BYTES), true,
		  "carries goroutine births, stacks, exits to user space",
		  "nothing works: needs Linux 5.8 (on 5.10 and before also CAP_SYS_RESOURCE or a "
		  "memlock limit of 16 MiB)");
	check_add(f, "mapped counters", trial_mmapable(), true,
		  "reads the counters without system calls", "nothing works: needs Linux 5.5");
}

static int try_multi(bool *ret_pid)
{
	int links[TRIAL_LINKS], err = trial_multi(ret_pid, links);

	for (size_t i = 0; i < TRIAL_LINKS; i++)
		if (links[i] >= 0)
			close(links[i]);
	return err;
}

static void check_uprobes(struct findings *f)
{
	f->multi_err = f->load_err ? 0 : try_multi(&f->multi_pid);
	f->uprobe_err = f->load_err ? 0 : trial_uprobe();
	check_add_tried(
		f, "uprobe.multi", f->multi_err, false,
		"attaches to Go programs with CAP_BPF and CAP_PERFMON only",
		"one perf event per place instead, which needs CAP_SYS_ADMIN (kernels before "
		"6.6)");
	check_add_tried(f, "uprobe.multi per process",
			f->multi_err ? f->multi_err : (f->multi_pid ? 0 : -ENOTSUP), false,
			"other processes of the same binary run without any probe",
			"they pay for the probes too, though they are not counted (kernels before "
			"6.10)");
	check_add_tried(f, "uprobe", f->uprobe_err, f->multi_err != 0,
			"attaches where uprobe.multi is missing",
			"needs CAP_SYS_ADMIN; not needed where uprobe.multi works");
}

static void check_tracepoints(struct findings *f)
{
	check_add_tried(f, "kmem:rss_stat", f->load_err ? 0 : trial_raw_tracepoint("rss_stat"),
			false, "sees resident memory change as it happens",
			"resident memory is read from /proc at each interval only");
	check_add_tried(f, "sched:sched_process_exec",
			f->load_err ? 0 : trial_raw_tracepoint("sched_process_exec"), false,
			"finds new programs at once", "new programs are found by scanning /proc");
	check_add_tried(f, "sched:sched_process_exit",
			f->load_err ? 0 : trial_raw_tracepoint("sched_process_exit"), false,
			"sees processes end, and with which status",
			"ends are found by scanning /proc, without the status");
	check_add_tried(f, "oom:mark_victim", f->load_err ? 0 : trial_raw_tracepoint("mark_victim"),
			false, "tells a death by the OOM killer from others",
			"a process killed for memory looks like any other that ended");
}

/*
 * A process that only CAP_SYS_PTRACE may look into, as if it were another user's: forked from us,
 * so that an address is known, and made undumpable, so that being its parent does not help.  Ends
 * when hold_fd's other end is closed.
 */
static pid_t closed_process_fork(int hold_fd, int hold_other_end, int ready_fd)
{
	pid_t pid = fork();
	char byte;

	if (pid)
		return pid;
	close(hold_other_end);
	if (prctl(PR_SET_DUMPABLE, 0) || write(ready_fd, "r", 1) != 1)
		_exit(1);
	(void)!read(hold_fd, &byte, 1);
	_exit(0);
}

static int exe_open(pid_t pid)
{
	char path[32];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : 0;
}

static int memory_read(pid_t pid)
{
	static const uint8_t byte = 42;
	uint8_t copy = 0;
	struct iovec local = { .iov_base = &copy, .iov_len = 1 };
	struct iovec remote = { .iov_base = (void *)&byte, .iov_len = 1 };

	if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != 1)
		return -errno;
	return copy == byte ? 0 : -EIO;
}

static void others_try(int *ret_exe_err, int *ret_memory_err)
{
	_cleanup_close_ int hold_read = -1, hold_write = -1, ready_read = -1, ready_write = -1;
	int hold[2], ready[2];
	pid_t pid;
	char byte;

	*ret_exe_err = *ret_memory_err = -EAGAIN;
	if (pipe2(hold, O_CLOEXEC))
		return;
	hold_read = hold[0];
	hold_write = hold[1];
	if (pipe2(ready, O_CLOEXEC))
		return;
	ready_read = ready[0];
	ready_write = ready[1];
	pid = closed_process_fork(hold_read, hold_write, ready_write);
	if (pid < 0)
		return;
	close(TAKE_FD(ready_write));
	if (read(ready_read, &byte, 1) == 1) {
		*ret_exe_err = exe_open(pid);
		*ret_memory_err = memory_read(pid);
	}
	close(TAKE_FD(hold_write));
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void check_other_processes(struct findings *f)
{
	int exe_err, memory_err;

	others_try(&exe_err, &memory_err);
	check_add(f, "executables of others", exe_err, true,
		  "opens the programs to be watched (/proc/PID/exe)",
		  "only your own processes: needs CAP_SYS_PTRACE");
	check_add(f, "memory of others", memory_err, false,
		  "reads goroutines, wait reasons and heap numbers (process_vm_readv)",
		  "no census: needs CAP_SYS_PTRACE");
}

/* The word in brackets is the level; a kernel without the file has no lockdown. */
static int lockdown(void)
{
	_cleanup_fclose_ FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	char line[64] = "";

	if (!f)
		return errno == ENOENT ? 0 : -errno;
	if (!fgets(line, sizeof(line), f))
		return -EIO;
	return strstr(line, "[confidentiality]") ? -EPERM : 0;
}

/* Levels over 2 are distributions' own, and close perf events to all but CAP_SYS_ADMIN. */
static int perf_paranoid(const struct findings *f)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int level;

	if (!file)
		return -errno;
	if (fscanf(file, "%d", &level) != 1)
		return -EIO;
	return level > 2 && f->uprobe_err ? -EACCES : 0;
}

/* Whether the limit can be lifted, which is undone at once; since Linux 5.11 BPF ignores it. */
static int memlock(void)
{
	struct rlimit old, lifted = { RLIM_INFINITY, RLIM_INFINITY };

	if (getrlimit(RLIMIT_MEMLOCK, &old))
		return -errno;
	if (old.rlim_cur == RLIM_INFINITY)
		return 0;
	if (setrlimit(RLIMIT_MEMLOCK, &lifted))
		return trial_ring(TRIAL_RING_BYTES) ? -EPERM : 0;
	(void)setrlimit(RLIMIT_MEMLOCK, &old); /* lowering is always allowed */
	return 0;
}

static void check_surroundings(struct findings *f)
{
	check_add(f, "initial pid namespace", trial_pid_namespace(), true,
		  "the kernel's process numbers are the ones seen here",
		  "no process is recognised: run with the host's pid namespace (hostPID: true)");
	check_add(f, "lockdown", lockdown(), true, "programs may read kernel memory",
		  "nothing works under lockdown=confidentiality: boot with integrity or none");
	check_add(f, "perf_event_paranoid", perf_paranoid(f), false,
		  "perf events are open to these privileges",
		  "uprobes need CAP_SYS_ADMIN; uprobe.multi is not affected");
	check_add(f, "memlock limit", memlock(), false, "room for the maps",
		  "too low for the ring buffer: raise it (ulimit -l) or run with CAP_SYS_RESOURCE");
}

/* Those that are held but do not reach, as in a user namespace, show in the trials above. */
static void check_capabilities(struct findings *f)
{
	uint64_t held = privilege_held();
	const struct privilege *all;
	size_t n;

	all = privilege_all(&n);
	for (size_t i = 0; i < n; i++)
		check_add(f, all[i].name, privilege_is_held(held, all[i].number) ? 0 : -EPERM,
			  all[i].is_required, all[i].use, all[i].without);
}

static int libbpf_say_nothing(_unused_ enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("%s", line);
	return 0;
}

size_t kernel_check_all(struct kernel_check checks[static KERNEL_CHECKS_MAX])
{
	struct findings f = { .checks = checks };
	libbpf_print_fn_t before = libbpf_set_print(libbpf_say_nothing);

	check_programs(&f);
	check_maps(&f);
	check_uprobes(&f);
	check_tracepoints(&f);
	check_other_processes(&f);
	check_surroundings(&f);
	check_capabilities(&f);
	libbpf_set_print(before);
	return f.n;
}
