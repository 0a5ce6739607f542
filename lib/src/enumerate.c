// SPDX-License-Identifier: MIT
/* Lists of devices, engines and what engines can do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enumerate.h"

#define LIST_TRIES 8

typedef int (*list_fn)(struct hvcal_be *be, uint32_t engine, struct hvcal_array *a);

/*
 * The number is asked first, then the elements; a list that grew in between is
 * asked for again.
 */
static int list_get(struct hvcal_be *be, list_fn get, uint32_t engine, size_t size,
		    void **out, uint32_t *count)
{
	struct hvcal_array a;
	uint32_t room = 0;
	void *list = NULL;
	int i, ret;

	for (i = 0; i < LIST_TRIES; i++) {
		a = (struct hvcal_array){ (uint32_t)size, room, (uintptr_t)list };
		ret = get(be, engine, &a);
		if (ret)
			break;
		if (a.count <= room) {
			*out = list;
			*count = a.count;
			return 0;
		}
		free(list);
		room = a.count;
		list = calloc(room, size);
		if (!list) {
			ret = -ENOMEM;
			break;
		}
		ret = -EAGAIN;
	}
	free(list);
	return ret;
}

static int get_engines(struct hvcal_be *be, uint32_t engine, struct hvcal_array *a)
{
	struct hvcal_engine_list arg = { .engines = *a };
	int ret = be->ops->engine_list(be, &arg);

	(void)engine;
	*a = arg.engines;
	return ret;
}

static int get_caps(struct hvcal_be *be, uint32_t engine, struct hvcal_array *a)
{
	struct hvcal_engine_caps arg = { .engine = engine, .caps = *a };
	int ret = be->ops->engine_caps(be, &arg);

	*a = arg.caps;
	return ret;
}

static int get_gpus(struct hvcal_be *be, uint32_t engine, struct hvcal_array *a)
{
	struct hvcal_gpu_list arg = { .gpus = *a };
	int ret = be->ops->gpu_list(be, &arg);

	(void)engine;
	*a = arg.gpus;
	return ret;
}

int hvcal_engines_get(hvcal_context_t *ctx, struct hvcal_engine_info **out, uint32_t *count)
{
	return list_get(ctx->be, get_engines, 0, sizeof(**out), (void **)out, count);
}

int hvcal_engine_caps_get(hvcal_context_t *ctx, uint32_t engine,
			  struct hvcal_engine_cap **out, uint32_t *count)
{
	return list_get(ctx->be, get_caps, engine, sizeof(**out), (void **)out, count);
}

uint32_t hvcal_engine_flags(hvcal_context_t *ctx, uint32_t engine, uint32_t codec)
{
	struct hvcal_engine_cap *caps;
	uint32_t i, n, flags = 0;

	if (hvcal_engine_caps_get(ctx, engine, &caps, &n))
		return 0;
	for (i = 0; i < n; i++)
		if (caps[i].op == HVCAL_OP_ENCODE && caps[i].codec == codec)
			flags |= caps[i].flags;
	free(caps);
	return flags;
}

