// SPDX-License-Identifier: MIT
/* Private engines: whose they are, who sees them, and that their work counts. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ks.h"

/* 22 ms of what ks_cap_init() and the seed of the cost model make of a frame. */
#define BIG_WIDTH	4096
#define BIG_HEIGHT	2160

static void ks_private_init(struct hvcal_engine_register *arg, const struct hvcal_engine_cap *cap,
			    const char *name)
{
	ks_register_init(arg, cap, name);
	arg->flags = HVCAL_ENGINE_PRIVATE;
}

/* A private engine of @client. */
static void ks_private_open(struct ks_provider *p, int client, const char *name)
{
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;

	ks_cap_init(&cap);
	ks_private_init(&arg, &cap, name);
	ks_private_register(p, client, &arg);
}

static uint32_t ks_private_buffer(int client)
{
	struct hvcal_frame_layout layout = { .size = sizeof(layout), .offset = { 0x7f0000 } };
	struct hvcal_buffer_import arg = {
		.flags = HVCAL_BUFFER_SOURCE | HVCAL_BUFFER_PRIVATE,
		.fds = { -1, -1, -1, -1 },
		.layout = { (uintptr_t)&layout, sizeof(layout), 0 },
	};

	CHECK_OK(ks_ioctl(client, HVCAL_IOC_BUFFER_IMPORT, &arg));
	CHECK_EQ(arg.size, 0);
	return arg.buffer;
}

static int ks_create_on(int client, uint32_t engine)
{
	struct hvcal_session_create arg;

	ks_create_init(&arg, engine);
	return ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, &arg);
}

static int ks_caps_of(int fd, uint32_t engine)
{
	struct hvcal_engine_caps arg = {
		.engine = engine, .caps = { .stride = sizeof(struct hvcal_engine_cap) },
	};

	return ks_ioctl(fd, HVCAL_IOC_ENGINE_CAPS, &arg);
}

/* Everything that a stranger could do with its number. */
static void ks_expect_hidden(int fd, uint32_t engine)
{
	struct hvcal_engine_info info;

	CHECK_ERR(ks_engine_info(fd, engine, &info), -ENODEV);
	CHECK_ERR(ks_caps_of(fd, engine), -ENODEV);
}

KS_TEST(only_its_client_sees_it)
{
	int client = ks_client(), other = ks_client();
	struct hvcal_engine_info info;
	struct ks_provider p, public;
	char path[64];

	ks_provider_open(&public, "ks-public", 1, 1);
	ks_private_open(&p, client, "ks-mine");
	CHECK_OK(ks_engine_info(client, p.engine, &info));
	CHECK_EQ(info.flags, HVCAL_ENGINE_PRIVATE);
	CHECK_OK(ks_caps_of(client, p.engine));
	CHECK_OK(ks_engine_info(p.fd, p.engine, &info));
	CHECK_OK(ks_engine_info(p.fd, public.engine, &info));

	ks_expect_hidden(other, p.engine);
	ks_expect_hidden(public.fd, p.engine);
	ks_expect_hidden(ks_private_file(other), p.engine);
	CHECK_ERR(ks_create_on(other, p.engine), -ENODEV);
	CHECK_OK(ks_create_on(client, p.engine));
	snprintf(path, sizeof(path), "/sys/class/misc/hvcal/engines/%u", public.engine);
	CHECK_EQ(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "/sys/class/misc/hvcal/engines/%u", p.engine);
	CHECK_NE(access(path, F_OK), 0);
}

/* Neither others' sessions nor its own client's come there by chance. */
KS_TEST(only_by_name)
{
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;
	int client = ks_client();
	struct ks_provider p;

	ks_cap_init(&cap);
	cap.codec = HVCAL_FOURCC('k', 's', 'p', 'r');
	ks_private_init(&arg, &cap, "ks-only");
	arg.kind = HVCAL_ENGINE_SOFTWARE;
	ks_private_register(&p, client, &arg);
	for (uint32_t engine = 0; engine <= p.engine; engine += p.engine) {
		struct hvcal_session_create create;

		ks_create_init(&create, engine);
		create.codec = cap.codec;
		CHECK_ERR(ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, &create),
			  engine ? 0 : -ENOTCONN);
	}
}

