// SPDX-License-Identifier: MIT
/* libFuzzer: any configuration, any frames, any reports. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hvcal/rc.h>

struct input {
	const uint8_t *data;
	size_t len;
};

static void take(struct input *in, void *to, size_t len)
{
	size_t n = len < in->len ? len : in->len;

	memset(to, 0, len);
	memcpy(to, in->data, n);
	in->data += n;
	in->len -= n;
}

/* Mostly one that is accepted: a refused one tests nothing more. */
static void take_config(struct input *in, struct hvcal_rc_config *c)
{
	struct {
		uint8_t control, scale, flags, layers, delay, drain, quality, qp, qp_min, qp_max, odd;
		uint16_t width, height, vbv_ms, key_interval, fps;
		uint32_t bitrate, maxrate, ceiling;
	} raw;

	take(in, &raw, sizeof(raw));
	if (raw.odd == 255) {
		take(in, c, sizeof(*c));
		return;
	}
	hvcal_rc_config_init(c);
	c->control = 1 + raw.control % 4;
	c->scale = raw.scale % 3;
	c->flags = raw.flags & 7;
	c->layers = raw.layers % 3;
	c->base_percent = c->layers == 2 ? raw.layers / 3 : 0;
	c->delay = raw.delay % 17;
	c->drain_percent = raw.drain % 101;
	c->quality = 1 + raw.quality % 51;
	c->qp = raw.qp % 52;
	c->qp_min = raw.qp_min % 20;
	c->qp_max = raw.qp_max % 2 ? 20 + raw.qp_max % 32 : 0;
	c->width = 1 + raw.width;
	c->height = 1 + raw.height;
	c->vbv_ms = raw.vbv_ms % 60001;
	c->key_interval = raw.key_interval;
	c->fps = 1.0 + raw.fps % 1000;
	c->bitrate = 10000 + raw.bitrate % 1990000000;
	c->maxrate = raw.maxrate % 2 ? c->bitrate + raw.maxrate % 10000 : 0;
	c->frame_ceiling = raw.ceiling;
}

static void must(int good)
{
	if (!good)
		abort();
}

static void look(const hvcal_rc_t *rc, const struct hvcal_rc_decision *d)
{
	struct hvcal_rc_config c;
	struct hvcal_rc_status s;

	hvcal_rc_get_config(rc, &c);
	hvcal_rc_get_status(rc, &s);
	must(d->qp >= c.qp_min && d->qp <= c.qp_max);
	must(isfinite(d->qp_exact) && isfinite(d->lambda));
	must(d->band_top >= 0.0f && d->band_top <= d->band_bottom && d->band_bottom <= 1.0f);
	must(d->band_top == d->band_bottom || (c.flags & HVCAL_RC_BANDS &&
	     d->band_qp >= c.qp_min && d->band_qp < d->qp));
	must(isfinite(s.level_ms) && s.level_ms >= 0.0 && isfinite(s.sigma));
	must(isfinite(s.base_level_ms) && s.base_level_ms >= 0.0);
	must(isfinite(s.slope) && isfinite(s.qp_mean) && isfinite(s.fps));
	must(s.in_flight <= HVCAL_RC_IN_FLIGHT);
}

/* Bytes at random are hardly ever a curve that is believed. */
static void take_curve(struct input *in, struct hvcal_rc_hint *hint)
{
	uint8_t bits[HVCAL_RC_CURVE];

	take(in, bits, sizeof(bits));
	for (int i = 0; i < HVCAL_RC_CURVE; i++)
		hint->curve[i] = (float)exp2(bits[i] / 10.0 - 17.0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data, len };
	struct hvcal_rc_config c;
	struct hvcal_rc_decision d;
	hvcal_rc_t *rc;

	take_config(&in, &c);
	if (hvcal_rc_create(&c, &rc))
		return 0;
	while (in.len) {
		struct hvcal_rc_frame f = { 0 };
		struct hvcal_rc_hint hint;
		uint8_t what;
		uint64_t bytes;
		int32_t qp;

		take(&in, &what, sizeof(what));
		take(&in, &f.time_ns, sizeof(f.time_ns));
		f.key = what & 1;
		f.layer = (what >> 1) & 1;
		if (what & 4) {
			take(&in, &hint, sizeof(hint));
			if (hint.is_static & 2)
				take_curve(&in, &hint);
			f.hint = &hint;
		}
		if (what & 8) {
			take_config(&in, &c);
			hvcal_rc_retarget(rc, &c);
		}
		if (hvcal_rc_decide(rc, &f, &d))
			continue;
		look(rc, &d);
		take(&in, &bytes, sizeof(bytes));
		take(&in, &qp, sizeof(qp));
		/* a dropped frame has no number: 0 may be one of before, with other limits */
		if (what & 16 && d.action == HVCAL_RC_ENCODE) {
			struct hvcal_rc_decision again;

			if (!hvcal_rc_check(rc, d.id, bytes, &again))
				look(rc, &again);
		}
		if (what & 32)
			hvcal_rc_report(rc, d.id - (what >> 6), bytes, qp);
	}
	hvcal_rc_destroy(&rc);
	return 0;
}