int hvcal_engine_find(hvcal_context_t *ctx, const char *name, uint32_t *id)
{
	struct hvcal_engine_info *engines;
	uint32_t i, n;
	int ret;

	ret = hvcal_engines_get(ctx, &engines, &n);
	if (ret)
		return ret;
	ret = -ENOENT;
	for (i = 0; i < n; i++) {
		if (strncmp(engines[i].name, name, sizeof(engines[i].name)) == 0) {
			*id = engines[i].id;
			ret = 0;
		}
	}
	free(engines);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* For the caller                                                           */

/* Element @i of the caller's array, which may have smaller elements. */
static void element_put(void *array, size_t stride, uint32_t i, const void *e, size_t size)
{
	char *to = (char *)array + (size_t)i * stride;

	memset(to, 0, stride);
	memcpy(to, e, stride < size ? stride : size);
}

static bool list_args_ok(const void *ctx, const void *array, size_t stride,
			 const uint32_t *count)
{
	return ctx && count && (!array || stride >= sizeof(uint64_t));
}

static void device_cpu(hvcal_device_info_t *d)
{
	memset(d, 0, sizeof(*d));
	d->numa_node = -1;
	d->render_minor = -1;
	strcpy(d->slot, "cpu");
}

static void device_from_gpu(hvcal_device_info_t *d, const struct hvcal_gpu_info *g)
{
	memset(d, 0, sizeof(*d));
	d->id = g->id;
	d->vendor = g->vendor;
	d->device = g->device;
	d->subsystem = g->subsystem;
	d->revision = g->revision;
	d->numa_node = g->numa_node;
	d->render_minor = g->render_minor;
	d->engines = g->engines;
	hvcal_text_copy(d->slot, sizeof(d->slot), g->slot, sizeof(g->slot));
	hvcal_text_copy(d->driver, sizeof(d->driver), g->driver, sizeof(g->driver));
}

int hvcal_enumerate_devices(hvcal_context_t *ctx, hvcal_device_info_t *devices,
			    size_t stride, uint32_t *count)
{
	struct hvcal_engine_info *engines = NULL;
	struct hvcal_gpu_info *gpus = NULL;
	uint32_t i, ngpus, nengines, room;
	hvcal_device_info_t d;
	int ret;

	if (!list_args_ok(ctx, devices, stride, count))
		return -EINVAL;
	ret = list_get(ctx->be, get_gpus, 0, sizeof(*gpus), (void **)&gpus, &ngpus);
	if (ret == -EOPNOTSUPP) { /* a module without GPU discovery */
		gpus = NULL;
		ngpus = 0;
		ret = 0;
	}
	if (ret)
		return ret;
	ret = hvcal_engines_get(ctx, &engines, &nengines);
	if (ret) {
		free(gpus);
		return ret;
	}
	room = devices ? *count : 0;
	device_cpu(&d);
	for (i = 0; i < nengines; i++)
		d.engines += !engines[i].gpu;
	for (i = 0; i < room && i < ngpus + 1; i++) {
		if (i)
			device_from_gpu(&d, &gpus[i - 1]);
		element_put(devices, stride, i, &d, sizeof(d));
	}
	*count = ngpus + 1;
	free(engines);
	free(gpus);
	return 0;
}

int hvcal_enumerate_engines(hvcal_context_t *ctx, hvcal_engine_info_t *engines,
			    size_t stride, uint32_t *count)
{
	struct hvcal_engine_info *list = NULL;
	hvcal_engine_info_t e;
	uint32_t i, n, room;
	int ret;

	if (!list_args_ok(ctx, engines, stride, count))
		return -EINVAL;
	ret = hvcal_engines_get(ctx, &list, &n);
	if (ret)
		return ret;
	room = engines ? *count : 0;
	for (i = 0; i < n && i < room; i++) {
		memset(&e, 0, sizeof(e));
		e.id = list[i].id;
		e.kind = list[i].kind;
		e.health = list[i].state;
		e.device = list[i].gpu;
		e.numa_node = list[i].numa_node;
		e.slots = list[i].slots;
		e.session_depth = list[i].session_depth;
		e.max_sessions = list[i].max_sessions;
		e.sessions = list[i].sessions;
		e.load_ppm = list[i].load_ppm;
		e.external_ppm = list[i].external_ppm;
		e.caps = list[i].caps;
		e.jobs_done = list[i].jobs_done;
		hvcal_text_copy(e.name, sizeof(e.name), list[i].name, sizeof(list[i].name));
		element_put(engines, stride, i, &e, sizeof(e));
	}
	*count = n;
	free(list);
	return 0;
}

int hvcal_enumerate_engine_caps(hvcal_context_t *ctx, uint32_t engine,
				hvcal_engine_cap_t *caps, size_t stride, uint32_t *count)
{
	struct hvcal_engine_cap *list = NULL;
	uint32_t i, n, room, put = 0, total = 0;
	hvcal_engine_cap_t c;
	int ret;

	if (!list_args_ok(ctx, caps, stride, count))
		return -EINVAL;
	ret = hvcal_engine_caps_get(ctx, engine, &list, &n);
	if (ret)
		return ret;
	room = caps ? *count : 0;
	for (i = 0; list && i < n; i++) {
		if (list[i].op != HVCAL_OP_ENCODE)
			continue;
		total++;
		if (put == room)
			continue;
		memset(&c, 0, sizeof(c));
		c.codec = list[i].codec;
		c.depth_mask = list[i].depth_mask;
		c.flags = list[i].flags;
		c.min_width = list[i].min_width;
		c.min_height = list[i].min_height;
		c.max_width = list[i].max_width;
		c.max_height = list[i].max_height;
		c.cost_ns_per_mpix = list[i].cost_ns_per_mpix;
		memcpy(c.formats, list[i].formats, sizeof(c.formats));
		element_put(caps, stride, put++, &c, sizeof(c));
	}
	*count = total;
	free(list);
	return 0;
}
