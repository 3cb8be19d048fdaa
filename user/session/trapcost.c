/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/trapcost.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "target/objects.h"

/* The least of some batches: what else the machine does only adds. */
#define BATCHES	 8
#define BATCH_OF 32

#ifdef __x86_64__
/* A nop, which the kernel emulates, and a return, which it steps over. */
void trapcost_place(void);
__asm__(".text\n"
	".type trapcost_place, @function\n"
	".globl trapcost_place\n"
	"trapcost_place:\n"
	"	nop\n"
	"	ret\n"
	".size trapcost_place, .-trapcost_place\n");
#define RETURN_OFF 1

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static double call_ns(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < BATCHES; i++) {
		uint64_t start = cpu_ns(), took;

		for (unsigned int k = 0; k < BATCH_OF; k++)
			trapcost_place();
		took = cpu_ns() - start;
		least = MIN(least, took);
	}
	return (double)least / BATCH_OF;
}

static int probed_ns(struct probe *p, const struct object *exe, uint64_t off, double *ret)
{
	struct probe_link *link = NULL;
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", exe->fd);
	err = probe_cgo_attach_idle(p, path, off, &link);
	if (!err)
		*ret = call_ns();
	probe_detach(link);
	return err;
}

static int measure(struct probe *p, struct objects *o, struct trapcost *ret)
{
	uint64_t addr = (uint64_t)(uintptr_t)trapcost_place, off = 0;
	struct object *exe = objects_find(o, addr);
	double alone = call_ns();
	int err;

	if (!exe)
		return -ENOENT;
	err = elf_file_offset(exe->elf, addr - exe->bias, &off);
	if (!err)
		err = probed_ns(p, exe, off, &ret->emulated_ns);
	if (!err)
		err = probed_ns(p, exe, off + RETURN_OFF, &ret->stepped_ns);
	ret->emulated_ns -= alone;
	ret->stepped_ns -= alone;
	return err;
}
#else
static int measure(struct probe *p, struct objects *o, struct trapcost *ret)
{
	(void)p;
	(void)o;
	(void)ret;
	return -ENOTSUP;
}
#endif

void trapcost_measure(struct probe *p, struct trapcost *ret)
{
	struct objects *o = NULL;
	struct trapcost found = { 0 };
	int err = objects_open("/proc", getpid(), &o);

	if (!err)
		err = measure(p, o, &found);
	objects_close(o);
	found.is_measured = !err && found.emulated_ns > 0 && found.stepped_ns > 0;
	if (!found.is_measured) {
		found.emulated_ns = CGO_TRAP_NS;
		found.stepped_ns = CGO_STEPPED_NS;
	}
	log_verbose("a trap takes %.0f ns, two %.0f ns%s", found.emulated_ns, found.stepped_ns,
		    found.is_measured ? "" : " (measured elsewhere)");
	*ret = found;
}
