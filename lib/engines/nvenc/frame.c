// SPDX-License-Identifier: MIT
/* Frames in, packets out; on Linux NVENC works synchronously. */
#include <errno.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "../soft.h"
#include "nvenc.h"

#define BUSY_WAIT_NS 2000000

/* ---- a busy chip ---- */

static void wait_a_little(void)
{
	const struct timespec ts = { .tv_nsec = BUSY_WAIT_NS };

	nanosleep(&ts, NULL);
}

static bool is_busy(NVENCSTATUS status)
{
	return status == NV_ENC_ERR_ENCODER_BUSY || status == NV_ENC_ERR_LOCK_BUSY;
}

/* Not an error, says the header: try again after some milliseconds. */
NVENCSTATUS nvenc_submit(hvcal_engine_stream_t *s, NV_ENC_PIC_PARAMS *pic)
{
	uint64_t end = hvcal_soft_now_ns() + s->ctx->settings.busy_ms * 1000000ULL;
	NVENCSTATUS status;

	while (is_busy(status = nvenc_versions_encode(&s->ctx->lib, s->session, pic)) &&
	       hvcal_soft_now_ns() < end)
		wait_a_little();
	return status;
}

NVENCSTATUS nvenc_lock_output(hvcal_engine_stream_t *s, NV_ENC_LOCK_BITSTREAM *lock)
{
	uint64_t end = hvcal_soft_now_ns() + s->ctx->settings.busy_ms * 1000000ULL;
	NVENCSTATUS status;

	while (is_busy(status = s->ctx->lib.api.nvEncLockBitstream(s->session, lock)) &&
	       hvcal_soft_now_ns() < end)
		wait_a_little();
	return status;
}

/* ---- packets ---- */

static struct nvenc_slot *waiting_slot(hvcal_engine_stream_t *s, unsigned int i)
{
	return &s->slots[(s->first + i) % s->count];
}

void nvenc_finish(hvcal_engine_stream_t *s, struct nvenc_slot *slot,
		  const struct hvcal_engine_result *result)
{
	const struct hvcal_engine_host *host = s->ctx->host;
	struct hvcal_engine_job *job = slot->job;

	slot->job = NULL;
	nvenc_source_done(s, slot);
	s->coded++;
	host->done(host->cookie, job, result);
}

static uint32_t frame_type(NV_ENC_PIC_TYPE type)
{
	switch (type) {
	case NV_ENC_PIC_TYPE_IDR:
		return HVCAL_FRAME_TYPE_KEY;
	case NV_ENC_PIC_TYPE_I:
		return HVCAL_FRAME_TYPE_I;
	case NV_ENC_PIC_TYPE_B:
	case NV_ENC_PIC_TYPE_BI:
		return HVCAL_FRAME_TYPE_B;
	default:
		return HVCAL_FRAME_TYPE_P;
	}
}

/*
 * With B pictures, decoding is one picture ahead of showing; but packets of AV1 show one
 * picture each, and bring along what that refers to.
 */
static int64_t dts_of(const hvcal_engine_stream_t *s, int64_t pts)
{
	if (!s->bframes || s->codec->codec == HVCAL_CODEC_AV1)
		return pts;
	if (!s->coded)
		return s->pts[0] - 1;
	return s->pts[(s->coded - 1) % NVENC_SLOTS_MAX];
}

void nvenc_deliver(hvcal_engine_stream_t *s, struct nvenc_slot *slot,
		   const NV_ENC_LOCK_BITSTREAM *lock)
{
	struct hvcal_engine_job *job = slot->job;
	const struct hvcal_engine_buffer *t = job->target;
	bool key = lock->pictureType == NV_ENC_PIC_TYPE_IDR;
	struct hvcal_engine_result result = {
		.bytes = lock->bitstreamSizeInBytes,
		.engine_ns = hvcal_soft_now_ns() - slot->start_ns,
		.flags = key ? HVCAL_RESULT_KEY : 0,
		.frame = {
			.size = sizeof(result.frame),
			.frame_type = frame_type(lock->pictureType),
			.pts = job->params.pts,
			.dts = dts_of(s, job->params.pts),
			.qp_q8 = (int32_t)lock->frameAvgQP * 256,
			.applied_bitrate = s->config.bitrate,
			.satd = lock->frameSatd,
			.copied_bytes = slot->copied_bytes,
			.recovery = slot->recovery,
			.temporal_layer = !key && job->params.temporal_layer &&
					  nvenc_config_layered(s->codec, &s->config),
		},
	};

	if (hvcal_soft_room(job, lock->bitstreamSizeInBytes)) {
		memcpy((char *)t->map[0] + job->target_offset, lock->bitstreamBufferPtr,
		       lock->bitstreamSizeInBytes);
	} else {
		/* what follows must not refer to what nobody gets */
		result = (struct hvcal_engine_result){ .status = -ENOBUFS };
		s->want_key = true;
	}
	nvenc_finish(s, slot, &result);
}

