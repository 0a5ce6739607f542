// SPDX-License-Identifier: MIT
/*
 * Pictures of libnvidia-encode.so.1 of tests. Groups are cut as the header tells
 * (frameIntervalP), and coded in the order of coding; but where NVENC makes B
 * slices, these are P slices that refer to the picture coded before.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stub_session.h"

#define QUALITY_MAX 51

/* ---- the encoder ---- */

void stub_encoder_open(struct stub_session *s)
{
	struct stub_format *format = &s->format;

	*format = stub_config_of(s->codec, &s->enc).format;
	format->width = s->init.encodeWidth;
	format->height = s->init.encodeHeight;
	format->fps_num = s->init.frameRateNum;
	format->fps_den = s->init.frameRateDen;
	format->lossless = s->tuning == NV_ENC_TUNING_INFO_LOSSLESS;
	s->encoder = s->codec->open(format);
}

void stub_waiting_free(struct stub_waiting *w)
{
	for (unsigned int i = 0; i < w->seis; i++)
		free((void *)(uintptr_t)w->sei[i].bytes);
	free(w->sei);
	free(w->map);
	free(w->memory);
}

void stub_encoder_close(struct stub_session *s)
{
	for (unsigned int i = 0; i < s->grouped; i++)
		stub_waiting_free(&s->group[i]);
	stub_history_free(s);
	if (s->encoder)
		s->codec->close(s->encoder);
}

/* ---- rate control ---- */

static int clamp(int value, int low, int high)
{
	return value < low ? low : value > high ? high : value;
}

static int base_qp(const struct stub_session *s, NV_ENC_PIC_TYPE type)
{
	const NV_ENC_RC_PARAMS *rc = &s->enc.rcParams;

	if (rc->rateControlMode == NV_ENC_PARAMS_RC_CONSTQP)
		return (int)(type == NV_ENC_PIC_TYPE_IDR ? rc->constQP.qpIntra :
			     type == NV_ENC_PIC_TYPE_B ? rc->constQP.qpInterB :
			     rc->constQP.qpInterP);
	if (!rc->averageBitRate)
		return rc->targetQuality * (int)s->codec->qp_max / QUALITY_MAX;
	return clamp((int)lrint(s->rate_qp), rc->enableMinQP ? (int)rc->minQP.qpInterP : 0,
		     rc->enableMaxQP ? (int)rc->maxQP.qpInterP : (int)s->codec->qp_max);
}

/* After each picture, towards the size that the bit rate has for one. */
static void rate_learn(struct stub_session *s, size_t bytes, bool key)
{
	double want = (double)s->enc.rcParams.averageBitRate * s->init.frameRateDen /
		      s->init.frameRateNum / 8;

	if (want < 1 || s->enc.rcParams.rateControlMode == NV_ENC_PARAMS_RC_CONSTQP || key)
		return;
	s->rate_qp += 1.5 * s->codec->qp_max / QUALITY_MAX * log2((double)bytes / want);
	s->rate_qp = s->rate_qp < 1 ? 1 : fmin(s->rate_qp, s->codec->qp_max);
}

static void code(struct stub_session *s, struct stub_waiting *w, struct stub_output *out)
{
	bool key = w->type == NV_ENC_PIC_TYPE_IDR;
	int max = (int)s->codec->qp_max, qp;
	const uint8_t *packet;

	w->pic.key = key;
	/* stub_codec.c says why */
	if (w->pic.forget && s->codec->hevc && !key)
		w->type = NV_ENC_PIC_TYPE_I;
	w->pic.qp = clamp(base_qp(s, w->type), 0, max);
	w->pic.map = w->map;
	qp = s->codec->encode(s->encoder, &w->pic, &packet, &out->len);
	free(out->packet);
	out->packet = s->codec->add_metadata(packet, &out->len, w->sei, w->seis);
	out->type = w->type;
	out->stamp = w->stamp;
	out->qp = (uint32_t)clamp(qp, 0, max);
	out->state = STUB_READY;
	out->busy = 0;
	if (!w->attempt)
		rate_learn(s, out->len, key);
	if (stub_keeps_history(s))
		stub_history_add(s, w);
	else
		stub_waiting_free(w);
	*w = (struct stub_waiting){ 0 };
}

/* ---- groups ---- */

/*
 * All that waits is coded: the last one first, if the others are B pictures. Packets of
 * AV1 show one picture each, so theirs stay in order.
 */
