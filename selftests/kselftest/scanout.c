// SPDX-License-Identifier: MIT
/*
 * Fences and buffers of a display driver: an atomic commit gives a fence that the
 * driver signals, as a class B engine's would be, and dumb buffers are DMA-BUFs of
 * a device with memory of its own.
 */
#include <fcntl.h>
#include <linux/sync_file.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "ks.h"

#define CARDS 16

struct display {
	int fd;
	char driver[32];
	uint32_t connector, crtc, plane, fb, dumb, mode_blob;
	drmModeModeInfo mode;
};

static uint32_t property(int fd, uint32_t object, uint32_t type, const char *name)
{
	drmModeObjectProperties *list = drmModeObjectGetProperties(fd, object, type);
	uint32_t id = 0;

	CHECK(list);
	for (uint32_t i = 0; i < list->count_props && !id; i++) {
		drmModePropertyRes *p = drmModeGetProperty(fd, list->props[i]);

		if (p && !strcmp(p->name, name))
			id = p->prop_id;
		drmModeFreeProperty(p);
	}
	drmModeFreeObjectProperties(list);
	return id;
}

/* A connector with a mode, and what drives it. */
static bool find_pipe(struct display *d)
{
	drmModeRes *res = drmModeGetResources(d->fd);
	drmModePlaneRes *planes = drmModeGetPlaneResources(d->fd);

	for (int i = 0; res && i < res->count_connectors && !d->connector; i++) {
		drmModeConnector *c = drmModeGetConnector(d->fd, res->connectors[i]);

		if (c && c->connection == DRM_MODE_CONNECTED && c->count_modes) {
			d->connector = c->connector_id;
			d->mode = c->modes[0];
		}
		drmModeFreeConnector(c);
	}
	if (res && res->count_crtcs)
		d->crtc = res->crtcs[0];
	if (planes && planes->count_planes)
		d->plane = planes->planes[0];
	drmModeFreePlaneResources(planes);
	drmModeFreeResources(res);
	return d->connector && d->crtc && d->plane;
}

static bool display_open(struct display *d, unsigned int card)
{
	char path[32];
	drmVersion *v;
	bool ok;

	memset(d, 0, sizeof(*d));
	snprintf(path, sizeof(path), "/dev/dri/card%u", card);
	d->fd = open(path, O_RDWR | O_CLOEXEC);
	if (d->fd < 0)
		return false;
	v = drmGetVersion(d->fd);
	if (v)
		snprintf(d->driver, sizeof(d->driver), "%s", v->name);
	drmFreeVersion(v);
	ok = strcmp(d->driver, "vgem") && !drmSetClientCap(d->fd, DRM_CLIENT_CAP_ATOMIC, 1) &&
	     find_pipe(d);
	if (!ok)
		close(d->fd);
	return ok;
}

static struct display display_need(void)
{
	struct display d;

	for (unsigned int i = 0; i < CARDS; i++)
		if (display_open(&d, i))
			return d;
	ks_skip("no display with atomic modesetting");
}

static void display_draw(struct display *d)
{
	uint32_t handles[4] = { 0 }, pitches[4] = { 0 }, offsets[4] = { 0 };
	uint64_t size;

	CHECK(!drmModeCreateDumbBuffer(d->fd, d->mode.hdisplay, d->mode.vdisplay, 32, 0,
				       &handles[0], &pitches[0], &size));
	d->dumb = handles[0];
	CHECK(!drmModeAddFB2(d->fd, d->mode.hdisplay, d->mode.vdisplay,
			     HVCAL_FOURCC('X', 'R', '2', '4'), handles, pitches, offsets, &d->fb,
			     0));
	CHECK(!drmModeCreatePropertyBlob(d->fd, &d->mode, sizeof(d->mode), &d->mode_blob));
}

static void add(drmModeAtomicReq *req, struct display *d, uint32_t object, uint32_t type,
		const char *name, uint64_t value)
{
	uint32_t id = property(d->fd, object, type, name);

	CHECK(id);
	CHECK(drmModeAtomicAddProperty(req, object, id, value) >= 0);
}

