// SPDX-License-Identifier: MIT
/* Buffers: what may be imported, who sees it, and until when. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ks.h"

static int ks_import_fd(int client, int fd)
{
	struct hvcal_buffer_import arg;

	ks_import_init(&arg, fd, HVCAL_BUFFER_SOURCE);
	return ks_ioctl(client, HVCAL_IOC_BUFFER_IMPORT, &arg);
}

/* ---- what is not a DMA-BUF ---- */

KS_TEST(import_memfd)
{
	int fd = memfd_create("ks", MFD_CLOEXEC);

	CHECK_GE(fd, 0);
	CHECK_OK(ftruncate(fd, KS_FRAME_BYTES));
	CHECK_ERR(ks_import_fd(ks_client(), fd), -EINVAL);
}

KS_TEST(import_pipe)
{
	int fds[2];

	CHECK_OK(pipe(fds));
	CHECK_ERR(ks_import_fd(ks_client(), fds[0]), -EINVAL);
}

KS_TEST(import_own_node)
{
	int client = ks_client();

	CHECK_ERR(ks_import_fd(client, client), -EINVAL);
	CHECK_ERR(ks_import_fd(client, ks_provider_node(0)), -EINVAL);
}

/* The table of errors has no EBADF: either that or EINVAL says it well. */
KS_TEST(import_closed)
{
	int err = ks_import_fd(ks_client(), 999);

	CHECK(err == -EBADF || err == -EINVAL);
}

/* One plane that is wrong refuses all, and nothing stays behind. */
KS_TEST(import_second_plane_wrong)
{
	struct ks_buf buf = ks_buf_make(KS_FRAME_BYTES);
	struct hvcal_buffer_import arg;
	int client = ks_client(), fds[2];

	CHECK_OK(pipe(fds));
	ks_import_init(&arg, buf.fd, HVCAL_BUFFER_SOURCE);
	arg.fds[1] = fds[0];
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_BUFFER_IMPORT, &arg), -EINVAL);
	ks_import(client, buf.fd, HVCAL_BUFFER_SOURCE);
}

/* ---- what is told ---- */

KS_TEST(import_size)
{
	struct ks_buf a = ks_buf_make(KS_FRAME_BYTES), b = ks_buf_make(2 * KS_FRAME_BYTES);
	struct hvcal_buffer_import arg;
	int client = ks_client();

	ks_import_init(&arg, a.fd, HVCAL_BUFFER_SOURCE | HVCAL_BUFFER_TARGET);
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_BUFFER_IMPORT, &arg));
	CHECK_EQ(arg.size, KS_FRAME_BYTES);
	ks_import_init(&arg, a.fd, HVCAL_BUFFER_SOURCE);
	arg.fds[1] = b.fd;
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_BUFFER_IMPORT, &arg));
	CHECK_EQ(arg.size, 3 * KS_FRAME_BYTES);
}

/*
 * Zero copy: the provider's descriptor is the very same DMA-BUF, and each side
 * sees what the other writes.
 */
KS_TEST(same_memory)
{
	struct hvcal_event ev;
	struct hvcal_item item;
	struct hvcal_job_desc job;
	struct ks_buf source = ks_buf_make(KS_FRAME_BYTES), target = ks_buf_make(KS_FRAME_BYTES);
	struct ks_provider_buf *in, *out;
	struct stat mine, theirs;
	struct ks_rig rig;
	uint8_t *in_map, *out_map;

	ks_rig_open(&rig, "ks-bu-same", 1, 1);
	memset(source.map, 0x31, source.size);
	ks_job_init(&job, ks_import(rig.client, source.fd, HVCAL_BUFFER_SOURCE),
		    ks_import(rig.client, target.fd, HVCAL_BUFFER_TARGET));
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	in = ks_provider_find(&rig.p, item.source);
	out = ks_provider_find(&rig.p, item.target);
	CHECK(in && out && in != out);
	CHECK_NE(in->fds[0], source.fd);
	CHECK_EQ(in->size, source.size);
	CHECK_EQ(in->flags, HVCAL_BUFFER_SOURCE);
	CHECK_EQ(out->flags, HVCAL_BUFFER_TARGET);
	CHECK_OK(fstat(source.fd, &mine));
	CHECK_OK(fstat(in->fds[0], &theirs));
	CHECK_EQ(mine.st_ino, theirs.st_ino);
	CHECK_EQ(mine.st_dev, theirs.st_dev);
	in_map = mmap(NULL, source.size, PROT_READ, MAP_SHARED, in->fds[0], 0);
	CHECK(in_map != MAP_FAILED);
	CHECK_EQ(in_map[source.size - 1], 0x31);
	/* still the same memory after the hand-over */
	source.map[100] = 0x32;
	CHECK_EQ(in_map[100], 0x32);
	out_map = mmap(NULL, target.size, PROT_READ | PROT_WRITE, MAP_SHARED, out->fds[0], 0);
	CHECK(out_map != MAP_FAILED);
	out_map[7] = 0x77;
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 8));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(target.map[7], 0x77);
}