KS_TEST(its_file_has_no_other_engines)
{
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;
	int client = ks_client();
	int fd = ks_private_file(client);

	ks_cap_init(&cap);
	ks_register_init(&arg, &cap, "ks-plain");
	CHECK_ERR(ks_ioctl(fd, HVCAL_IOC_ENGINE_REGISTER, &arg), -EACCES);
	arg.flags = HVCAL_ENGINE_PRIVATE | HVCAL_ENGINE_KILL;
	CHECK_ERR(ks_ioctl(fd, HVCAL_IOC_ENGINE_REGISTER, &arg), -EINVAL);
	arg.flags = HVCAL_ENGINE_PRIVATE;
	CHECK_OK(ks_ioctl(fd, HVCAL_IOC_ENGINE_REGISTER, &arg));
	arg.flags = 0;
	CHECK_OK(ks_ioctl(ks_provider_node(0), HVCAL_IOC_ENGINE_REGISTER, &arg));
}

KS_TEST(names)
{
	int client = ks_client(), other = ks_client();
	struct ks_provider mine, his, public;
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;

	ks_private_open(&mine, client, "ks-name");
	ks_private_open(&his, other, "ks-name");
	ks_cap_init(&cap);
	ks_private_init(&arg, &cap, "ks-name");
	CHECK_ERR(ks_ioctl(mine.fd, HVCAL_IOC_ENGINE_REGISTER, &arg), -EBUSY);
	/* nobody is kept from a name by what he cannot see */
	ks_provider_open(&public, "ks-name", 1, 1);
	ks_provider_close(&his);
	CHECK_ERR(ks_ioctl(ks_private_file(other), HVCAL_IOC_ENGINE_REGISTER, &arg), -EBUSY);
}

KS_TEST(frames_of_private_memory)
{
	struct hvcal_frame_layout layout;
	struct hvcal_job_desc job;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;
	uint32_t public;

	memset(&rig, 0, sizeof(rig));
	rig.client = ks_client();
	ks_private_open(&rig.p, rig.client, "ks-cuda");
	rig.session = ks_session_plain(&rig.p, rig.client);
	rig.source = ks_private_buffer(rig.client);
	rig.target = ks_import_new(rig.client, HVCAL_BUFFER_TARGET);
	ks_rig_submit(&rig, rig.target, 7);
	CHECK_OK(ks_acquire(&rig.p));
	CHECK_EQ(rig.p.items[0].type, HVCAL_ITEM_BUFFER_ADD);
	CHECK_EQ(rig.p.items[0].buffer_flags, HVCAL_BUFFER_SOURCE | HVCAL_BUFFER_PRIVATE);
	CHECK_EQ(rig.p.items[0].params_len, sizeof(layout));
	memcpy(&layout, rig.p.blobs + rig.p.items[0].params_off, sizeof(layout));
	CHECK_EQ(layout.offset[0], 0x7f0000);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 100));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.user_data, 7);

	/* an engine of others has no use for it, nor is it a map */
	struct ks_provider other;

	ks_provider_open(&other, "ks-others", 1, 1);
	public = ks_session_plain(&other, rig.client);
	ks_job_init(&job, rig.source, rig.target);
	CHECK_ERR(ks_submit(rig.client, public, &job, 1), -EXDEV);
	job.side = rig.source;
	CHECK_ERR(ks_submit(rig.client, rig.session, &job, 1), -EINVAL);
}

KS_TEST(goes_with_its_client)
{
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;
	struct ks_provider p;
	int client = ks_client();

	ks_private_open(&p, client, "ks-owner");
	ks_session_plain(&p, client);
	close(client);
	ks_expect_hidden(p.fd, p.engine);
	ks_cap_init(&cap);
	ks_private_init(&arg, &cap, "ks-late");
	CHECK_ERR(ks_ioctl(p.fd, HVCAL_IOC_ENGINE_REGISTER, &arg), -ENODEV);
}

KS_TEST(goes_with_its_file)
{
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;

	memset(&rig, 0, sizeof(rig));
	rig.client = ks_client();
	ks_private_open(&rig.p, rig.client, "ks-file");
	rig.session = ks_session_plain(&rig.p, rig.client);
	rig.source = ks_private_buffer(rig.client);
	rig.target = ks_import_new(rig.client, HVCAL_BUFFER_TARGET);
	ks_rig_submit(&rig, rig.target, 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	ks_provider_close(&rig.p);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_LOST, -ENODEV);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, -ENODEV);
	ks_expect_hidden(rig.client, rig.p.engine);
}

