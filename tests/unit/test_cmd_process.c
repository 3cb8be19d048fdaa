/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/profile_fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/process.h"
#include "unit/elfbuild.h"

static int open_named(const char *name)
{
	struct opts o = { 0 };
	struct target t;
	int err;

	assert_int_equal(vec_push(&o.names, name), 0);
	err = process_open(&o, &t);
	opts_release(&o);
	return err;
}

static void test_refused(void **state)
{
	char self[16];

	(void)state;
	snprintf(self, sizeof(self), "%d", (int)getpid());
	assert_int_equal(open_named("2147483646"), -ESRCH);
	assert_int_equal(open_named("no program has this name"), -ESRCH);
	/* This one is no Go program. */
	assert_true(open_named(self) < 0);
}

static void test_what_may_be_a_target(void **state)
{
	pid_t child;

	(void)state;
	assert_true(process_is_named("7"));
	assert_false(process_is_named("test_cmd_process")); /* itself */
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	assert_true(child > 0);
	assert_true(process_is_named("test_cmd_process"));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_false(process_is_named("no program has this name"));
	assert_false(process_is_named(""));
}

/* Go, but nothing is known of its runtime: that is why, not where its goroutines are. */
static void test_unknown_runtime(void **state)
{
	struct elfbuild image = eb_usual(PCLNTAB_1_20);
	enum gobin_reason reason;
	struct gobin *b = NULL;

	(void)state;
	eb_build(&image);
	int fd = eb_file(image.data, sizeof(image.data));

	assert_int_equal(gobin_open(fd, &b, &reason), 0);
	close(fd);
	const struct target t = { .bin = b };

	assert_string_equal(process_lacks(&t), gobin_reason_str(GOBIN_NO_OFFSETS));
	gobin_unref(b);
}

static void test_files(void **state)
{
	char dir[] = "/tmp/gotide-test.XXXXXX", path[64], gone[64];
	struct symbols *s = fixture_symbols(NULL);
	struct profile p;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.svg", dir);
	snprintf(gone, sizeof(gone), "%s/none/x.pb.gz", dir);
	fixture_profile(&p, s);
	assert_int_equal(process_write_flame(path, "title", &p), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 1000);
	assert_int_equal(process_write_pprof(NULL, &p), 0);
	assert_int_equal(process_write_pprof(gone, &p), -ENOENT);
	assert_int_equal(unlink(path), 0);
	/* Nothing half written is left behind. */
	assert_int_equal(rmdir(dir), 0);
	profile_release(&p);
	symbols_free(s);
}

/* What is no plain file stays what it is. */
static void test_links_and_devices(void **state)
{
	char dir[] = "/tmp/gotide-test.XXXXXX", file[64], link[64];
	struct symbols *s = fixture_symbols(NULL);
	struct profile p;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/x.svg", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	fixture_profile(&p, s);
	assert_int_equal(process_write_flame(file, "title", &p), 0);
	assert_int_equal(chmod(file, 0600), 0);
	assert_int_equal(symlink("x.svg", link), 0);
	assert_int_equal(process_write_pprof(link, &p), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(process_write_flame(file, "title", &p), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size > 1000 && (st.st_mode & 0777) == 0600);
	assert_int_equal(process_write_pprof("/dev/full", &p), -ENOSPC);
	assert_int_equal(process_write_pprof("/dev/null", &p), 0);
	assert_int_equal(lstat("/dev/full", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(dir), 0);
	profile_release(&p);
	symbols_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_runtime),	     cmocka_unit_test(test_refused),
		cmocka_unit_test(test_what_may_be_a_target), cmocka_unit_test(test_files),
		cmocka_unit_test(test_links_and_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