KS_TEST(layout_is_carried)
{
	struct hvcal_frame_layout layout = { .size = sizeof(layout), .width = 123, .planes = 2 };
	struct ks_buf buf = ks_buf_make(KS_FRAME_BYTES);
	struct hvcal_buffer_import arg;
	struct hvcal_job_desc job;
	struct ks_rig rig;
	bool seen = false;

	ks_rig_open(&rig, "ks-bu-layout", 1, 1);
	ks_import_init(&arg, buf.fd, HVCAL_BUFFER_SOURCE);
	arg.layout = (struct hvcal_blob) { (uintptr_t)&layout, sizeof(layout), 0 };
	CHECK_OK(ks_ioctl(rig.client, HVCAL_IOC_BUFFER_IMPORT, &arg));
	ks_job_init(&job, arg.buffer, rig.target);
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
	CHECK_OK(ks_acquire(&rig.p));
	for (uint32_t i = 0; i < rig.p.count; i++) {
		const struct hvcal_item *item = &rig.p.items[i];

		if (item->type != HVCAL_ITEM_BUFFER_ADD || !item->params_len)
			continue;
		CHECK_EQ(item->params_len, sizeof(layout));
		CHECK(!memcmp(rig.p.blobs + item->params_off, &layout, sizeof(layout)));
		seen = true;
	}
	CHECK(seen);
}

/* ---- how often and how long ---- */

KS_TEST(added_once)
{
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-bu-once", 1, 1);
	for (int i = 0; i < 5; i++)
		ks_rig_run(&rig, 0);
	CHECK_EQ(rig.p.adds, 2);
	CHECK_EQ(rig.p.drops, 0);
}

/* Two sessions on one provider share what it was given. */
KS_TEST(added_once_for_sessions)
{
	struct hvcal_item item;
	struct hvcal_job_desc job;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-bu-sessions", 2, 1);
	ks_rig_run(&rig, 0);
	ks_job_init(&job, rig.source, rig.target);
	CHECK_EQ(ks_submit(rig.client, ks_session_plain(&rig.p, rig.client), &job, 1), 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_EQ(rig.p.adds, 2);
}

static void ks_expect_drops(struct ks_provider *p, unsigned int drops)
{
	struct hvcal_item item;

	for (int i = 0; p->drops < drops && i < 20; i++)
		CHECK_ERR(ks_next(p, &item, ks_ms(KS_QUIET_MS)), -ETIMEDOUT);
	CHECK_EQ(p->drops, drops);
}

KS_TEST(dropped_after_release)
{
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-bu-drop", 1, 1);
	ks_rig_run(&rig, 0);
	CHECK_OK(ks_release(rig.client, rig.source));
	ks_expect_drops(&rig.p, 1);
	CHECK_OK(ks_release(rig.client, rig.target));
	ks_expect_drops(&rig.p, 2);
	/* never given, so nothing to drop */
	CHECK_OK(ks_release(rig.client, rig.target2));
	ks_expect_idle(&rig.p);
	CHECK_EQ(rig.p.drops, 2);
}

/* The handle goes at once, the memory with its last job. */
KS_TEST(released_while_running)
{
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-bu-running", 1, 1);
	ks_rig_submit(&rig, rig.target, 0);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_release(rig.client, rig.source));
	CHECK_OK(ks_release(rig.client, rig.target));
	ks_expect_idle(&rig.p);
	CHECK_EQ(rig.p.drops, 0);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	ks_expect_drops(&rig.p, 2);
}

KS_TEST(dropped_after_close)
{
	struct hvcal_item item;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-bu-close", 1, 1);
	ks_rig_run(&rig, 0);
	close(rig.client);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_CLOSE);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 0));
	ks_expect_drops(&rig.p, 2);
}