static void code_group(struct stub_session *s)
{
	struct stub_output *outputs[STUB_GROUP_MAX];
	unsigned int n = s->grouped;
	bool anchor = n > 1 && s->group[0].type == NV_ENC_PIC_TYPE_B && !s->codec->av1;

	for (unsigned int i = 0; i < n; i++)
		outputs[i] = s->group[i].output;
	if (n > 1 && s->group[n - 1].type == NV_ENC_PIC_TYPE_B)
		s->group[n - 1].type = NV_ENC_PIC_TYPE_P;
	else if (n == 1 && s->group[0].type == NV_ENC_PIC_TYPE_B)
		s->group[0].type = NV_ENC_PIC_TYPE_P;
	if (anchor)
		code(s, &s->group[n - 1], outputs[0]);
	for (unsigned int i = 0; i + anchor < n; i++)
		code(s, &s->group[i], outputs[i + anchor]);
	s->grouped = 0;
}

/* B pictures in front of an IDR picture cannot refer to it: they end their group. */
static NVENCSTATUS take(struct stub_session *s, const struct stub_waiting *w, bool force)
{
	uint32_t gop = s->enc.gopLength, interval = (uint32_t)s->enc.frameIntervalP;
	long hold = stub_mode("hold", 0);
	struct stub_waiting *to;

	force |= !s->begun || (gop != NVENC_INFINITE_GOPLENGTH && s->since_idr >= gop);
	if (force) {
		code_group(s);
		s->since_idr = 0;
	}
	to = &s->group[s->grouped++];
	*to = *w;
	to->type = force ? NV_ENC_PIC_TYPE_IDR :
		   s->grouped < interval ? NV_ENC_PIC_TYPE_B : NV_ENC_PIC_TYPE_P;
	s->begun = true;
	s->since_idr++;
	if (!force && (s->grouped < interval || (interval == 1 && s->grouped <= hold)))
		return NV_ENC_ERR_NEED_MORE_INPUT;
	code_group(s);
	return NV_ENC_SUCCESS;
}

/* ---- submission ---- */

static size_t plane_bytes(const struct stub_session *s, unsigned int sample, unsigned int p)
{
	size_t luma = (size_t)s->init.encodeWidth * s->init.encodeHeight * sample;

	return p ? luma / 4 : luma;
}

/* P010 has its ten bits on top of sixteen. */
static void put_sample(uint8_t *to, const uint8_t *from, unsigned int sample)
{
	if (sample == 1)
		*to = *from;
	else
		*(uint16_t *)(void *)to = *(const uint16_t *)(const void *)from >> 6;
}

static void copy_picture(const struct stub_session *s, const struct stub_input *in,
			 struct stub_waiting *w)
{
	unsigned int sample = in->format == NV_ENC_BUFFER_FORMAT_YUV420_10BIT ? 2 : 1;
	bool planar = in->format == NV_ENC_BUFFER_FORMAT_IYUV;
	unsigned int width = s->init.encodeWidth, height = s->init.encodeHeight;
	const uint8_t *chroma = in->at + (size_t)in->pitch * in->height;

	w->memory = malloc(2 * plane_bytes(s, sample, 0));
	if (!w->memory)
		abort();
	w->pic.plane[0] = w->memory;
	w->pic.plane[1] = w->memory + plane_bytes(s, sample, 0);
	w->pic.plane[2] = w->pic.plane[1] + plane_bytes(s, sample, 1);
	for (unsigned int y = 0; y < height; y++)
		for (unsigned int x = 0; x < width; x++)
			put_sample(w->pic.plane[0] + ((size_t)y * width + x) * sample,
				   in->at + (size_t)y * in->pitch + x * sample, sample);
	for (unsigned int p = 0; p < 2; p++)
		for (unsigned int y = 0; y < height / 2; y++)
			for (unsigned int x = 0; x < width / 2; x++) {
				size_t at = planar ?
					(size_t)(in->pitch / 2) * (p * (in->height / 2) + y) + x :
					(size_t)in->pitch * y + (2 * x + p) * sample;

				put_sample(w->pic.plane[1 + p] +
					   ((size_t)y * (width / 2) + x) * sample,
					   chroma + at, sample);
			}
}

static void copy_map(const struct stub_session *s, const NV_ENC_PIC_PARAMS *pic,
		     struct stub_waiting *w)
{
	unsigned int block = s->codec->block;
	unsigned int cols = (s->init.encodeWidth + block - 1) / block;
	unsigned int rows = (s->init.encodeHeight + block - 1) / block;
	long sum = 0;

	if (!pic->qpDeltaMap)
		return;
	if (s->enc.rcParams.qpMapMode != NV_ENC_QP_MAP_DELTA || pic->qpDeltaMapSize != cols * rows)
		stub_forbidden("a QP map of %u bytes, mode %d", pic->qpDeltaMapSize,
			       s->enc.rcParams.qpMapMode);
	w->map = malloc(pic->qpDeltaMapSize);
	if (!w->map)
		abort();
	memcpy(w->map, pic->qpDeltaMap, pic->qpDeltaMapSize);
	for (unsigned int i = 0; i < cols * rows; i++)
		sum += w->map[i];
	w->pic.map_mean = (int)lrint((double)sum / (cols * rows));
}

