/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "stream.h"

/* How long one wait may take before the stop flag is looked at. */
#define WAIT_MS 100

/*
 * An engine that gives nothing for so long, while the next step waits for it,
 * is stuck. The module's watchdog is much faster; direct mode has none.
 */
#define STUCK_NS 30000000000ull

struct stream {
	const struct stream_params *params;
	struct stream_result *result;
	hvcal_session_t *session;
	hvcal_pool_t *pool;
	struct quality *quality;
	uint32_t engine;	/* number, of the last packet */
	uint64_t start_ns;
	int64_t first_pts;
	int64_t last_pts;
};

static bool must_stop(const struct stream *s)
{
	return atomic_load(s->params->stop) || cli_interrupted();
}

static int fail(const struct stream *s, int error, const char *what)
{
	cli_error("%s%s: %s", s->params->label, what, hvcal_strerror(error));
	return error;
}

void stream_describe_source(const struct source_info *info, hvcal_config_t *config)
{
	config->width = (uint32_t)info->width;
	config->height = (uint32_t)info->height;
	config->fps = info->fps_num;
	config->fps_den = info->fps_den;
	config->full_range = info->full_range;
	config->primaries = info->primaries;
	config->transfer = info->transfer;
	config->matrix = info->matrix;
	config->sar_num = info->sar_num;
	config->sar_den = info->sar_den;
	memcpy(config->mastering_x, info->mastering_x, sizeof(config->mastering_x));
	memcpy(config->mastering_y, info->mastering_y, sizeof(config->mastering_y));
	config->mastering_max = info->mastering_max;
	config->mastering_min = info->mastering_min;
	config->max_cll = info->max_cll;
	config->max_fall = info->max_fall;
}

#define MAX_ENGINES 256
#define MAX_CAPS 64

static bool takes_format(hvcal_context_t *ctx, uint32_t engine, uint32_t codec,
			 uint32_t format)
{
	hvcal_engine_cap_t caps[MAX_CAPS];
	uint32_t count = MAX_CAPS;

	if (hvcal_enumerate_engine_caps(ctx, engine, caps, sizeof(caps[0]), &count))
		return false;
	for (uint32_t i = 0; i < count && i < MAX_CAPS; i++)
		for (int f = 0; f < 8 && caps[i].codec == codec && caps[i].formats[f]; f++)
			if (caps[i].formats[f] == format)
				return true;
	return false;
}

uint32_t stream_pick_format(hvcal_context_t *ctx, uint32_t codec, const char *name,
			    unsigned int depth)
{
	const uint32_t *formats = source_formats(depth);
	hvcal_engine_info_t engines[MAX_ENGINES];
	uint32_t count = MAX_ENGINES, best = formats[0], most = 0;

	if (hvcal_enumerate_engines(ctx, engines, sizeof(engines[0]), &count))
		count = 0;
	if (count > MAX_ENGINES)
		count = MAX_ENGINES;
	for (const uint32_t *format = formats; *format; format++) {
		uint32_t takers = 0;

		for (uint32_t i = 0; i < count; i++) {
			if (name[0] ? strcmp(engines[i].name, name) != 0 :
				      engines[i].kind == HVCAL_KIND_TEST)
				continue;
			takers += takes_format(ctx, engines[i].id, codec, *format);
		}
		if (takers > most) {
			most = takers;
			best = *format;
		}
	}
	return best;
}

static void picture_of(const hvcal_buffer_t *buffer, struct picture *picture)
{
	*picture = (struct picture){
		.format = pixfmt_by_fourcc(buffer->format),
		.width = (int)buffer->width,
		.height = (int)buffer->height,
	};
	for (uint32_t i = 0; i < buffer->planes && i < 4; i++) {
		picture->data[i] = (uint8_t *)buffer->cpu_ptr + buffer->offset[i];
		picture->stride[i] = (int)buffer->stride[i];
	}
}

