// SPDX-License-Identifier: MIT
/*
 * Loading the module with each failing allocation of its own start. Who fails leaves
 * nothing behind: no node, no folder, and no name that is in the way of the next one.
 *
 * Needs a kernel with fault injection. The kernel's loader has many more places, some
 * of which warn when they fail (those of trace events in 7.2): so this begins at the
 * last place and goes backwards, until the module's own code is not reached any more.
 * Memory that is left is kmemleak's to see.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ks.h"
#include "lib/nth.h"

#define KS_LOAD_LIMIT_S	120
#define KS_LOAD_MAX	100000	/* more than there are places */
#define KS_LOAD_MORE	8	/* so many may come and go: a cache that is full */
#define KS_LOAD_LEAST	4	/* a work queue, two nodes, a folder */
#define KS_SETTLE_MS	1000	/* what goes behind the caller's back */

#define KS_TRACING	"/sys/kernel/tracing/"
#define KS_EVENT	KS_TRACING "events/module/module_load/enable"

static const char *const ks_places[] = {
	HVCAL_CLIENT_NODE,
	HVCAL_PROVIDER_NODE,
	"/sys/class/misc/hvcal",
	"/sys/class/misc/hvcal-provider",
	"/sys/kernel/debug/hvcal",
	"/sys/module/hvcal",
};

static void ks_expect_no_trace(unsigned int nth)
{
	for (size_t i = 0; i < sizeof(ks_places) / sizeof(ks_places[0]); i++)
		for (int waited = 0; !access(ks_places[i], F_OK); waited += 5) {
			if (waited >= ks_ms(KS_SETTLE_MS))
				ks_fail(__FILE__, __LINE__, "fault %u leaves %s", nth,
					ks_places[i]);
			ks_sleep_ms(5);
		}
}

/* Both nodes answer, and an engine gets its folder. */
static void ks_expect_whole(void)
{
	int client = open(HVCAL_CLIENT_NODE, O_RDWR | O_CLOEXEC);
	struct ks_provider p;

	CHECK_GE(client, 0);
	CHECK_EQ(ks_caps(client).abi_major, HVCAL_ABI_MAJOR);
	close(client);
	CHECK_OK(access(HVCAL_PROVIDER_NODE, R_OK | W_OK) ? -errno : 0);
	ks_provider_open(&p, "ks-load", 1, 1);
	CHECK_OK(access("/sys/class/misc/hvcal/engines", F_OK) ? -errno : 0);
	close(p.fd);
}

/* What the loader and misc_register() say when there is no memory. */
static bool ks_is_no_memory(int err)
{
	return err == -ENOMEM || err == -EFAULT || err == -EBUSY;
}

/* ---- whether the loader came to call the module ---- */

static void ks_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK_GE(fd, 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Whether @trace says so, which forgets what has been read. */
static bool ks_was_called(int trace)
{
	static char text[65536];	/* what one load leaves is a line */
	size_t len = 0;
	ssize_t got;

	while (len < sizeof(text) - 1 &&
	       (got = read(trace, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = 0;
	return strstr(text, "module_load: hvcal ");
}

/* ---- loads ---- */

static void ks_remove(unsigned int nth)
{
	CHECK_OK(ks_module_remove_within(ks_ms(KS_SETTLE_MS)));
	ks_expect_no_trace(nth);
}

/* How many places there are in a load that succeeds. */
static unsigned int ks_count_places(int file, int knob)
{
	unsigned int left;

	ks_nth_arm(knob, KS_LOAD_MAX);
	CHECK_OK(ks_module_insert_file(file));
	left = ks_nth_left(knob);
	CHECK(!ks_nth_disarm(knob));
	ks_remove(0);
	return KS_LOAD_MAX - left;
}

struct ks_loader {
	int file, knob, trace;
	unsigned int failed, tolerated;
};

/* One load; false: it failed before the module was called. */
static bool ks_load(struct ks_loader *l, unsigned int nth)
{
	bool fired, called;
	int err;

	ks_nth_arm(l->knob, nth);
	err = ks_module_insert_file(l->file);
	fired = ks_nth_disarm(l->knob);
	called = ks_was_called(l->trace);
	if (!err) {
		CHECK(called);
		l->tolerated += fired;
		ks_expect_whole();
		ks_remove(nth);
		return true;
	}
	if (!fired || !ks_is_no_memory(err))
		ks_fail(__FILE__, __LINE__, "fault %u gave %s", nth, ks_err(err));
	ks_expect_no_trace(nth);
	l->failed += called;
	return called;
}

static void ks_load_with_faults(void)
{
	struct ks_loader l = {
		.file = ks_module_open(),
		.knob = ks_nth_open(),
		.trace = open(KS_TRACING "trace_pipe", O_RDONLY | O_CLOEXEC | O_NONBLOCK),
	};
	unsigned int nth;

	CHECK_GE(l.file, 0);
	CHECK_GE(l.trace, 0);
	ks_write(KS_EVENT, "1");
	nth = ks_count_places(l.file, l.knob) + KS_LOAD_MORE;
	ks_was_called(l.trace);
	while (nth && ks_load(&l, nth))
		nth--;
	ks_note("%u faults kept the module out, %u did not", l.failed, l.tolerated);
	CHECK_GE(l.failed, KS_LOAD_LEAST);
}

/* In a process of its own: the module is put back, whatever that finds. */
KS_TEST_LIMIT(every_place_fails, KS_LOAD_LIMIT_S)
{
	int status = 0, err;
	pid_t pid;

	ks_module_need(true);
	ks_nth_prepare();
	if (access(KS_EVENT, W_OK))
		ks_skip("this kernel has no trace events of modules");
	CHECK_OK(ks_module_remove_within(ks_ms(KS_SETTLE_MS)));
	pid = fork();
	if (!pid) {
		ks_load_with_faults();
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	ks_write(KS_EVENT, "0");
	err = ks_module_insert();
	CHECK(pid > 0 && WIFEXITED(status) && !WEXITSTATUS(status));
	CHECK_OK(err);
}