static void copy_sei(const struct stub_session *s, const NV_ENC_PIC_PARAMS *pic,
		     struct stub_waiting *w)
{
	const struct stub_extra extra = stub_extra_of(s->codec, pic);
	const NV_ENC_SEI_PAYLOAD *list = extra.list;

	w->seis = extra.count;
	if (!w->seis)
		return;
	w->sei = calloc(w->seis, sizeof(*w->sei));
	for (unsigned int i = 0; i < w->seis; i++) {
		uint8_t *bytes = malloc(list[i].payloadSize + 1);

		if (!w->sei || !bytes)
			abort();
		memcpy(bytes, list[i].payload, list[i].payloadSize);
		w->sei[i] = (struct stub_sei){
			.type = list[i].payloadType, .len = list[i].payloadSize, .bytes = bytes,
		};
	}
}

static struct stub_input *usable_input(struct stub_session *s, const NV_ENC_PIC_PARAMS *pic)
{
	struct stub_input *in;

	for (in = s->inputs; in && in != pic->inputBuffer; in = in->next)
		;
	if (!in || in->locked || (in->registered && !in->mapped) || in->used)
		stub_forbidden("a picture whose memory is unknown, locked, not mapped, or in use");
	else if (s->format.input_depth != (in->format == NV_ENC_BUFFER_FORMAT_YUV420_10BIT ? 10 : 8))
		stub_forbidden("a picture whose depth is not that of the session");
	else if (pic->bufferFmt != in->format || pic->inputWidth != s->init.encodeWidth ||
		 pic->inputHeight != s->init.encodeHeight || in->width < pic->inputWidth ||
		 in->height < pic->inputHeight)
		stub_forbidden("a picture that is not what its memory is");
	else
		return in;
	return NULL;
}

static struct stub_output *usable_output(struct stub_session *s, const NV_ENC_PIC_PARAMS *pic)
{
	struct stub_output *out;

	for (out = s->outputs; out && out != pic->outputBitstream; out = out->next)
		;
	if (!out || out->state != STUB_FREE) {
		stub_forbidden("a bitstream buffer that is unknown or in use");
		return NULL;
	}
	return out;
}

static NVENCSTATUS end_of_stream(struct stub_session *s, const NV_ENC_PIC_PARAMS *pic)
{
	if (pic->inputBuffer || pic->outputBitstream) {
		stub_forbidden("the end of the stream with a picture");
		return NV_ENC_ERR_INVALID_PARAM;
	}
	code_group(s);
	/* all is coded: nothing is read any more */
	for (struct stub_output *out = s->outputs; out; out = out->next) {
		if (out->input)
			out->input->used--;
		out->input = NULL;
	}
	return NV_ENC_SUCCESS;
}

/* What a test wants to go wrong with this picture. */
static NVENCSTATUS planned_error(struct stub_session *s)
{
	NVENCSTATUS status = NV_ENC_SUCCESS;

	pthread_mutex_lock(&stub_lock);
	if ((long)s->busy < stub_mode("encode_busy", 0)) {
		s->busy++;
		status = NV_ENC_ERR_ENCODER_BUSY;
	} else if ((long)stub_count.frames == stub_mode("lost_at", -1)) {
		stub_lost = true;
		stub_count.frames++;
		status = NV_ENC_ERR_DEVICE_NOT_EXIST;
	} else {
		if ((long)stub_count.frames == stub_mode("encode_at", -1))
			status = (NVENCSTATUS)stub_mode("encode_error", NV_ENC_ERR_GENERIC);
		stub_count.frames++;
		s->busy = 0;
	}
	pthread_mutex_unlock(&stub_lock);
	return status;
}

static bool refreshes(const struct stub_session *s, const NV_ENC_PIC_PARAMS *pic)
{
	if (!stub_extra_of(s->codec, pic).refresh)
		return false;
	if (s->enc.frameIntervalP != 1 || !stub_mode("refresh", 1))
		stub_forbidden("a forced intra refresh with B pictures, or where there is none");
	pthread_mutex_lock(&stub_lock);
	stub_count.refreshed++;
	pthread_mutex_unlock(&stub_lock);
	return true;
}

/* The time stamp is that of a picture of the session; they count up by one. */
NVENCSTATUS NVENCAPI stub_invalidate(void *handle, uint64_t stamp)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);

	if (status)
		return status;
	if (!stub_mode("invalidate", 1))
		return NV_ENC_ERR_UNSUPPORTED_PARAM;
	stamp -= s->first_stamp;
	if (stamp >= s->submitted || s->enc.frameIntervalP != 1 || s->grouped) {
		stub_forbidden("the picture %llu is to be forgotten, of %llu",
			       (unsigned long long)stamp, (unsigned long long)s->submitted);
		return NV_ENC_ERR_INVALID_PARAM;
	}
	if (s->submitted - stamp > s->forget)
		s->forget = (unsigned int)(s->submitted - stamp);
	pthread_mutex_lock(&stub_lock);
	stub_count.invalidated++;
	pthread_mutex_unlock(&stub_lock);
	return NV_ENC_SUCCESS;
}