static int take_packet(struct stream *s, const hvcal_packet_t *packet)
{
	const struct stream_params *params = s->params;
	struct sink_packet out = {
		.data = packet->data,
		.size = packet->size,
		.pts = packet->pts,
		.dts = packet->dts,
		.key = packet->flags & HVCAL_PACKET_KEY,
	};
	int ret;

	s->engine = packet->engine;
	s->result->dropped |= packet->dropped;
	s->result->late += !!(packet->flags & HVCAL_PACKET_LATE);
	ret = latency_add(&s->result->latency, packet->done_ns - packet->submit_ns);
	if (ret)
		return fail(s, ret, "latency log");
	atomic_fetch_add(params->progress, 1);
	s->result->frames++;
	if (packet->flags & HVCAL_PACKET_SKIPPED)
		return 0;
	s->result->key_frames += out.key;
	if (packet->temporal_layer) {
		s->result->upper_frames++;
		s->result->upper_bytes += packet->size;
	}
	ret = sink_write(params->sink, &out);
	if (!ret && s->quality) {
		ret = quality_packet(s->quality, packet->data, packet->size, packet->pts);
		if (ret)
			cli_error("%sthe packet of frame %llu does not decode to its picture",
				  params->label, (unsigned long long)s->result->frames);
	}
	return ret;
}

static int take_notice(struct stream *s, const hvcal_packet_t *notice)
{
	switch (notice->notice) {
	case HVCAL_NOTICE_FRAME_FAILED:
		cli_error("%sframe %llu was not encoded: %s", s->params->label,
			  (unsigned long long)notice->user_data,
			  hvcal_strerror(notice->status));
		return notice->status ? notice->status : -EIO;
	case HVCAL_NOTICE_RESYNC:
		s->result->resyncs++;
		return 0;
	default:
		return 0;
	}
}

/*
 * Gets what is there; waits up to @timeout_ms for the first.
 * @return 0; -EAGAIN nothing came; -ENODATA flushed; other negative errno
 */
static int drain(struct stream *s, int timeout_ms)
{
	hvcal_packet_t packet;
	bool any = false;
	int ret;

	hvcal_packet_default(&packet, sizeof(packet));
	for (;;) {
		ret = hvcal_get_bitstream(s->session, &packet, any ? 0 : timeout_ms);
		if (ret == HVCAL_GOT_PACKET)
			ret = take_packet(s, &packet);
		else if (ret == HVCAL_GOT_NOTICE)
			ret = take_notice(s, &packet);
		else if (ret != -EAGAIN && ret != -ENODATA)
			fail(s, ret, "the stream ended early");
		hvcal_release_packet(&packet);
		if (ret)
			break;
		any = true;
	}
	return ret == -EAGAIN && any ? 0 : ret;
}

/*
 * Waits a little for packets. @since: when the wait began.
 * @return 0; -ENODATA flushed; other negative errno after a message
 */
static int await(struct stream *s, uint64_t *since)
{
	int ret;

	if (must_stop(s))
		return -ECANCELED;
	ret = drain(s, WAIT_MS);
	if (ret != -EAGAIN) {
		*since = cli_now_ns();
		return ret;
	}
	if (cli_now_ns() - *since < STUCK_NS)
		return 0;
	cli_error("%sthe engine has not answered for %llu s", s->params->label,
		  STUCK_NS / 1000000000);
	return -ETIMEDOUT;
}

/* Sleeps until picture @number is due. */
static void pace(struct stream *s, uint64_t number)
{
	const struct source_info *info = &s->params->source->info;
	double due = (double)number * info->fps_den / info->fps_num;
	uint64_t at = s->start_ns + (uint64_t)(due * 1e9);

	while (!must_stop(s)) {
		uint64_t now = cli_now_ns(), left;
		struct timespec wait;

		if (now >= at)
			return;
		left = at - now < WAIT_MS * 1000000ull ? at - now : WAIT_MS * 1000000ull;
		wait = (struct timespec){ 0, (long)left };
		clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
	}
}

