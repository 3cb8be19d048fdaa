/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confined [-c] [-k CAP,...]: watches all Go processes and gives up at its first sample what the
 * agent gives up, and before that all capabilities but those after -k (libcap's names, or "none").
 * -c: lets through what children at work need.
 * One JSON object per line: which calls fail with which errno before ("calls", when: "before") and
 * after ("after"), "confined" in between, and "sample" every half second.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/probe.h"
#include "session.h"
#include "session/confine.h"
#include "view/jsonl.h"

#define NOWHERE "/nonexistent/place"

struct tool {
	struct probe *probe; /* a second one beside the session's */
	bool use_children;
	const char *keep; /* NULL: all that are held */
	bool is_confined;
};

/* None of them does anything, whether it is let through or not; and none fails with EPERM unless
 * it is kept from being made. */
static const struct {
	const char *name;
	long number, a[6];
} calls[] = {
	{ "execve", SYS_execve, { (long)NOWHERE } },
	{ "execveat", SYS_execveat, { AT_FDCWD, (long)NOWHERE } },
	{ "clone", SYS_clone, { CLONE_SIGHAND } },
	{ "clone3", SYS_clone3, { 0, 0 } },
	{ "socket", SYS_socket, { AF_INET, 0, 0 } },
	{ "connect", SYS_connect, { -1 } },
	{ "bind", SYS_bind, { -1 } },
	{ "listen", SYS_listen, { -1 } },
	{ "sendto", SYS_sendto, { -1, 0, 0, 0, (long)NOWHERE, 16 } },
	{ "sendmsg", SYS_sendmsg, { -1 } },
	{ "open to write", SYS_openat, { AT_FDCWD, (long)NOWHERE, O_WRONLY } },
	{ "open to read and write", SYS_openat, { AT_FDCWD, (long)NOWHERE, O_RDWR } },
	{ "open to create", SYS_openat, { AT_FDCWD, (long)NOWHERE, O_RDONLY | O_CREAT } },
	{ "open to truncate", SYS_openat, { AT_FDCWD, (long)NOWHERE, O_RDONLY | O_TRUNC } },
	{ "openat2", SYS_openat2, { AT_FDCWD, (long)NOWHERE } },
	{ "unlinkat", SYS_unlinkat, { AT_FDCWD, (long)NOWHERE } },
	{ "renameat2", SYS_renameat2, { AT_FDCWD, (long)NOWHERE, AT_FDCWD, (long)NOWHERE } },
	{ "fchmodat", SYS_fchmodat, { AT_FDCWD, (long)NOWHERE } },
	{ "pwrite64", SYS_pwrite64, { -1 } },
	{ "ptrace", SYS_ptrace, { PTRACE_PEEKDATA, 0 } },
	{ "process_vm_writev", SYS_process_vm_writev, { 0 } },
	{ "mmap of code", SYS_mmap, { 0, 0, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS } },
	{ "mprotect to code", SYS_mprotect, { 1, 0, PROT_READ | PROT_EXEC } },
	{ "memfd_create", SYS_memfd_create, { 0 } },
	{ "load of a program", SYS_bpf, { BPF_PROG_LOAD, 0, 0 } },
	{ "creation of a map", SYS_bpf, { BPF_MAP_CREATE, 0, 0 } },
	{ "perf_event_open", SYS_perf_event_open, { 0 } },
	{ "mount", SYS_mount, { 0, (long)NOWHERE } },
	{ "setns", SYS_setns, { -1 } },
	{ "setuid", SYS_setuid, { -1 } },
	{ "capset", SYS_capset, { 0 } },
	{ "seccomp", SYS_seccomp, { -1 } },
	{ "prctl", SYS_prctl, { PR_SET_DUMPABLE, 99 } },
	{ "kill", SYS_kill, { 0x7fffffff, 0 } },
	{ "tgkill", SYS_tgkill, { 0x7fffffff, 1, 0 } },
	{ "terminal input", SYS_ioctl, { -1, TIOCSTI } },
	{ "open to read", SYS_openat, { AT_FDCWD, (long)"/proc/self/status", O_RDONLY } },
};

static int print(struct json_object *o)
{
	int err = jsonl_write(stdout, o);

	fflush(stdout);
	return err;
}

static int try_calls(const char *when)
{
	struct json_object *o = json_object_new_object(), *errnos = json_object_new_object();

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		const long *a = calls[i].a;
		long got = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);

		jsonl_add(errnos, calls[i].name, jsonl_count(got < 0 ? (uint64_t)errno : 0));
	}
	jsonl_add(o, "type", jsonl_text("calls"));
	jsonl_add(o, "when", jsonl_text(when));
	jsonl_add(o, "errno", errnos);
	return print(o);
}