/* An output holds the packet of the picture whose time stamp it bears. */
static struct nvenc_slot *slot_of(hvcal_engine_stream_t *s, uint64_t number)
{
	for (unsigned int i = 0; i < s->waiting; i++) {
		struct nvenc_slot *slot = waiting_slot(s, i);

		if (slot->job && slot->number == number)
			return slot;
	}
	return NULL;
}

static int collect_one(hvcal_engine_stream_t *s, NV_ENC_OUTPUT_PTR output)
{
	NV_ENC_LOCK_BITSTREAM lock = {
		.version = s->ctx->lib.versions->lock_output, .outputBitstream = output,
	};
	NVENCSTATUS status = nvenc_lock_output(s, &lock);
	struct nvenc_slot *slot;

	if (status != NV_ENC_SUCCESS)
		return nvenc_fail(s->ctx, "NvEncLockBitstream", status, false);
	slot = slot_of(s, lock.outputTimeStamp);
	if (slot)
		nvenc_deliver(s, slot, &lock);
	status = s->ctx->lib.api.nvEncUnlockBitstream(s->session, output);
	if (status != NV_ENC_SUCCESS)
		return nvenc_fail(s->ctx, "NvEncUnlockBitstream", status, false);
	if (!slot) {
		nvenc_log(s->ctx, LOG_ERR, "nvenc: the driver gives a packet of no frame");
		return -EIO;
	}
	return 0;
}

void nvenc_collect(hvcal_engine_stream_t *s, int status)
{
	for (unsigned int i = 0; i < s->waiting && !status; i++)
		status = collect_one(s, waiting_slot(s, i)->output);
	/* what has no packet by now gets none; NVENC must not read it any more either */
	if (status && s->waiting) {
		nvenc_stream_end(s);
		s->broken = true;
	}
	for (unsigned int i = 0; i < s->waiting; i++) {
		const struct hvcal_engine_result failed = { .status = status ? status : -EIO };
		struct nvenc_slot *slot = waiting_slot(s, i);

		if (slot->job)
			nvenc_finish(s, slot, &failed);
	}
	s->first = s->count ? (s->first + s->waiting) % s->count : 0;
	s->waiting = 0;
}

/* ---- frames ---- */

/* Offsets of the client's blocks in NVENC's, averaged where they are smaller. */
static int8_t map_cell(const int8_t *map, const struct hvcal_frame_params *p,
		       const uint32_t from[2], const uint32_t to[2])
{
	uint32_t x1 = (to[0] - 1) / p->map_block, y1 = (to[1] - 1) / p->map_block;
	int sum = 0, n = 0;

	for (uint32_t y = from[1] / p->map_block; y <= y1; y++)
		for (uint32_t x = from[0] / p->map_block; x <= x1; x++, n++)
			sum += map[(size_t)y * p->map_stride + x];
	return (int8_t)(n ? (sum + (sum < 0 ? -n / 2 : n / 2)) / n : 0);
}