static int submit(struct stream *s, hvcal_buffer_t *buffer, int64_t pts)
{
	uint64_t since = cli_now_ns();
	hvcal_frame_t frame;
	int ret;

	hvcal_frame_default(&frame, sizeof(frame));
	frame.pts = pts;
	frame.user_data = s->params->source->frames;
	if (s->params->config.features & 1U << HVCAL_FEATURE_LAYERS)
		frame.temporal_layer = (s->params->source->frames - 1) % 2;
	frame.t35 = s->params->source->t35;
	frame.t35_count = s->params->source->t35_count;
	while ((ret = hvcal_submit_frame(s->session, buffer, &frame)) == -EAGAIN) {
		ret = await(s, &since);
		if (ret)
			return ret;
	}
	return ret ? fail(s, ret, "a frame was refused") : 0;
}

/* One picture from the source into the session. @return 1, 0 at the end, -errno */
static int feed(struct stream *s)
{
	const struct stream_params *params = s->params;
	struct picture picture;
	hvcal_buffer_t *buffer;
	uint64_t since = cli_now_ns();
	int64_t pts = 0;
	int ret, end;

	while ((ret = hvcal_pool_acquire(s->pool, &buffer)) == -EAGAIN) {
		ret = await(s, &since);
		if (ret)
			return ret;
	}
	if (ret)
		return fail(s, ret, "memory for a picture");

	picture_of(buffer, &picture);
	ret = hvcal_buffer_begin_cpu(buffer, HVCAL_CPU_WRITE);
	if (ret) {
		fail(s, ret, "a picture's memory");
	} else {
		ret = source_read(params->source, &picture, &pts);
		if (ret == 1 && s->quality && quality_source(s->quality, &picture, pts)) {
			cli_error("%sout of memory", params->label);
			ret = -ENOMEM;
		}
		end = hvcal_buffer_end_cpu(buffer, HVCAL_CPU_WRITE);
		if (ret == 1 && end)
			ret = fail(s, end, "a picture's memory");
	}
	if (ret == 1) {
		if (params->source->frames == 1)
			s->first_pts = pts;
		s->last_pts = pts;
		if (params->realtime)
			pace(s, params->source->frames - 1);
		ret = submit(s, buffer, pts);
		if (!ret)
			ret = 1;
	}
	hvcal_buffer_release(&buffer);
	return ret;
}

static int finish_quality(struct stream *s)
{
	struct quality_summary summary;

	if (quality_packet(s->quality, NULL, 0, 0)) {
		cli_error("%sthe last packets do not decode", s->params->label);
		return -EBADMSG;
	}
	quality_summarize(s->quality, &summary);
	if (summary.frames != s->result->frames) {
		cli_error("%s%llu packets decode to %llu pictures", s->params->label,
			  (unsigned long long)s->result->frames,
			  (unsigned long long)summary.frames);
		return -EBADMSG;
	}
	return 0;
}

static int pump(struct stream *s)
{
	uint64_t since;
	int ret;

	do {
		if (must_stop(s))
			return -ECANCELED;
		ret = feed(s);
		if (ret == 1) {
			int got = drain(s, 0);

			if (got && got != -EAGAIN)
				ret = got;
		}
	} while (ret == 1);
	if (ret)
		return ret;

	if (!s->params->source->frames) {
		cli_error("%sthe input has no pictures", s->params->label);
		return -EINVAL;
	}
	ret = hvcal_flush(s->session);
	if (ret)
		return fail(s, ret, "flush");
	since = cli_now_ns();
	while (!ret)
		ret = await(s, &since);
	if (ret != -ENODATA)
		return ret;
	if (s->result->frames != s->params->source->frames) {
		cli_error("%s%llu pictures went in, %llu packets came out", s->params->label,
			  (unsigned long long)s->params->source->frames,
			  (unsigned long long)s->result->frames);
		return -EIO;
	}
	return s->quality ? finish_quality(s) : 0;
}

