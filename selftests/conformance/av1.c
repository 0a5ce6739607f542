// SPDX-License-Identifier: MIT
/*
 * AV1 packets through libdav1d, which tells the quantiser of each frame and the HDR
 * metadata that came with it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"

#ifdef HAVE_DAV1D
#include <dav1d/dav1d.h>

struct decoder {
	struct conf_stream *s;
	Dav1dContext *dav1d;
	double min_psnr;
	struct conf_picture *pictures;
	unsigned int count;
};

static void take_hdr(const Dav1dPicture *p, struct conf_picture *pic)
{
	const Dav1dITUTT35 *t35 = p->itut_t35;

	if (p->mastering_display) {
		pic->has_mastering = true;
		memcpy(pic->primaries, p->mastering_display->primaries, sizeof(pic->primaries));
		memcpy(pic->white, p->mastering_display->white_point, sizeof(pic->white));
		pic->max_luminance = p->mastering_display->max_luminance;
		pic->min_luminance = p->mastering_display->min_luminance;
	}
	if (p->content_light) {
		pic->has_light = true;
		pic->max_cll = (unsigned int)p->content_light->max_content_light_level;
		pic->max_fall = (unsigned int)p->content_light->max_frame_average_light_level;
	}
	if (t35 && t35->payload_size < sizeof(pic->t35)) {
		pic->t35[0] = t35->country_code;
		memcpy(pic->t35 + 1, t35->payload, t35->payload_size);
		pic->t35_len = (unsigned int)t35->payload_size + 1;
	}
}

static void take_picture(struct decoder *d, const Dav1dPicture *p)
{
	struct conf_decoded got = {
		.data = { p->data[0], p->data[1], p->data[2] },
		.stride = { p->stride[0], p->stride[1], p->stride[1] },
		.width = (unsigned int)p->p.w, .height = (unsigned int)p->p.h,
		.depth = p->p.layout == DAV1D_PIXEL_LAYOUT_I420 ? (unsigned int)p->p.bpc : 0,
		.pts = p->m.timestamp,
	};
	int qindex = p->frame_hdr->quant.yac;
	struct conf_picture pic = { .has_qp = true, .qp = qindex };

	/* segments and blocks may have their own */
	if (p->frame_hdr->segmentation.enabled || p->frame_hdr->delta.q.present)
		pic.has_qp = false;
	pic.qp_left = pic.qp_right = pic.qp;
	take_hdr(p, &pic);
	d->count++;
	conf_compare(d->s, &got, d->min_psnr, &pic, d->pictures);
}

static void drain(struct decoder *d)
{
	Dav1dPicture p = { 0 };

	while (!conf_failed(d->s->c) && !dav1d_get_picture(d->dav1d, &p)) {
		take_picture(d, &p);
		dav1d_picture_unref(&p);
	}
}

static void send(struct decoder *d, const struct conf_frame *f)
{
	Dav1dData data = { 0 };
	uint8_t *to = dav1d_data_create(&data, f->result.bytes);
	int ret;

	if (!to)
		abort();
	memcpy(to, f->packet, f->result.bytes);
	data.m.timestamp = f->result.frame.pts;
	do {
		ret = dav1d_send_data(d->dav1d, &data);
		if (ret && ret != DAV1D_ERR(EAGAIN)) {
			conf_fail(d->s->c, "frame %u: the decoder refuses the packet", f->number);
			dav1d_data_unref(&data);
			return;
		}
		drain(d);
	} while (data.sz && !conf_failed(d->s->c));
	if (data.sz)
		dav1d_data_unref(&data);
}

bool conf_have_dav1d(void)
{
	return true;
}

void conf_decode_av1(struct conf_stream *s, unsigned int first, double min_psnr,
		     struct conf_picture *pictures)
{
	struct decoder d = { .s = s, .min_psnr = min_psnr, .pictures = pictures };
	Dav1dSettings settings;
	struct conf_frame *f;
	unsigned int sent = 0;

	dav1d_default_settings(&settings);
	settings.n_threads = 1;
	settings.max_frame_delay = 1;
	settings.strict_std_compliance = 1;
	settings.logger.callback = NULL;
	if (dav1d_open(&d.dav1d, &settings))
		abort();
	for (unsigned int i = first; (f = conf_by_order(s, i)) && !conf_failed(s->c); i++)
		if (f->packet) {
			send(&d, f);
			sent++;
		}
	drain(&d);
	if (d.count != sent)
		conf_fail(s->c, "%u packets decode to %u pictures", sent, d.count);
	dav1d_close(&d.dav1d);
}
#else
bool conf_have_dav1d(void)
{
	return false;
}

void conf_decode_av1(struct conf_stream *s, unsigned int first, double min_psnr,
		     struct conf_picture *pictures)
{
	(void)s;
	(void)first;
	(void)min_psnr;
	(void)pictures;
}
#endif