static void map_add_job(const hvcal_engine_stream_t *s, const struct hvcal_engine_job *job,
			const int8_t *map, int8_t *cells)
{
	uint32_t unit = nvenc_config_map_block(s->codec->codec);
	uint32_t w = s->config.width, h = s->config.height;

	for (uint32_t y = 0; y < h; y += unit)
		for (uint32_t x = 0; x < w; x += unit) {
			const uint32_t from[] = { x, y };
			const uint32_t to[] = {
				x + unit < w ? x + unit : w, y + unit < h ? y + unit : h,
			};
			int sum = *cells + map_cell(map, &job->params, from, to);

			*cells++ = (int8_t)(sum > NVENC_OFFSET_MAX ? NVENC_OFFSET_MAX :
					    sum < -NVENC_OFFSET_MAX ? -NVENC_OFFSET_MAX : sum);
		}
}

/* The client's map, and what the picture's QP differs from NVENC's. */
static int set_map(const hvcal_engine_stream_t *s, const struct hvcal_engine_job *job,
		   struct nvenc_slot *slot, int qp, NV_ENC_PIC_PARAMS *pic)
{
	int offset = qp >= 0 ? qp - s->qp : 0;
	const int8_t *map;
	int ret;

	ret = hvcal_soft_map(job, s->config.width, s->config.height, &map);
	if (ret || (!map && !offset))
		return ret;
	memset(slot->map, offset, s->map_cells);
	if (map)
		map_add_job(s, job, map, slot->map);
	pic->qpDeltaMap = slot->map;
	pic->qpDeltaMapSize = s->map_cells;
	return 0;
}

/* The QP that a frame must be coded at; -1: NVENC decides. */
static int frame_qp(const hvcal_engine_stream_t *s, const struct hvcal_engine_job *job)
{
	int max = nvenc_config_qp_max(s->config.codec);
	int qp;

	if (s->config.tune == HVCAL_TUNE_LOSSLESS)
		return 0;
	if (job->params.flags & HVCAL_FRAME_QP)
		qp = (job->params.qp_q8 + 128) / 256;
	else if (s->config.rc_mode == HVCAL_RC_CQP)
		qp = nvenc_config_constant_qp(&s->config);
	else
		return -1;
	return qp < 0 ? 0 : qp > max ? max : qp;
}

static bool due_key(const hvcal_engine_stream_t *s)
{
	return s->config.gop && !(s->config.flags & HVCAL_CONFIG_INTRA_REFRESH) &&
	       s->since_key >= s->config.gop;
}

static void set_payloads(const hvcal_engine_stream_t *s, struct nvenc_payloads *p,
			 NV_ENC_PIC_PARAMS *pic)
{
	switch (s->codec->codec) {
	case HVCAL_CODEC_H264:
		pic->codecPicParams.h264PicParams.seiPayloadArray = p->list;
		pic->codecPicParams.h264PicParams.seiPayloadArrayCnt = p->count;
		break;
	case HVCAL_CODEC_HEVC:
		pic->codecPicParams.hevcPicParams.seiPayloadArray = p->list;
		pic->codecPicParams.hevcPicParams.seiPayloadArrayCnt = p->count;
		break;
#if NVENC_HAVE_AV1
	case HVCAL_CODEC_AV1:
		pic->codecPicParams.av1PicParams.obuPayloadArray = p->list;
		pic->codecPicParams.av1PicParams.obuPayloadArrayCnt = p->count;
		break;
#endif
	}
}

void nvenc_count_picture(hvcal_engine_stream_t *s, const struct hvcal_engine_job *job, bool key)
{
	s->pts[s->frames % NVENC_SLOTS_MAX] = job->params.pts;
	s->no_ref[s->frames % NVENC_SLOTS_MAX] = !key && hvcal_soft_unreferenced(&job->params) &&
						nvenc_config_layered(s->codec, &s->config);
	if (key)
		s->key_number = s->frames;
	s->frames++;
	s->since_key = key ? 1 : s->since_key + 1;
	s->want_key = false;
}

static int submit_slot(hvcal_engine_stream_t *s, NV_ENC_PIC_PARAMS *pic,
		       const struct hvcal_engine_job *job, bool key)
{
	NVENCSTATUS status = nvenc_submit(s, pic);

	if (status != NV_ENC_SUCCESS && status != NV_ENC_ERR_NEED_MORE_INPUT)
		return nvenc_fail(s->ctx, "NvEncEncodePicture", status, false);
	nvenc_count_picture(s, job, key);
	s->waiting++;
	return status == NV_ENC_SUCCESS ? 0 : HVCAL_ENGINE_HELD;
}