NVENCSTATUS NVENCAPI stub_encode_picture(void *handle, NV_ENC_PIC_PARAMS *pic)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);
	bool force = pic->encodePicFlags & NV_ENC_PIC_FLAG_FORCEIDR;
	struct stub_waiting w = { .stamp = pic->inputTimeStamp };
	struct stub_input *in;

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_PIC_PARAMS", pic->version, NV_ENC_PIC_PARAMS_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	if (!stub_zero(pic->reserved3, sizeof(pic->reserved3)) ||
	    !stub_zero(pic->reserved4, sizeof(pic->reserved4)) || pic->completionEvent)
		stub_forbidden("NV_ENC_PIC_PARAMS with reserved fields set");
	if (pic->encodePicFlags & NV_ENC_PIC_FLAG_EOS)
		return end_of_stream(s, pic);
	in = usable_input(s, pic);
	w.output = usable_output(s, pic);
	if (!in || !w.output || pic->pictureStruct != NV_ENC_PIC_STRUCT_FRAME)
		return NV_ENC_ERR_INVALID_PARAM;
	status = planned_error(s);
	if (status)
		return status;
	stub_history_drop(s);
	w.attempt = stub_is_attempt(s, pic);
	if (s->order && *s->order && !stub_cuda_stream_wait(*s->order))
		stub_forbidden("a picture in the order of a stream that is gone");
	w.pic.forget = s->forget;
	s->forget = 0;
	w.pic.refresh = refreshes(s, pic);
	copy_picture(s, in, &w);
	copy_map(s, pic, &w);
	copy_sei(s, pic, &w);
	w.output->state = STUB_QUEUED;
	if (!s->submitted)
		s->first_stamp = w.stamp;
	w.output->order = s->submitted++;
	w.output->input = in;
	in->used++;
	pthread_mutex_lock(&stub_lock);
	stub_count.idrs_forced += force;
	pthread_mutex_unlock(&stub_lock);
	return take(s, &w, force);
}

/* ---- packets ---- */

static void hang(void)
{
	for (;;)
		pause();
}

static NVENCSTATUS planned_lock_error(struct stub_output *out)
{
	NVENCSTATUS status = NV_ENC_SUCCESS;
	long number;

	if ((long)out->busy < stub_mode("lock_busy", 0)) {
		out->busy++;
		return NV_ENC_ERR_LOCK_BUSY;
	}
	pthread_mutex_lock(&stub_lock);
	number = stub_count.packets++;
	pthread_mutex_unlock(&stub_lock);
	if (number == stub_mode("hang_at", -1))
		hang();
	if (number == stub_mode("lock_at", -1))
		status = (NVENCSTATUS)stub_mode("lock_error", NV_ENC_ERR_GENERIC);
	return status;
}

NVENCSTATUS NVENCAPI stub_lock_bitstream(void *handle, NV_ENC_LOCK_BITSTREAM *lock)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);
	struct stub_output *out;

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_LOCK_BITSTREAM", lock->version, NV_ENC_LOCK_BITSTREAM_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	for (out = s->outputs; out && out != lock->outputBitstream; out = out->next)
		;
	if (!out || out->state != STUB_READY || out->order != s->locked) {
		stub_forbidden("lock of an output that needs more input, was locked, or is not the next");
		return NV_ENC_ERR_INVALID_CALL;
	}
	status = planned_lock_error(out);
	if (status)
		return status;
	s->locked++;
	out->state = STUB_LOCKED;
	if (out->input)
		out->input->used--;
	out->input = NULL;
	lock->bitstreamBufferPtr = out->packet;
	lock->bitstreamSizeInBytes = (uint32_t)out->len;
	lock->pictureType = out->type;
	lock->pictureStruct = NV_ENC_PIC_STRUCT_FRAME;
	lock->outputTimeStamp = out->stamp;
	lock->frameAvgQP = out->qp;
	lock->frameSatd = (uint32_t)out->len;
	return NV_ENC_SUCCESS;
}

NVENCSTATUS NVENCAPI stub_unlock_bitstream(void *handle, NV_ENC_OUTPUT_PTR output)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);
	struct stub_output *out;

	if (status)
		return status;
	for (out = s->outputs; out && out != output; out = out->next)
		;
	if (!out || out->state != STUB_LOCKED) {
		stub_forbidden("unlock of an output that is not locked");
		return NV_ENC_ERR_INVALID_CALL;
	}
	out->state = STUB_FREE;
	return NV_ENC_SUCCESS;
}
