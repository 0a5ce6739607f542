// SPDX-License-Identifier: MIT
/* The driver's calls. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bits.h"
#include "driver.h"

#define NEVER UINT64_MAX

/* ---- the environment ---- */

static const char *mode_find(const char *word)
{
	const char *at = getenv("HVCALTEST");
	size_t len = strlen(word);

	for (; at && *at; at += strcspn(at, ","), at += *at == ',')
		if (!strncmp(at, word, len) && (!at[len] || at[len] == ',' || at[len] == '='))
			return at + len;
	return NULL;
}

bool mode(const char *word)
{
	return mode_find(word);
}

unsigned int mode_number(const char *word)
{
	const char *at = mode_find(word);

	return at && *at == '=' ? (unsigned int)strtoul(at + 1, NULL, 10) : 0;
}

VAStatus wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "# hvcaltest: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	return VA_STATUS_ERROR_INVALID_PARAMETER;
}

void report(const char *format, ...)
{
	const char *at = mode_find("report");
	char path[512];
	va_list args;
	FILE *f;

	if (!at || *at != '=')
		return;
	snprintf(path, sizeof(path), "%.*s", (int)strcspn(at + 1, ","), at + 1);
	f = fopen(path, "a");
	if (!f)
		return;
	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	fclose(f);
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void sleep_until(uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* ---- objects ---- */

void *object_new(struct driver *d, enum kind kind, size_t size)
{
	struct object *o = calloc(1, size);

	if (!o)
		abort();
	o->kind = kind;
	pthread_mutex_lock(&d->lock);
	o->id = ++d->last_id;
	o->next = d->objects;
	d->objects = o;
	pthread_mutex_unlock(&d->lock);
	return o;
}

void *object_find(struct driver *d, uint32_t id, enum kind kind)
{
	struct object *o;

	pthread_mutex_lock(&d->lock);
	for (o = d->objects; o && (o->id != id || o->kind != kind); o = o->next)
		;
	pthread_mutex_unlock(&d->lock);
	return o;
}

static void surface_clear(struct surface *s)
{
	for (int i = 0; i < 4; i++)
		if (s->map[i])
			munmap(s->map[i], s->map_len[i]);
	if (s->fd >= 0)
		close(s->fd);
}

static void state_free(struct context *c)
{
	const struct codec_ops *ops = codec_of(c->config);

	if (c->state && ops->close)
		ops->close(c->state);
	free(c->state);
}

static void object_free(struct object *o)
{
	struct buffer *b = (struct buffer *)o;
	struct context *c = (struct context *)o;

	if (o->kind == KIND_BUFFER && !b->derived)
		free(b->data);
	else if (o->kind == KIND_SURFACE)
		surface_clear((struct surface *)o);
	else if (o->kind == KIND_CONTEXT)
		state_free(c);
	free(o);
}

/* @return false: there is none */
bool object_drop(struct driver *d, uint32_t id, enum kind kind)
{
	struct object **at, *o;

	pthread_mutex_lock(&d->lock);
	for (at = &d->objects; (o = *at) && (o->id != id || o->kind != kind); at = &o->next)
		;
	if (o)
		*at = o->next;
	pthread_mutex_unlock(&d->lock);
	if (o)
		object_free(o);
	return o;
}

/* ---- contexts ---- */

/* As real ones do: giving back what the hardware is stuck in never returns. */
void block_if_stuck(uint64_t ready_ns)
{
	while (ready_ns == NEVER)
		pause();
}

static VAStatus create_context(VADriverContextP ctx, VAConfigID config, int width, int height,
			       int flag, VASurfaceID *targets, int count, VAContextID *id)
{
	struct config *config_object = object_find(driver_of(ctx), config, KIND_CONFIG);
	struct context *c;

	(void)flag;
	(void)targets;
	(void)count;
	if (!config_object)
		return VA_STATUS_ERROR_INVALID_CONFIG;
	c = object_new(driver_of(ctx), KIND_CONTEXT, sizeof(*c));
	c->config = config_object;
	c->width = (uint32_t)width;
	c->height = (uint32_t)height;
	*id = c->o.id;
	return VA_STATUS_SUCCESS;
}

static VAStatus destroy_context(VADriverContextP ctx, VAContextID id)
{
	struct context *c = object_find(driver_of(ctx), id, KIND_CONTEXT);

	if (!c)
		return VA_STATUS_ERROR_INVALID_CONTEXT;
	block_if_stuck(c->hung ? NEVER : 0);
	object_drop(driver_of(ctx), id, KIND_CONTEXT);
	return VA_STATUS_SUCCESS;
}

/* ---- buffers ---- */

VAStatus create_buffer(VADriverContextP ctx, VAContextID context, VABufferType type,
		       unsigned int size, unsigned int count, void *data, VABufferID *id)
{
	struct buffer *b = object_new(driver_of(ctx), KIND_BUFFER, sizeof(*b));

	(void)context;
	b->type = type;
	b->size = (size_t)size * count;
	b->data = calloc(1, b->size ? b->size : 1);
	if (!b->data)
		abort();
	if (data)
		memcpy(b->data, data, b->size);
	*id = b->o.id;
	return VA_STATUS_SUCCESS;
}

static VAStatus map_buffer(VADriverContextP ctx, VABufferID id, void **out)
{
	struct buffer *b = object_find(driver_of(ctx), id, KIND_BUFFER);

	if (!b)
		return VA_STATUS_ERROR_INVALID_BUFFER;
	block_if_stuck(b->ready_ns);
	*out = b->type == VAEncCodedBufferType ? (void *)&b->segment : b->data;
	return VA_STATUS_SUCCESS;
}

static VAStatus unmap_buffer(VADriverContextP ctx, VABufferID id)
{
	return object_find(driver_of(ctx), id, KIND_BUFFER) ? VA_STATUS_SUCCESS :
	       VA_STATUS_ERROR_INVALID_BUFFER;
}

static VAStatus destroy_buffer(VADriverContextP ctx, VABufferID id)
{
	struct buffer *b = object_find(driver_of(ctx), id, KIND_BUFFER);

	if (b)
		block_if_stuck(b->ready_ns);
	return object_drop(driver_of(ctx), id, KIND_BUFFER) ? VA_STATUS_SUCCESS :
	       VA_STATUS_ERROR_INVALID_BUFFER;
}

size_t context_frame_bytes(const struct context *c)
{
	uint32_t num = c->fps.framerate & 0xffff, den = c->fps.framerate >> 16;
	uint64_t bits = (uint64_t)c->rc.bits_per_second * c->rc.target_percentage / 100 *
			(den ? den : 1) / (num ? num : 1);

	if (c->max_frame_bits && c->max_frame_bits < bits)
		bits = c->max_frame_bits;
	return (size_t)bits / 8;
}

void picture_done(struct surface *recon, struct buffer *coded, unsigned int qp)
{
	recon->coded = true;
	coded->segment.status = qp & VA_CODED_BUF_STATUS_PICTURE_AVE_QP_MASK;
}

bool coded_append(struct buffer *b, const void *data, size_t len)
{
	if (len > b->size - b->segment.size)
		return false;
	memcpy(b->data + b->segment.size, data, len);
	b->segment.size += (uint32_t)len;
	b->segment.buf = b->data;
	return true;
}

VAStatus coded_append_nal(struct buffer *b, const struct bits *nal)
{
	struct bits packed = { 0 };
	bool fits;

	nal_pack(&packed, nal->data, nal->count / 8);
	fits = coded_append(b, packed.data, packed.count / 8);
	bits_free(&packed);
	return fits ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_NOT_ENOUGH_BUFFER;
}

/* ---- pictures ---- */

static VAStatus begin_picture(VADriverContextP ctx, VAContextID id, VASurfaceID target)
{
	struct context *c = object_find(driver_of(ctx), id, KIND_CONTEXT);
	struct surface *s = object_find(driver_of(ctx), target, KIND_SURFACE);

	if (!c || c->lost)
		return VA_STATUS_ERROR_INVALID_CONTEXT;
	if (!s)
		return VA_STATUS_ERROR_INVALID_SURFACE;
	c->source = s;
	c->pic = c->matrix = c->map = NULL;
	c->seq_now = c->half_packed = false;
	c->npacked = c->nslices = c->nrois = 0;
	c->max_frame_bits = 0;
	c->rir = (VAEncMiscParameterRIR){ 0 };
	return VA_STATUS_SUCCESS;
}

static VAStatus take_misc(struct context *c, const struct buffer *b)
{
	VAEncMiscParameterBufferMaxFrameSize max;
	VAEncMiscParameterBufferROI roi;
	const uint8_t *data = b->data + sizeof(VAEncMiscParameterBuffer);
	size_t size = b->size - sizeof(VAEncMiscParameterBuffer);
	uint32_t type;

#define TAKE(into) \
	do { \
		if (size < sizeof(into)) \
			return wrong("miscellaneous parameter %u has %zu bytes", type, size); \
		memcpy(&(into), data, sizeof(into)); \
	} while (0)
	memcpy(&type, b->data, sizeof(type));
	switch (type) {
	case VAEncMiscParameterTypeRateControl:
		TAKE(c->rc);
		c->has_rc = c->new_rates = true;
		report("rate %u %u%% window %u qp %u..%u icq %u\n", c->rc.bits_per_second,
		       c->rc.target_percentage, c->rc.window_size, c->rc.min_qp, c->rc.max_qp,
		       c->rc.ICQ_quality_factor);
		break;
	case VAEncMiscParameterTypeHRD:
		TAKE(c->hrd);
		c->new_rates = true;
		report("hrd %u of %u\n", c->hrd.initial_buffer_fullness, c->hrd.buffer_size);
		break;
	case VAEncMiscParameterTypeFrameRate:
		TAKE(c->fps);
		c->has_fps = true;
		report("fps %u/%u\n", c->fps.framerate & 0xffff, c->fps.framerate >> 16);
		break;
	case VAEncMiscParameterTypeMaxFrameSize:
		TAKE(max);
		c->max_frame_bits = max.max_frame_size;
		report("max %u bits\n", c->max_frame_bits);
		break;
	case VAEncMiscParameterTypeROI:
		TAKE(roi);
		if (roi.num_roi > ROIS_MAX)
			return wrong("%u rectangles", roi.num_roi);
		c->nrois = roi.num_roi;
		memcpy(c->rois, roi.roi, sizeof(c->rois[0]) * roi.num_roi);
		report("rois %u\n", roi.num_roi);
		break;
	case VAEncMiscParameterTypeRIR:
		TAKE(c->rir);
		if (!c->rir.intra_insert_size || c->rir.rir_flags.value != 1 ||
		    c->rir.intra_insertion_location + c->rir.intra_insert_size > c->width / 16)
			return wrong("intra refresh of %u columns at %u", c->rir.intra_insert_size,
				     c->rir.intra_insertion_location);
		report("intra columns %u+%u\n", c->rir.intra_insertion_location,
		       c->rir.intra_insert_size);
		break;
	case VAEncMiscParameterTypeQualityLevel:
		report("quality %u\n", *(const uint32_t *)(const void *)data);
		break;
	default:
		return wrong("miscellaneous parameter %u", type);
	}
#undef TAKE
	return VA_STATUS_SUCCESS;
}

static VAStatus take_packed(struct context *c, const struct buffer *b)
{
	struct packed *p = &c->packed[c->npacked];
	uint32_t bit;

	if (c->npacked == PACKED_MAX)
		return VA_STATUS_ERROR_MAX_NUM_EXCEEDED;
	if (b->type == VAEncPackedHeaderParameterBufferType) {
		if (c->half_packed || b->size != sizeof(p->head))
			return wrong("a packed header without data");
		memcpy(&p->head, b->data, sizeof(p->head));
		bit = p->head.type == VAEncPackedHeaderRawData ? VA_ENC_PACKED_HEADER_RAW_DATA :
		      1U << (p->head.type - 1);
		if (!(c->config->packed & bit))
			return wrong("a packed header of type %u was not agreed upon", p->head.type);
		c->half_packed = true;
		return VA_STATUS_SUCCESS;
	}
	if (!c->half_packed || b->size != (p->head.bit_length + 7) / 8)
		return wrong("packed data of %zu bytes, %u bits", b->size, p->head.bit_length);
	c->half_packed = false;
	p->data = b->data;
	p->size = b->size;
	c->npacked++;
	return VA_STATUS_SUCCESS;
}

static VAStatus take_slice(struct context *c, const struct buffer *b, size_t size)
{
	int header = -1;

	if (b->size != size || c->nslices == SLICES_MAX)
		return wrong("a slice of %zu bytes", b->size);
	if (c->config->packed & VA_ENC_PACKED_HEADER_SLICE) {
		if (!c->npacked || c->packed[c->npacked - 1].head.type != VAEncPackedHeaderSlice)
			return wrong("slice %u has no packed header before it", c->nslices);
		header = (int)c->npacked - 1;
	}
	c->slices[c->nslices].param = b;
	c->slices[c->nslices++].header = header;
	return VA_STATUS_SUCCESS;
}

static VAStatus take_buffer(struct context *c, const struct buffer *b)
{
	const struct codec_ops *ops = codec_of(c->config);

	switch ((int)b->type) {
	case VAEncSequenceParameterBufferType:
		if (b->size != ops->seq_size)
			return wrong("a sequence of %zu bytes", b->size);
		memcpy(&c->seq, b->data, b->size);
		c->has_seq = c->seq_now = true;
		return VA_STATUS_SUCCESS;
	case VAEncPictureParameterBufferType:
		if (b->size != ops->pic_size)
			return wrong("a picture of %zu bytes", b->size);
		c->pic = b;
		return VA_STATUS_SUCCESS;
	case VAEncSliceParameterBufferType:
		return take_slice(c, b, ops->slice_size);
	case VAQMatrixBufferType:
		c->matrix = b;
		return VA_STATUS_SUCCESS;
	case VAEncMacroblockMapBufferType:
		c->map = b;
		return VA_STATUS_SUCCESS;
	case VAEncMiscParameterBufferType:
		return take_misc(c, b);
	case VAEncPackedHeaderParameterBufferType:
	case VAEncPackedHeaderDataBufferType:
		return take_packed(c, b);
	default:
		return VA_STATUS_ERROR_UNSUPPORTED_BUFFERTYPE;
	}
}

static VAStatus render_picture(VADriverContextP ctx, VAContextID id, VABufferID *ids, int count)
{
	struct context *c = object_find(driver_of(ctx), id, KIND_CONTEXT);
	VAStatus status = c && c->source ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_CONTEXT;

	for (int i = 0; i < count && !status; i++) {
		struct buffer *b = object_find(driver_of(ctx), ids[i], KIND_BUFFER);

		status = b ? take_buffer(c, b) : VA_STATUS_ERROR_INVALID_BUFFER;
	}
	return status;
}

/* Faults on purpose; what the application will see of them comes when it waits. */
static void strike(struct driver *d, struct context *c, struct buffer *coded, uint32_t number)
{
	uint64_t ready = now_ns() + mode_number("slow") * 1000000ULL;

	if (mode("hang-always") || number == mode_number("hang")) {
		c->hung = d->hung = true;
		ready = NEVER;
	}
	if (number == mode_number("lost")) {
		c->lost = true;
		coded->result = c->source->result = VA_STATUS_ERROR_ENCODING_ERROR;
	}
	coded->ready_ns = c->source->ready_ns = ready;
	fences_attach(c->source, ready);
}

static VAStatus end_picture(VADriverContextP ctx, VAContextID id)
{
	struct driver *d = driver_of(ctx);
	struct context *c = object_find(d, id, KIND_CONTEXT);
	struct buffer *coded;
	VASurfaceID recon;
	VABufferID target;
	uint32_t number;
	VAStatus status;

	if (!c || !c->source)
		return VA_STATUS_ERROR_INVALID_CONTEXT;
	if (!c->pic || !c->nslices != !codec_of(c->config)->slice_size || !c->has_seq ||
	    c->half_packed || !c->has_fps)
		return wrong("the picture is not complete");
	if (c->config->rc != VA_RC_CQP && !c->has_rc)
		return wrong("no bit rate was given");
	codec_of(c->config)->targets(c, &target, &recon);
	coded = object_find(d, target, KIND_BUFFER);
	if (!coded || coded->type != VAEncCodedBufferType)
		return wrong("there is no buffer %u to write to", target);
	pthread_mutex_lock(&d->lock);
	number = ++d->pictures;
	pthread_mutex_unlock(&d->lock);
	if (number == mode_number("busy"))
		return VA_STATUS_ERROR_HW_BUSY;
	coded->segment = (VACodedBufferSegment){ .buf = coded->data };
	coded->result = c->source->result = VA_STATUS_SUCCESS;
	if (!c->state)
		c->state = calloc(1, codec_of(c->config)->state_size);
	status = c->state ? codec_of(c->config)->code(d, c, coded) :
		 VA_STATUS_ERROR_ALLOCATION_FAILED;
	strike(d, c, coded, number);
	c->new_rates = false;
	c->source = NULL;
	return status;
}

/* ---- waiting ---- */

static VAStatus wait_for(uint64_t ready_ns, VAStatus result, uint64_t timeout_ns)
{
	uint64_t now = now_ns(), end = timeout_ns > NEVER - now ? NEVER : now + timeout_ns;

	if (ready_ns <= now) {
		fences_settle();
		return result;
	}
	if (ready_ns > end) {
		sleep_until(end);
		return VA_STATUS_ERROR_TIMEDOUT;
	}
	sleep_until(ready_ns);
	fences_settle();
	return result;
}

static VAStatus sync_surface(VADriverContextP ctx, VASurfaceID id)
{
	struct surface *s = object_find(driver_of(ctx), id, KIND_SURFACE);

	if (!s)
		return VA_STATUS_ERROR_INVALID_SURFACE;
	block_if_stuck(s->ready_ns);
	return wait_for(s->ready_ns, s->result, NEVER);
}

static VAStatus sync_surface2(VADriverContextP ctx, VASurfaceID id, uint64_t timeout_ns)
{
	struct surface *s = object_find(driver_of(ctx), id, KIND_SURFACE);

	return s ? wait_for(s->ready_ns, s->result, timeout_ns) : VA_STATUS_ERROR_INVALID_SURFACE;
}

static VAStatus sync_buffer(VADriverContextP ctx, VABufferID id, uint64_t timeout_ns)
{
	struct buffer *b = object_find(driver_of(ctx), id, KIND_BUFFER);

	return b ? wait_for(b->ready_ns, b->result, timeout_ns) : VA_STATUS_ERROR_INVALID_BUFFER;
}

static VAStatus surface_status(VADriverContextP ctx, VASurfaceID id, VASurfaceStatus *status)
{
	struct surface *s = object_find(driver_of(ctx), id, KIND_SURFACE);

	if (!s)
		return VA_STATUS_ERROR_INVALID_SURFACE;
	*status = s->ready_ns > now_ns() ? VASurfaceRendering : VASurfaceReady;
	if (*status == VASurfaceReady)
		fences_settle();
	return *status == VASurfaceReady ? s->result : VA_STATUS_SUCCESS;
}

/* ---- begin and end ---- */

static VAStatus terminate(VADriverContextP ctx)
{
	struct driver *d = driver_of(ctx);
	unsigned int left = 0;

	/* contexts first: they look at their configurations */
	for (int pass = 0; pass < 2; pass++)
		for (struct object **at = &d->objects, *o; (o = *at);) {
			if (!pass && o->kind != KIND_CONTEXT) {
				at = &o->next;
				continue;
			}
			*at = o->next;
			object_free(o);
			left++;
		}
	if (left && !d->hung) {
		fprintf(stderr, "# hvcaltest: %u objects were not destroyed\n", left);
		abort();
	}
	pthread_mutex_destroy(&d->lock);
	free(d);
	return VA_STATUS_SUCCESS;
}

static VAStatus unsupported(void)
{
	return VA_STATUS_ERROR_UNIMPLEMENTED;
}

/* libva refuses drivers that lack one of these. */
static void fill_the_rest(struct VADriverVTable *v)
{
#define NONE(call) (v->call = (__typeof__(v->call))(void *)unsupported)
	NONE(vaBufferSetNumElements);
	NONE(vaSetImagePalette);
	NONE(vaGetImage);
	NONE(vaQuerySubpictureFormats);
	NONE(vaCreateSubpicture);
	NONE(vaDestroySubpicture);
	NONE(vaSetSubpictureImage);
	NONE(vaSetSubpictureChromakey);
	NONE(vaSetSubpictureGlobalAlpha);
	NONE(vaAssociateSubpicture);
	NONE(vaDeassociateSubpicture);
	NONE(vaQueryDisplayAttributes);
	NONE(vaGetDisplayAttributes);
	NONE(vaSetDisplayAttributes);
#undef NONE
}

VAStatus __vaDriverInit_1_0(VADriverContextP ctx);

__attribute__((visibility("default")))
VAStatus __vaDriverInit_1_0(VADriverContextP ctx)
{
	struct VADriverVTable *v = ctx->vtable;
	struct driver *d = calloc(1, sizeof(*d));

	if (!d)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	pthread_mutex_init(&d->lock, NULL);
	ctx->pDriverData = d;
	ctx->version_major = VA_MAJOR_VERSION;
	ctx->version_minor = VA_MINOR_VERSION;
	ctx->max_profiles = 16;
	ctx->max_entrypoints = 4;
	ctx->max_attributes = 64;
	ctx->max_image_formats = 2;
	ctx->max_subpic_formats = 1;
	ctx->max_display_attributes = 1;
	ctx->str_vendor = "HVCAL test driver";
	v->vaTerminate = terminate;
	v->vaQueryConfigProfiles = query_profiles;
	v->vaQueryConfigEntrypoints = query_entrypoints;
	v->vaGetConfigAttributes = get_attributes;
	v->vaCreateConfig = create_config;
	v->vaDestroyConfig = destroy_config;
	v->vaQueryConfigAttributes = query_config;
	v->vaCreateSurfaces = create_surfaces;
	v->vaCreateSurfaces2 = create_surfaces2;
	v->vaDestroySurfaces = destroy_surfaces;
	v->vaCreateContext = create_context;
	v->vaDestroyContext = destroy_context;
	v->vaCreateBuffer = create_buffer;
	v->vaMapBuffer = map_buffer;
	v->vaUnmapBuffer = unmap_buffer;
	v->vaDestroyBuffer = destroy_buffer;
	v->vaBeginPicture = begin_picture;
	v->vaRenderPicture = render_picture;
	v->vaEndPicture = end_picture;
	v->vaSyncSurface = sync_surface;
	if (!mode("no-wait"))
		v->vaSyncSurface2 = sync_surface2;
	if (!mode("no-wait") && !mode("surface-wait"))
		v->vaSyncBuffer = sync_buffer;
	v->vaQuerySurfaceStatus = surface_status;
	v->vaQueryImageFormats = query_image_formats;
	v->vaCreateImage = create_image;
	v->vaDeriveImage = derive_image;
	v->vaDestroyImage = destroy_image;
	v->vaPutImage = put_image;
	fill_the_rest(v);
	return VA_STATUS_SUCCESS;
}