static int start(struct stream *s)
{
	const struct stream_params *params = s->params;
	hvcal_pool_params_t pool;
	hvcal_admission_t admission;
	hvcal_config_t config = params->config;
	int ret;

	if (params->psnr || params->ssim) {
		ret = quality_open(params->codec, params->ssim, &s->quality);
		if (ret == -EOPNOTSUPP)
			cli_error("--psnr and --ssim: nothing here decodes %s",
				  params->codec->name);
		else if (ret)
			fail(s, ret, "decoder");
		if (ret)
			return ret;
	}
	stream_describe_source(&params->source->info, &config);
	hvcal_admission_default(&admission, sizeof(admission));
	ret = hvcal_create_session(params->ctx, &config, &s->session, &admission);
	if (ret) {
		cli_error("%s%s", params->label, admission.reason[0] ? admission.reason :
			  hvcal_strerror(ret));
		return ret;
	}
	ret = hvcal_set_throughput_mode(s->session, params->throughput);
	if (ret)
		return fail(s, ret, "throughput mode");
	hvcal_pool_params_default(&pool, sizeof(pool));
	pool.format = config.format;
	pool.width = config.width;
	pool.height = config.height;
	ret = hvcal_pool_create(params->ctx, &pool, &s->pool);
	return ret ? fail(s, ret, "memory for pictures") : 0;
}

static void note_engine(struct stream *s)
{
	hvcal_engine_info_t engines[MAX_ENGINES];
	uint32_t count = MAX_ENGINES;

	if (hvcal_enumerate_engines(s->params->ctx, engines, sizeof(engines[0]), &count))
		return;
	for (uint32_t i = 0; i < count && i < MAX_ENGINES; i++) {
		if (engines[i].id != s->engine)
			continue;
		snprintf(s->result->engine, sizeof(s->result->engine), "%s", engines[i].name);
		s->result->kind = engines[i].kind;
	}
}

static void note_result(struct stream *s)
{
	const struct source_info *info = &s->params->source->info;
	double tick = (double)info->tb_num / info->tb_den;
	hvcal_pool_info_t pool;
	hvcal_config_t config;
	hvcal_stats_t stats;

	s->result->wall_ns = cli_now_ns() - s->start_ns;
	s->result->bytes = s->params->sink->bytes;
	s->result->bad_packets = s->params->source->bad_packets;
	s->result->media_seconds = (double)(s->last_pts - s->first_pts) * tick +
				   (double)info->fps_den / info->fps_num;
	hvcal_stats_default(&stats, sizeof(stats));
	if (!hvcal_get_stats(s->session, &stats)) {
		s->result->copied_bytes = stats.copied_bytes;
		s->result->engine_copied_bytes = stats.engine_copied_bytes;
		s->result->aq_frames = stats.aq_frames;
		s->result->band_frames = stats.band_frames;
		s->result->hint_frames = stats.hint_frames;
		s->result->hint_ns = stats.hint_ns;
	}
	hvcal_config_default(&config, sizeof(config));
	if (!hvcal_get_config(s->session, &config))
		s->result->base_percent = config.base_percent;
	hvcal_pool_info_default(&pool, sizeof(pool));
	if (!hvcal_pool_get_info(s->pool, &pool))
		s->result->memory = pool.memory;
	note_engine(s);
	if (s->quality) {
		s->result->has_quality = true;
		quality_summarize(s->quality, &s->result->quality);
	}
}

int stream_run(const struct stream_params *params, struct stream_result *result)
{
	struct stream s = { .params = params, .result = result };

	result->status = start(&s);
	if (!result->status) {
		s.start_ns = cli_now_ns();
		result->status = pump(&s);
		note_result(&s);
	}
	/*
	 * An engine that is stuck in this process would not let go of its session:
	 * that ends with the process.
	 */
	result->stuck = result->status == -ETIMEDOUT;
	if (!result->stuck)
		hvcal_destroy_session(&s.session);
	hvcal_pool_destroy(&s.pool);
	quality_close(&s.quality);
	return result->status;
}

void stream_result_free(struct stream_result *result)
{
	latency_free(&result->latency);
}
