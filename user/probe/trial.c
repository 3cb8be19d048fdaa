/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/trial.h"

#include <fcntl.h>
#include <link.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"

/* Inode of the initial pid namespace, the same since Linux 3.8 (include/linux/proc_ns.h). */
#define PID_NS_INITIAL 0xeffffffcU

/* Where the trial probes are planted; never inlined, and never folded away. */
static __attribute__((noinline, noclone)) void trial_hit(void)
{
	__asm__ volatile("" ::: "memory");
}

struct own_place {
	uintptr_t addr;
	uint64_t file_off;
	bool is_found;
};

static int own_segment(struct dl_phdr_info *info, _unused_ size_t size, void *arg)
{
	struct own_place *p = arg;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type != PT_LOAD || p->addr < start || p->addr >= start + ph->p_filesz)
			continue;
		p->file_off = p->addr - start + ph->p_offset;
		p->is_found = true;
	}
	return 1; /* the executable comes first, and libraries are not it */
}

int trial_place(uint64_t *ret_file_off)
{
	struct own_place p = { .addr = (uintptr_t)trial_hit };

	dl_iterate_phdr(own_segment, &p);
	if (!p.is_found)
		return -ENOENT;
	*ret_file_off = p.file_off;
	return 0;
}

/* counter[0] += 1 */
static int counting_prog_load(int counter_fd, enum bpf_attach_type type)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = -4 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X,
		  .dst_reg = BPF_REG_2,
		  .src_reg = BPF_REG_10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = -4 },
		{ .code = BPF_LD | BPF_DW | BPF_IMM,
		  .dst_reg = BPF_REG_1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = counter_fd },
		{ 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = 2 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = 1 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW,
		  .dst_reg = BPF_REG_0,
		  .src_reg = BPF_REG_1,
		  .imm = BPF_ADD },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = type);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "gotide_trial", "GPL", insns, ARRAY_SIZE(insns),
			     &opts);
}

static int counter_create(void)
{
	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "gotide_trial", sizeof(uint32_t),
			      sizeof(uint64_t), 1, NULL);
}

static uint64_t counter_read(int fd)
{
	uint32_t key = 0;
	uint64_t value = 0;

	return bpf_map_lookup_elem(fd, &key, &value) ? 0 : value;
}

int trial_load(void)
{
	_cleanup_close_ int counter = counter_create();
	_cleanup_close_ int prog = -1;

	if (counter < 0)
		return counter;
	prog = counting_prog_load(counter, 0);
	return prog < 0 ? prog : 0;
}

int trial_ring(size_t bytes)
{
	_cleanup_close_ int fd =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, "gotide_trial", 0, 0, (uint32_t)bytes, NULL);

	return fd < 0 ? fd : 0;
}

int trial_mmapable(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "gotide_trial",
						sizeof(uint32_t), sizeof(uint64_t), 1, &opts);
	void *mem;

	if (fd < 0)
		return fd;
	mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return -errno;
	munmap(mem, 4096);
	return 0;
}

static int uprobe_pmu_type(uint32_t *ret)
{
	_cleanup_fclose_ FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");

	if (!f)
		return -errno;
	return fscanf(f, "%u", ret) == 1 ? 0 : -EBADMSG;
}

int trial_uprobe(void)
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	_cleanup_close_ int counter = counter_create();
	_cleanup_close_ int prog = -1, event = -1;
	uint64_t off;
	int err;

	if (counter < 0)
		return counter;
	prog = counting_prog_load(counter, 0);
	if (prog < 0)
		return prog;
	err = uprobe_pmu_type(&attr.type);
	if (err)
		return err;
	attr.config1 = (uintptr_t) "/proc/self/exe";
	err = trial_place(&off);
	if (err)
		return err;
	attr.config2 = off;
	/* As the real ones are opened: every process, hence a CPU. */
	event = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (event < 0)
		return -errno;
	if (ioctl(event, PERF_EVENT_IOC_SET_BPF, prog) || ioctl(event, PERF_EVENT_IOC_ENABLE, 0))
		return -errno;
	trial_hit();
	return counter_read(counter) ? 0 : -ENODATA;
}

static void *hit_thread(_unused_ void *arg)
{
	trial_hit();
	return NULL;
}

/* Two threads of one process, each hitting the probe once, after a byte has come through go_fd. */
static pid_t two_threads_fork(int go_fd)
{
	pthread_t thread;
	pid_t pid = fork();
	char byte;

	if (pid)
		return pid;
	if (read(go_fd, &byte, 1) != 1 || pthread_create(&thread, NULL, hit_thread, NULL))
		_exit(1);
	trial_hit();
	pthread_join(thread, NULL);
	_exit(0);
}

static int multi_link(int prog, pid_t pid)
{
	unsigned long offset;
	uint64_t file_off;
	int err = trial_place(&file_off);
	LIBBPF_OPTS(bpf_link_create_opts, opts);

	if (err)
		return err;
	offset = file_off;
	opts.uprobe_multi.path = "/proc/self/exe";
	opts.uprobe_multi.offsets = &offset;
	opts.uprobe_multi.cnt = 1;
	opts.uprobe_multi.pid = (uint32_t)pid;
	return bpf_link_create(prog, 0, BPF_TRACE_UPROBE_MULTI, &opts);
}

/* How many hits of a forked process's two threads are counted with a link for its pid. */
static int multi_pid_hits(int prog, int counter, uint64_t *ret, int *ret_link)
{
	_cleanup_close_ int go_read = -1, go_write = -1;
	int link;
	uint64_t before = counter_read(counter);
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	go_read = fds[0];
	go_write = fds[1];
	pid = two_threads_fork(go_read);
	if (pid < 0)
		return -errno;
	link = multi_link(prog, pid);
	if (write(go_write, "g", 1) != 1)
		close(TAKE_FD(go_write));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (link < 0)
		return link;
	*ret_link = link;
	*ret = counter_read(counter) - before;
	return 0;
}

int trial_multi(bool *ret_pid, int ret_links[static TRIAL_LINKS])
{
	_cleanup_close_ int counter = counter_create();
	_cleanup_close_ int prog = -1, link = -1;
	uint64_t hits = 0;

	for (size_t i = 0; i < TRIAL_LINKS; i++)
		ret_links[i] = -1;
	if (counter < 0)
		return counter;
	prog = counting_prog_load(counter, BPF_TRACE_UPROBE_MULTI);
	if (prog < 0)
		return prog;
	link = multi_link(prog, 0);
	if (link < 0)
		return link;
	ret_links[0] = TAKE_FD(link);
	trial_hit();
	if (!counter_read(counter))
		return -ENODATA;
	/* Each of the two hits is seen by the link for all, too. */
	*ret_pid = !multi_pid_hits(prog, counter, &hits, &ret_links[1]) && hits == 4;
	return 0;
}

int trial_raw_tracepoint(const char *name)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	_cleanup_close_ int prog = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "gotide_trial",
						 "GPL", insns, ARRAY_SIZE(insns), NULL);
	_cleanup_close_ int link = -1;

	if (prog < 0)
		return prog;
	link = bpf_raw_tracepoint_open(name, prog);
	return link < 0 ? link : 0;
}

int trial_pid_namespace(void)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st))
		return -errno;
	return st.st_ino == PID_NS_INITIAL ? 0 : -ENOTSUP;
}