static int code_slot(hvcal_engine_stream_t *s, struct nvenc_slot *slot, NV_ENC_PIC_PARAMS *pic)
{
	struct hvcal_engine_job *job = slot->job;
	bool key = s->want_key || job->params.flags & HVCAL_FRAME_FORCE_KEY || due_key(s);
	struct nvenc_payloads payloads;

	key |= !key && !nvenc_loss_skip_upper(s);
	slot->recovery = HVCAL_RECOVERY_NONE;
	if (job->params.flags & HVCAL_FRAME_LOST) {
		slot->recovery = key ? HVCAL_RECOVERY_KEY : nvenc_loss_recover(s, job, pic);
		key |= slot->recovery == HVCAL_RECOVERY_KEY;
	}
	nvenc_payloads_fill(&payloads, &s->config, job, key);
	if (payloads.count)
		set_payloads(s, &payloads, pic);
	if (key)
		pic->encodePicFlags = NV_ENC_PIC_FLAG_FORCEIDR | NV_ENC_PIC_FLAG_OUTPUT_SPSPPS;
#if NVENC_HAVE_STATE
	if (s->init.numStateBuffers && job->params.max_bytes &&
	    s->config.tune != HVCAL_TUNE_LOSSLESS)
		return nvenc_encode_below(s, slot, pic, key);
#endif
	return submit_slot(s, pic, job, key);
}

static int encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	int qp = frame_qp(s, job);
	int ret = nvenc_stream_set_qp(s, qp);
	NV_ENC_PIC_PARAMS pic = {
		.version = s->ctx->lib.versions->pic_params,
		.inputWidth = s->config.width,
		.inputHeight = s->config.height,
		.frameIdx = (uint32_t)s->frames,
		.inputTimeStamp = s->frames,
		.bufferFmt = nvenc_config_format(s->config.format),
		.pictureStruct = NV_ENC_PIC_STRUCT_FRAME,
	};
	struct nvenc_slot *slot;

	if (!ret && s->waiting == s->count)
		ret = nvenc_stream_flush(s);
	if (ret)
		return ret;
	slot = waiting_slot(s, s->waiting);
	slot->job = job;
	slot->number = s->frames;
	slot->start_ns = hvcal_soft_now_ns();
	pic.outputBitstream = slot->output;
	ret = set_map(s, job, slot, qp, &pic);
	if (!ret)
		ret = nvenc_source_ready(s, job, slot, &pic.inputBuffer);
	if (!ret)
		ret = code_slot(s, slot, &pic);
	if (ret < 0) {
		nvenc_source_done(s, slot);
		slot->job = NULL;
	}
	return ret;
}

int nvenc_stream_encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	int ret = atomic_load(&s->ctx->lost) ? -ENODEV : nvenc_cuda_push(s->ctx);

	if (ret)
		return ret;
	ret = encode(s, job);
	/* NVENC has all that it needs: now it owes all packets */
	if (!ret)
		nvenc_collect(s, 0);
	nvenc_cuda_pop(s->ctx);
	return ret;
}

int nvenc_stream_end(hvcal_engine_stream_t *s)
{
	NV_ENC_PIC_PARAMS end = {
		.version = s->ctx->lib.versions->pic_params, .encodePicFlags = NV_ENC_PIC_FLAG_EOS,
	};
	NVENCSTATUS status;

	if (atomic_load(&s->ctx->lost))
		return -ENODEV;
	status = nvenc_submit(s, &end);
	/* a drained encoder begins anew */
	s->want_key = true;
	return status == NV_ENC_SUCCESS ? 0 :
	       nvenc_fail(s->ctx, "NvEncEncodePicture", status, false);
}

int nvenc_stream_flush(hvcal_engine_stream_t *s)
{
	int ret;

	if (!s->waiting)
		return 0;
	ret = nvenc_cuda_push(s->ctx);
	if (ret) {
		nvenc_collect(s, ret);
		return 0;
	}
	nvenc_collect(s, nvenc_stream_end(s));
	nvenc_cuda_pop(s->ctx);
	return 0;
}