static int drop_but(const char *keep)
{
	char text[256];
	cap_t caps;
	int err;

	snprintf(text, sizeof(text), strcmp(keep, "none") ? "%s=ep" : "=", keep);
	caps = cap_from_text(text);
	if (!caps)
		return -errno;
	err = cap_set_proc(caps) ? -errno : 0;
	cap_free(caps);
	return err;
}

static int confine(struct tool *t)
{
	struct json_object *o = json_object_new_object();
	struct confined c;
	int err = t->keep ? drop_but(t->keep) : 0;

	if (err)
		return err;
	confine_self(&(struct confine_opts){ .probe = t->probe, .use_children = t->use_children },
		     &c);
	jsonl_add(o, "type", jsonl_text("confined"));
	jsonl_add(o, "kept", jsonl_count(c.kept));
	jsonl_add(o, "kept_text", jsonl_text(c.kept_text));
	jsonl_add(o, "has_filter", jsonl_flag(c.has_filter));
	jsonl_add(o, "lacks", jsonl_text(c.lacks));
	return print(o);
}

static struct json_object *process_json(const struct snapshot_process *p)
{
	struct json_object *o = json_object_new_object();

	jsonl_add(o, "pid", jsonl_count((uint64_t)p->pid));
	jsonl_add(o, "comm", jsonl_text(p->comm));
	jsonl_add(o, "at_attach", jsonl_known(p->at_attach));
	jsonl_add(o, "born", jsonl_count(p->born));
	jsonl_add(o, "died", jsonl_count(p->died));
	jsonl_add(o, "heap_inuse_bytes", jsonl_known(p->heap_inuse_bytes));
	jsonl_add(o, "fds", jsonl_known(p->fds));
	jsonl_add(o, "has_io", jsonl_flag(series_count(&p->io_series->h[SERIES_NEAR]) > 0));
	jsonl_add(o, "limit_bytes", jsonl_known(p->limit_bytes));
	jsonl_add(o, "has_exited", jsonl_flag(p->has_exited));
	return o;
}

static int on_sample(_unused_ struct session *s, const struct snapshot *snap, void *arg)
{
	struct json_object *o, *all;
	struct tool *t = arg;
	int err = 0;

	if (!t->is_confined) {
		t->is_confined = true;
		err = try_calls("before");
		if (!err)
			err = confine(t);
		if (!err)
			err = try_calls("after");
	}
	if (err)
		return err;
	o = json_object_new_object();
	all = json_object_new_array();
	for (size_t i = 0; i < snap->n; i++)
		json_object_array_add(all, process_json(&snap->processes[i]));
	jsonl_add(o, "type", jsonl_text("sample"));
	jsonl_add(o, "processes", all);
	return print(o);
}

int main(int argc, char **argv)
{
	struct tool t = { 0 };
	struct probe_error e = { 0 };
	int option, err;

	while ((option = getopt(argc, argv, "ck:")) != -1) {
		switch (option) {
		case 'c':
			t.use_children = true;
			break;
		case 'k':
			t.keep = optarg;
			break;
		default:
			fprintf(stderr, "usage: confined [-c] [-k CAP,...]\n");
			return 2;
		}
	}
	err = probe_open(&(struct probe_opts){ .force_single = getenv("GOTIDE_NO_UPROBE_MULTI") },
			 &t.probe, &e);
	if (err) {
		fprintf(stderr, "confined: %s\n", e.text);
		return 1;
	}
	err = session_run(&(struct session_opts){
		.whom = SESSION_ALL,
		.interval_s = 0.5,
		.on_sample = on_sample,
		.on_end = on_sample,
		.input_fd = -1,
		.arg = &t,
	});
	probe_close(t.probe);
	return err ? 1 : 0;
}