/* ---- who owns a target ---- */

KS_TEST(target_is_owned)
{
	struct hvcal_event ev;
	struct hvcal_item item;
	struct hvcal_job_desc job;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-bu-owned", 1, 1);
	ks_rig_submit(&rig, rig.target, 0);
	ks_job_init(&job, rig.source, rig.target);
	CHECK_ERR(ks_submit(rig.client, rig.session, &job, 1), -EBUSY);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_ERR(ks_submit(rig.client, rig.session, &job, 1), -EBUSY);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
}

KS_TEST(target_twice_in_a_batch)
{
	struct hvcal_job_desc jobs[2];
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-bu-twice", 2, 2);
	ks_job_init(&jobs[0], rig.source, rig.target);
	ks_job_init(&jobs[1], rig.source, rig.target);
	CHECK_EQ(ks_submit(rig.client, rig.session, jobs, 2), 1);
	CHECK_ERR(ks_submit(rig.client, rig.session, &jobs[1], 1), -EBUSY);
}

KS_TEST(source_is_shared)
{
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-bu-shared", 2, 2);
	ks_rig_submit(&rig, rig.target, 0);
	ks_rig_submit(&rig, rig.target2, 0);
}

/* ---- limits ---- */

KS_TEST_LIMIT(buffers_of_a_file, 60)
{
	struct ks_buf buf = ks_buf_make(4096);
	struct hvcal_buffer_import arg;
	int client = ks_client(), err = 0;
	uint32_t max = ks_caps(client).max_buffers, made = 0;

	if (max > 65536)
		ks_skip("%u buffers are too many to try", max);
	for (; made <= max && !err; made++) {
		ks_import_init(&arg, buf.fd, HVCAL_BUFFER_SOURCE);
		err = ks_ioctl(client, HVCAL_IOC_BUFFER_IMPORT, &arg);
	}
	CHECK(err == -EUSERS || err == -ENOSPC);
	CHECK_GE(made, max);
}

/* No descriptor left in the provider: the frame stays queued and comes later. */
KS_TEST(provider_without_descriptors)
{
	struct rlimit old, none = { 0 };
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;
	int probe;

	ks_rig_open(&rig, "ks-bu-emfile", 1, 1);
	CHECK_OK(getrlimit(RLIMIT_NOFILE, &old));
	ks_rig_submit(&rig, rig.target, 0);
	/* room for one of the two descriptors that the frame brings */
	probe = dup(rig.client);
	close(probe);
	none = old;
	none.rlim_cur = (rlim_t)probe + 1;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &none));
	CHECK_ERR(ks_acquire(&rig.p), -EMFILE);
	CHECK_ERR(ks_acquire(&rig.p), -EMFILE);
	/* and none of them was left open by that */
	CHECK_EQ(dup(rig.client), probe);
	close(probe);
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &old));
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
}

/* A buffer of one GPU does not go to an engine of another. */
KS_TEST(foreign_gpu)
{
	struct hvcal_gpu_info gpus[8];
	struct hvcal_gpu_list list = { .gpus = { sizeof(gpus[0]), 8, (uintptr_t)gpus } };
	struct ks_buf buf = ks_buf_make(KS_FRAME_BYTES);
	struct hvcal_engine_register reg;
	struct hvcal_engine_cap cap;
	struct hvcal_buffer_import arg;
	struct hvcal_job_desc job;
	struct ks_provider p;
	int client = ks_client();

	CHECK_OK(ks_ioctl(client, HVCAL_IOC_GPU_LIST, &list));
	if (list.gpus.count < 2)
		ks_skip("fewer than two PCI display devices");
	ks_cap_init(&cap);
	ks_register_init(&reg, &cap, "ks-bu-gpu");
	memcpy(reg.slot, gpus[0].slot, sizeof(reg.slot));
	ks_provider_register(&p, &reg);
	ks_import_init(&arg, buf.fd, HVCAL_BUFFER_SOURCE);
	arg.gpu = gpus[1].id;
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_BUFFER_IMPORT, &arg));
	ks_job_init(&job, arg.buffer, ks_import_new(client, HVCAL_BUFFER_TARGET));
	CHECK_ERR(ks_submit(client, ks_session_plain(&p, client), &job, 1), -EXDEV);
}
