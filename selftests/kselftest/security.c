// SPDX-License-Identifier: MIT
/*
 * Who may do what, and who sees whom: the tests that
 * Documentation/threat-model.rst refers to.
 */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ks.h"

#define KS_NOBODY	65534
#define KS_SYSFS	"/sys/class/misc/hvcal"

/* For good: a user without any right. What is open stays open. */
static void ks_become_nobody(void)
{
	if (setgroups(0, NULL) || setgid(KS_NOBODY) || setuid(KS_NOBODY))
		ks_skip("not root: cannot become somebody else");
	CHECK(setuid(0) < 0);
}

static void ks_expect_closed(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0 || (errno != EACCES && errno != EPERM))
		ks_fail(__FILE__, __LINE__, "%s: open gave %s", path,
			fd >= 0 ? "a descriptor" : strerror(errno));
}

/* ---- roles (the calls of the other node: other_node in uapi_client.c and uapi_provider.c) ---- */

/* No number of the provider's works on the client node under another name. */
KS_TEST(client_has_no_hidden_call)
{
	uint8_t arg[4096] = { 0 };
	int client = ks_client();

	for (unsigned int nr = 0x40; nr < 0x100; nr++)
		for (unsigned int dir = 0; dir < 4; dir++) {
			int err = ks_ioctl(client, _IOC(dir, HVCAL_IOC_MAGIC, nr, 64), arg);

			if (err != -EACCES && err != -ENOTTY)
				ks_fail(__FILE__, __LINE__, "number %#x gave %s", nr, ks_err(err));
		}
}

/* ---- the door ---- */

struct ks_path { const char *name; };

static const struct ks_path nodes[] = { { HVCAL_CLIENT_NODE }, { HVCAL_PROVIDER_NODE } };

KS_TABLE(node_is_closed_to_others, nodes)
{
	const struct ks_path *node = row;
	struct stat st;

	close(ks_client());
	CHECK_EQ(stat(node->name, &st), 0);
	CHECK_EQ(st.st_mode & 07, 0);
	ks_become_nobody();
	ks_expect_closed(node->name, O_RDWR);
	ks_expect_closed(node->name, O_RDONLY);
}

/* ---- other clients ---- */

/* Everything that takes a number, with the numbers of somebody else's file. */
static void ks_expect_strange(int client, uint32_t session, uint32_t buffer, uint64_t job)
{
	struct hvcal_session_reconfigure reconfigure = { .session = session };
	struct hvcal_session_flush flush = { .session = session };
	struct hvcal_session_stats stats = { .session = session };
	struct hvcal_job_fence fence = { .session = session, .job = job };
	struct hvcal_job_desc desc;

	reconfigure.res = (struct hvcal_reservation) {
		.bit_depth = 8, .width = KS_WIDTH, .height = KS_HEIGHT,
	};
	ks_job_init(&desc, buffer, buffer);
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_SESSION_RECONFIGURE, &reconfigure), -ENOENT);
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_SESSION_FLUSH, &flush), -ENOENT);
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_SESSION_STATS, &stats), -ENOENT);
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_JOB_FENCE, &fence), -ENOENT);
	CHECK_ERR(ks_submit(client, session, &desc, 1), -ENOENT);
	CHECK_ERR(ks_cancel(client, session, job, NULL), -ENOENT);
	CHECK_ERR(ks_release(client, buffer), -ENOENT);
	CHECK_ERR(ks_destroy(client, session), -ENOENT);
}

KS_TEST(handles_are_private)
{
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;
	uint64_t job;
	int other;

	ks_rig_open(&rig, "ks-private", 1, 1);
	job = ks_rig_submit(&rig, rig.target, 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	other = ks_client();
	ks_expect_strange(other, rig.session, rig.source, job);
	/* no event of the other's, and his are not disturbed */
	ks_expect_quiet(other);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.job, job);
	ks_rig_run(&rig, 2);
}

/* A buffer of another file cannot be named, though the session is one's own. */
KS_TEST(buffers_are_private)
{
	struct hvcal_job_desc desc;
	struct ks_rig rig;
	uint32_t session;
	int other;

	ks_rig_open(&rig, "ks-private-buf", 4, 4);
	other = ks_client();
	session = ks_session_plain(&rig.p, other);
	ks_job_init(&desc, rig.source, rig.target);
	CHECK_ERR(ks_submit(other, session, &desc, 1), -ENOENT);
}

/* ---- other users ---- */

static const struct ks_path closed_files[] = {
	{ "/sys/kernel/debug/hvcal/sessions" },
	{ "/sys/kernel/debug/hvcal/engines" },
	{ "/sys/kernel/debug/hvcal/objects" },
	{ "/sys/kernel/tracing/events/hvcal/enable" },
	{ "/sys/kernel/tracing/trace" },
};

KS_TABLE(file_is_closed_to_others, closed_files)
{
	const struct ks_path *file = row;

	close(ks_client());
	if (access(file->name, F_OK))
		ks_skip("there is no %s", file->name);
	ks_become_nobody();
	ks_expect_closed(file->name, O_RDONLY);
}

/* Says the number of its client's descriptor. */
static void ks_other_client(struct ks_peer *self, void *arg)
{
	(void)arg;
	ks_peer_say(self, (uint64_t)ks_client());
	for (;;)
		pause();
}

KS_TEST(fdinfo_is_closed_to_others)
{
	struct ks_peer peer = ks_peer_start(ks_other_client, NULL);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", peer.pid, (int)ks_peer_hear(&peer));
	CHECK_EQ(access(path, R_OK), 0);
	ks_become_nobody();
	ks_expect_closed(path, O_RDONLY);
}

/* Everything that sysfs has is about engines; one more file is one to think about. */
KS_TEST(sysfs_names_no_session)
{
	static const char *const known[] = {
		"name", "kind", "state", "gpu", "numa_node", "slots", "session_depth",
		"max_sessions", "sessions", "load_ppm", "external_ppm", "jobs_done",
	};
	struct ks_rig rig;
	struct dirent *d;
	char path[64];
	DIR *dir;

	ks_rig_open(&rig, "ks-sysfs-priv", 1, 1);
	ks_become_nobody();
	snprintf(path, sizeof(path), KS_SYSFS "/engines/%u", rig.p.engine);
	dir = opendir(path);
	CHECK(dir);
	while ((d = readdir(dir))) {
		bool found = d->d_name[0] == '.';

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found |= !strcmp(d->d_name, known[i]);
		if (!found)
			ks_fail(__FILE__, __LINE__, "%s/%s: not known here", path, d->d_name);
	}
	closedir(dir);
}

/* With a descriptor that was handed over: one's own sessions, and of others a count. */
KS_TEST(other_user_sees_a_count)
{
	struct hvcal_engine_info info;
	struct ks_rig rig;
	int handed;

	ks_rig_open(&rig, "ks-count", 1, 1);
	handed = ks_client();
	ks_become_nobody();
	CHECK_OK(ks_engine_info(handed, rig.p.engine, &info));
	CHECK_EQ(info.sessions, 1);
	ks_expect_strange(handed, rig.session, rig.source, 1);
}