/* Holds a frame in a private engine and waits to be killed. */
static void ks_owner(struct ks_peer *self, void *arg)
{
	struct hvcal_item item;
	struct ks_rig rig;

	(void)arg;
	memset(&rig, 0, sizeof(rig));
	rig.client = ks_client();
	ks_private_open(&rig.p, rig.client, "ks-killed");
	rig.session = ks_session_plain(&rig.p, rig.client);
	rig.source = ks_private_buffer(rig.client);
	rig.target = ks_import_new(rig.client, HVCAL_BUFFER_TARGET);
	ks_rig_submit(&rig, rig.target, 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	ks_peer_say(self, rig.p.engine);
	for (;;)
		pause();
}

/* That nothing is left of it is the harness's to see. */
KS_TEST(goes_with_its_process)
{
	struct ks_peer peer = ks_peer_start(ks_owner, NULL);

	CHECK_NE(ks_peer_hear(&peer), 0);
	ks_peer_kill(&peer, SIGKILL);
	/* its name, too */
	for (int tries = 0; tries < 2; tries++) {
		struct ks_provider p;

		ks_provider_open(&p, "ks-killed", 1, 1);
		ks_provider_close(&p);
	}
}

KS_TEST(a_user_has_so_many)
{
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;
	int client = ks_client();
	struct ks_provider p;
	int other;

	ks_param("user_max_engines", 1);
	ks_private_open(&p, client, "ks-first");
	ks_cap_init(&cap);
	ks_private_init(&arg, &cap, "ks-second");
	other = ks_private_file(ks_client());
	CHECK_ERR(ks_ioctl(other, HVCAL_IOC_ENGINE_REGISTER, &arg), -EUSERS);
	ks_provider_close(&p);
	CHECK_OK(ks_ioctl(other, HVCAL_IOC_ENGINE_REGISTER, &arg));
}

KS_TEST(no_descriptor_left)
{
	struct hvcal_private_provider arg = { 0 };
	struct rlimit none, before;
	int client = ks_client();

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_PRIVATE_PROVIDER, &arg), -EMFILE);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(ks_private_file(client));
}

/* ---- admission ---- */

/* Asks for a frame of 22 ms every @period_ms. */
static int ks_reserve(int client, uint32_t engine, unsigned int period_ms,
		      struct hvcal_session_create *arg)
{
	ks_create_realtime(arg, engine, period_ms);
	arg->res.width = BIG_WIDTH;
	arg->res.height = BIG_HEIGHT;
	return ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, arg);
}

KS_TEST(is_admitted)
{
	struct hvcal_session_create arg;
	int client = ks_client();
	struct ks_provider p;

	ks_private_open(&p, client, "ks-admit");
	CHECK_OK(ks_reserve(client, p.engine, 40, &arg));
	CHECK_GE(arg.share_ppm, 500000);
	CHECK_ERR(ks_reserve(client, p.engine, 40, &arg), -ENOSPC);
	CHECK_EQ(arg.refused, HVCAL_RESOURCE_ENGINE_TIME);
}

/* What others have reserved on the GPU is gone for private engines, and vice versa. */
KS_TEST(shares_the_gpu)
{
	struct hvcal_gpu_info gpu;
	struct hvcal_gpu_list gpus = { .gpus = { sizeof(gpu), 1, (uintptr_t)&gpu } };
	int client = ks_client(), other = ks_client();
	struct ks_provider private, public;
	struct hvcal_engine_register arg;
	struct hvcal_session_create a, b;
	struct hvcal_engine_cap cap;

	CHECK_OK(ks_ioctl(client, HVCAL_IOC_GPU_LIST, &gpus));
	if (!gpus.gpus.count)
		ks_skip("no PCI display device");
	ks_cap_init(&cap);
	ks_register_init(&arg, &cap, "ks-gpu");
	arg.kind = HVCAL_ENGINE_HARDWARE;
	memcpy(arg.slot, gpu.slot, sizeof(arg.slot));
	ks_provider_register(&public, &arg);
	memcpy(arg.name, "ks-own", 7);
	ks_private_register(&private, client, &arg);

	CHECK_OK(ks_reserve(other, public.engine, 60, &a));
	CHECK_ERR(ks_reserve(client, private.engine, 30, &b), -ENOSPC);
	CHECK_EQ(b.refused, HVCAL_RESOURCE_ENGINE_TIME);
	CHECK_OK(ks_reserve(client, private.engine, 60, &b));
	/* two times 37 % are taken: a third one is too much, until the private one goes */
	CHECK_ERR(ks_reserve(other, public.engine, 60, &a), -ENOSPC);
	ks_provider_close(&private);
	CHECK_OK(ks_reserve(other, public.engine, 60, &a));
}
