// SPDX-License-Identifier: GPL-2.0-or-later
/* libx265 in real time, with the settings of lib/engines/x265.c. */
#include <stdio.h>
#include <stdlib.h>

#include <x265.h>

#include "lib.h"

struct lib_encoder {
	struct lib_config config;
	x265_param *param;
	x265_encoder *x265;
	x265_nal *nal;
	uint32_t count;
	int64_t pts;
	bool key;
	char pools[16];
};

static int start(struct lib_encoder *e)
{
	const struct lib_config *c = &e->config;
	x265_param *p = x265_param_alloc();

	if (!p)
		return -1;
	x265_param_default_preset(p, x265_preset_names[c->speed], "zerolatency");
	snprintf(e->pools, sizeof(e->pools), "%u", c->threads);
	p->numaPools = e->pools;
	p->logLevel = X265_LOG_NONE;
	p->frameNumThreads = 1;
	p->sourceWidth = (int)c->width;
	p->sourceHeight = (int)c->height;
	p->internalCsp = X265_CSP_I420;
	p->fpsNum = c->fps;
	p->fpsDenom = 1;
	p->keyframeMax = -1;
	p->keyframeMin = 0;
	p->scenecutThreshold = 0;
	p->bOpenGOP = 0;
	p->bRepeatHeaders = 1;
	p->bAnnexB = 1;
	p->bEmitInfoSEI = 0;
	p->bframes = 0;
	p->vui.bEnableVideoSignalTypePresentFlag = 1;
	p->vui.bEnableColorDescriptionPresentFlag = 1;
	p->vui.colorPrimaries = p->vui.transferCharacteristics = p->vui.matrixCoeffs = 2;
	p->rc.qpMin = 0;
	p->rc.qpMax = 51;
	if (!c->kbps) {
		p->rc.rateControlMode = X265_RC_CQP;
		p->rc.qp = c->qp;
		p->rc.aqMode = X265_AQ_NONE;
		p->rc.cuTree = 0;
		p->rc.ipFactor = p->rc.pbFactor = 1;
	} else {
		p->rc.rateControlMode = X265_RC_ABR;
		p->rc.bitrate = p->rc.vbvMaxBitrate = p->rc.vbvBufferSize = (int)c->kbps;
	}
	e->param = p;
	e->x265 = x265_encoder_open(p);
	if (e->x265)
		return 0;
	x265_param_free(p);
	return -1;
}

static void stop(struct lib_encoder *e)
{
	x265_encoder_close(e->x265);
	x265_param_free(e->param);
}

static struct lib_encoder *open_x265(const struct lib_config *c)
{
	struct lib_encoder *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->config = *c;
	if (!start(e))
		return e;
	free(e);
	return NULL;
}

static int send_x265(struct lib_encoder *e, const struct lib_picture *p, int qp, bool key)
{
	x265_picture in, out;
	int ret;

	e->count = 0;
	if (!p)
		return 0;
	x265_picture_init(e->param, &in);
	x265_picture_init(e->param, &out);
	in.colorSpace = X265_CSP_I420;
	in.bitDepth = 8;
	for (int i = 0; i < 3; i++) {
		in.planes[i] = (void *)(uintptr_t)p->plane[i];
		in.stride[i] = p->stride[i];
	}
	in.pts = e->pts++;
	in.sliceType = key ? X265_TYPE_IDR : X265_TYPE_AUTO;
	in.forceqp = e->config.kbps ? 0 : qp + 1;
	ret = x265_encoder_encode(e->x265, &e->nal, &e->count, &in, &out);
	if (ret <= 0)
		e->count = 0;
	e->key = out.sliceType == X265_TYPE_IDR;
	return ret < 0 ? -1 : 0;
}

static int receive_x265(struct lib_encoder *e, struct lib_packet *packet)
{
	if (!e->count)
		return 0;
	*packet = (struct lib_packet){ .data = e->nal[0].payload, .key = e->key };
	for (uint32_t i = 0; i < e->count; i++)
		packet->size += e->nal[i].sizeBytes;
	e->count = 0;
	return 1;
}

/* Its rate control hardly follows a new rate: it is started anew, as in the engine. */
static int retarget_x265(struct lib_encoder *e, unsigned int kbps)
{
	stop(e);
	e->config.kbps = kbps;
	return start(e);
}

static void close_x265(struct lib_encoder *e)
{
	stop(e);
	free(e);
}

const struct lib_ops lib_x265 = {
	.name = "libx265", .open = open_x265, .send = send_x265, .receive = receive_x265,
	.retarget = retarget_x265, .close = close_x265,
};