/* Shows the buffer; the fence of when it is on the screen. */
static int display_commit(struct display *d)
{
	drmModeAtomicReq *req = drmModeAtomicAlloc();
	const uint64_t w = d->mode.hdisplay, h = d->mode.vdisplay;
	int32_t fence = -1;

	CHECK(req);
	add(req, d, d->connector, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", d->crtc);
	add(req, d, d->crtc, DRM_MODE_OBJECT_CRTC, "ACTIVE", 1);
	add(req, d, d->crtc, DRM_MODE_OBJECT_CRTC, "MODE_ID", d->mode_blob);
	add(req, d, d->crtc, DRM_MODE_OBJECT_CRTC, "OUT_FENCE_PTR", (uintptr_t)&fence);
	add(req, d, d->plane, DRM_MODE_OBJECT_PLANE, "FB_ID", d->fb);
	add(req, d, d->plane, DRM_MODE_OBJECT_PLANE, "CRTC_ID", d->crtc);
	add(req, d, d->plane, DRM_MODE_OBJECT_PLANE, "SRC_X", 0);
	add(req, d, d->plane, DRM_MODE_OBJECT_PLANE, "SRC_Y", 0);
	add(req, d, d->plane, DRM_MODE_OBJECT_PLANE, "SRC_W", w << 16);
	add(req, d, d->plane, DRM_MODE_OBJECT_PLANE, "SRC_H", h << 16);
	add(req, d, d->plane, DRM_MODE_OBJECT_PLANE, "CRTC_X", 0);
	add(req, d, d->plane, DRM_MODE_OBJECT_PLANE, "CRTC_Y", 0);
	add(req, d, d->plane, DRM_MODE_OBJECT_PLANE, "CRTC_W", w);
	add(req, d, d->plane, DRM_MODE_OBJECT_PLANE, "CRTC_H", h);
	CHECK(!drmModeAtomicCommit(d->fd, req,
				   DRM_MODE_ATOMIC_ALLOW_MODESET | DRM_MODE_ATOMIC_NONBLOCK,
				   NULL));
	drmModeAtomicFree(req);
	CHECK(fence >= 0);
	return fence;
}

static struct display display_ready(void)
{
	struct display d = display_need();

	display_draw(&d);
	return d;
}

/* A rig whose provider has a job that wants a fence. */
static uint64_t rig_with_item(struct ks_rig *rig, const char *name, uint64_t *job_id)
{
	struct hvcal_job_desc job;
	struct hvcal_item item;

	ks_rig_open(rig, name, 1, 1);
	ks_job_init(&job, rig->source, rig->target);
	job.flags = HVCAL_JOB_WANT_FENCE;
	CHECK_EQ(ks_submit(rig->client, rig->session, &job, 1), 1);
	ks_expect_item(&rig->p, &item, HVCAL_ITEM_ENCODE);
	*job_id = job.job;
	return item.id;
}

static void wait_fence(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	CHECK_EQ(poll(&p, 1, ks_ms(KS_WAIT_MS)), 1);
}

/* The name of the driver of the one fence in @fd, and its status: 1 signalled. */
static int fence_status(int fd, char *driver, size_t len)
{
	struct sync_fence_info fence = { 0 };
	struct sync_file_info info = { .num_fences = 1, .sync_fence_info = (uintptr_t)&fence };

	CHECK(!ioctl(fd, SYNC_IOC_FILE_INFO, &info));
	CHECK_EQ(info.num_fences, 1);
	snprintf(driver, len, "%s", fence.driver_name);
	return fence.status;
}

/* What the provider hands over is what the client gets, and outlives all else. */
KS_TEST(fence_of_a_driver_is_accepted)
{
	struct hvcal_accept accept = { 0 };
	struct hvcal_job_fence get = { 0 };
	struct hvcal_event ev;
	struct ks_rig rig;
	char driver[32];
	struct display d = display_ready();
	uint64_t job;

	accept.id = rig_with_item(&rig, "ks-so-accept", &job);
	accept.fence = display_commit(&d);
	CHECK_OK(ks_ioctl(rig.p.fd, HVCAL_IOC_ACCEPT, &accept));
	close(accept.fence);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_ACCEPTED, 0);
	CHECK_EQ(ev.job, job);
	CHECK_EQ(ev.flags & HVCAL_EVENT_FENCE, HVCAL_EVENT_FENCE);
	get.session = rig.session;
	get.job = job;
	CHECK_OK(ks_ioctl(rig.client, HVCAL_IOC_JOB_FENCE, &get));
	CHECK_OK(ks_reply(&rig.p, accept.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	ks_provider_close(&rig.p);
	close(rig.client);
	wait_fence(get.fence);
	CHECK_EQ(fence_status(get.fence, driver, sizeof(driver)), 1);
	/*
	 * "bochs" or "bochs-drm": as the driver calls itself. Newer kernels do not
	 * ask it any more for what has been signalled.
	 */
	CHECK(!strncmp(driver, d.driver, 5) || !strcmp(driver, "detached-driver"));
	close(get.fence);
}

/* Each fence of a merged one counts. */
KS_TEST(merged_with_another)
{
	struct hvcal_accept accept = { 0 };
	struct sync_merge_data merge = { .name = "ks" };
	struct display d = display_ready();
	struct ks_fence user = ks_fence_any();
	struct ks_rig rig;
	uint64_t job;
	int first;

	accept.id = rig_with_item(&rig, "ks-so-merged", &job);
	first = display_commit(&d);
	merge.fd2 = user.sync;
	CHECK_OK(ioctl(first, SYNC_IOC_MERGE, &merge));
	accept.fence = merge.fence;
	CHECK_ERR(ks_ioctl(rig.p.fd, HVCAL_IOC_ACCEPT, &accept), -EINVAL);
	wait_fence(first);
	merge.fd2 = display_commit(&d);
	CHECK_OK(ioctl(first, SYNC_IOC_MERGE, &merge));
	accept.fence = merge.fence;
	CHECK_OK(ks_ioctl(rig.p.fd, HVCAL_IOC_ACCEPT, &accept));
	ks_fence_signal(&user);
}

/* The frame waits until the display has let go of the buffer. */
KS_TEST(fence_of_a_driver_is_waited_for)
{
	struct display d = display_ready();
	struct hvcal_job_desc job;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;
	char driver[32];

	ks_rig_open(&rig, "ks-so-wait", 1, 1);
	ks_job_init(&job, rig.source, rig.target);
	job.flags = HVCAL_JOB_IN_FENCE;
	job.in_fence = display_commit(&d);
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_EQ(fence_status(job.in_fence, driver, sizeof(driver)), 1);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
}

/* A buffer in a device's own memory goes to the provider as it is. */
KS_TEST(buffer_of_a_display)
{
	struct display d = display_ready();
	struct hvcal_buffer_import import;
	struct hvcal_job_desc job;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;
	const uint8_t *map;
	int prime;

	ks_rig_open(&rig, "ks-so-prime", 1, 1);
	if (drmPrimeHandleToFD(d.fd, d.dumb, DRM_CLOEXEC | DRM_RDWR, &prime))
		ks_skip("%s does not export its buffers", d.driver);
	ks_import_init(&import, prime, HVCAL_BUFFER_SOURCE);
	CHECK_OK(ks_ioctl(rig.client, HVCAL_IOC_BUFFER_IMPORT, &import));
	CHECK_GE(import.size, 4ULL * d.mode.hdisplay * d.mode.vdisplay);
	ks_job_init(&job, import.buffer, rig.target);
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	/* the display's file is closed: the buffer lives on */
	close(prime);
	close(d.fd);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED,
		   ks_provider_find(&rig.p, item.source)->fds[0], 0);
	CHECK(map != MAP_FAILED);
	CHECK_EQ(map[0], 0);
	munmap((void *)(uintptr_t)map, 4096);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
}
