// SPDX-License-Identifier: MIT
/* One clip through one encoder under one controller. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

/* CPU time of this thread, so that other work on the machine does not count. */
static double thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void configure(const struct job *job, double bitrate, struct hvcal_rc_config *c)
{
	hvcal_rc_config_init(c);
	c->scale = job->enc->scale;
	c->width = job->clip->width;
	c->height = job->clip->height;
	c->fps = job->clip->fps;
	c->bitrate = (uint64_t)bitrate;
	c->vbv_ms = (uint32_t)lround(job->vbv_ms);
	c->flags = job->enc->bands && job->who != WHO_WHOLE ? HVCAL_RC_BANDS : 0;
	c->delay = job->untold ? 0 : job->delay;
	if (job->control)
		c->control = job->control;
	if (job->control == HVCAL_RC_CONTROL_VBR)
		c->maxrate = c->bitrate;
}

/* Of how many frames the size is known once frame @i is encoded. */
static unsigned int known_after(const struct job *job, unsigned int i)
{
	unsigned int late = job->late_frames && i >= job->late_frames ? 0 : job->delay;

	return i + 1 > late ? i + 1 - late : 0;
}

static int retarget(const struct job *job, struct encoder *e, hvcal_rc_t *rc, struct fqp *fqp)
{
	struct hvcal_rc_config c;

	if (rc) {
		configure(job, job->step_rate, &c);
		return hvcal_rc_retarget(rc, &c);
	}
	if (!fqp)
		return job->enc->retarget(e, job->step_rate);
	fqp_retarget(fqp, job->step_rate);
	return 0;
}

/*
 * Each decision and report is between two readings of the clock, and just before them
 * the clock is read twice for nothing: caches are then as they are for the others.
 */
static int run_frames(const struct job *job, struct trace *t, struct encoder *e, hvcal_rc_t *rc,
		      struct fqp *fqp)
{
	const struct clip *clip = job->clip;
	double interval = 1.0 / clip->fps;
	uint32_t ids[FRAMES_MAX];
	unsigned int known = 0;

	for (unsigned int i = 0; i < job->frames; i++) {
		struct band band = { .qp = -1 };
		double idle, begin, end;
		struct coded coded;
		int qp = -1;

		if (job->step_at && i == job->step_at && retarget(job, e, rc, fqp))
			return -1;
		idle = thread_ns();
		begin = thread_ns();
		if (rc) {
			struct hvcal_rc_frame frame = {
				.time_ns = (int64_t)llround(i * interval * 1e9),
				.key = !i,
				.hint = job->who == WHO_BLIND ? NULL : &clip->hints[i],
			};
			struct hvcal_rc_decision d;

			if (hvcal_rc_decide(rc, &frame, &d))
				return -1;
			qp = d.qp;
			ids[i] = d.id;
			if (d.band_top < d.band_bottom)
				band = (struct band){ d.band_top, d.band_bottom, d.band_qp };
		} else if (fqp) {
			qp = fqp_decide(fqp, i * interval, !i);
		}
		end = thread_ns();
		t->times.decide_ns[i] = (float)(end - begin);
		t->times.clock_ns[i] = (float)(begin - idle);
		if (job->enc->encode(e, clip_frame(clip, i), qp, &band, &coded))
			return -1;
		t->bits[i] = coded.bits;
		t->mse[i] = coded.mse;
		t->ssim[i] = coded.ssim;
		t->qp[i] = qp;
		for (; known < known_after(job, i); known++) {
			idle = thread_ns();
			begin = thread_ns();
			if (rc)
				hvcal_rc_report(rc, ids[known], (uint64_t)(t->bits[known] / 8.0),
						HVCAL_RC_QP_AS_DECIDED);
			else if (fqp)
				fqp_report(fqp, t->bits[known] / 8.0);
			end = thread_ns();
			t->times.decide_ns[i] += (float)(end - begin);
			t->times.clock_ns[i] += (float)(begin - idle);
		}
	}
	t->frames = job->frames;
	return 0;
}

int run_job(const struct job *job, struct trace *t)
{
	struct hvcal_rc_config c;
	hvcal_rc_t *rc = NULL;
	struct fqp *fqp = NULL;
	struct encoder *e;
	int ret = -1;

	e = job->enc->open(job->clip, job->who == WHO_OWN ? job->bitrate : 0.0, job->vbv_ms);
	if (!e)
		return -1;
	configure(job, job->bitrate, &c);
	if (job->who <= WHO_WHOLE && hvcal_rc_create(&c, &rc))
		goto out;
	if (job->who == WHO_FQP) {
		fqp = fqp_open(job->bitrate, job->clip->fps, job->vbv_ms,
			       job->clip->width * job->clip->height);
		if (!fqp)
			goto out;
	}
	ret = run_frames(job, t, e, rc, fqp);
out:
	if (fqp)
		fqp_close(fqp);
	hvcal_rc_destroy(&rc);
	job->enc->close(e);
	return ret;
}

#define ALONE_RUNS 20000

static double alone(uint32_t scale, float inter_cost)
{
	const struct hvcal_rc_hint hint = { .inter_cost = inter_cost, .intra_cost = 12.0f };
	struct hvcal_rc_config c;
	hvcal_rc_t *rc;
	double begin;

	hvcal_rc_config_init(&c);
	c.scale = scale;
	c.width = 1280;
	c.height = 720;
	c.bitrate = 2000000;
	if (hvcal_rc_create(&c, &rc))
		return 0.0;
	begin = thread_ns();
	for (unsigned int i = 0; i < ALONE_RUNS; i++) {
		const struct hvcal_rc_frame frame = {
			.time_ns = i * 33333333LL, .key = !i, .hint = &hint,
		};
		struct hvcal_rc_decision d;

		hvcal_rc_decide(rc, &frame, &d);
		hvcal_rc_report(rc, d.id, 8000 + i * 7919 % 1000, HVCAL_RC_QP_AS_DECIDED);
	}
	begin = thread_ns() - begin;
	hvcal_rc_destroy(&rc);
	return begin / ALONE_RUNS;
}

double decide_alone_ns(void)
{
	double worst = 0.0;

	for (uint32_t scale = HVCAL_RC_SCALE_H26X; scale <= HVCAL_RC_SCALE_VP9; scale++) {
		worst = fmax(worst, alone(scale, 2.0f));
		worst = fmax(worst, alone(scale, 0.02f)); /* a still picture */
	}
	return worst;
}
