// SPDX-License-Identifier: MIT
/* The figures of a run. */
#include <math.h>
#include <string.h>

#include "bench.h"

#define TAIL 30
#define SETTLED 1.15
#define RISEN 0.9
#define SPAN 10
#define QP_AN_OCTAVE 6.0	/* roughness is in those of H.264 */

static double psnr_of(double mse)
{
	return 10.0 * log10(255.0 * 255.0 / fmax(mse, 1e-4));
}

static double mean(const double *x, unsigned int n)
{
	double sum = 0.0;

	for (unsigned int i = 0; i < n; i++)
		sum += x[i];
	return n ? sum / n : 0.0;
}

static double worst_window(const double *bits, unsigned int n, unsigned int len, double budget)
{
	double worst = 0.0;

	for (unsigned int i = 0; i + len <= n; i++)
		worst = fmax(worst, mean(bits + i, len) / budget);
	return worst;
}

static double psnr_min(const struct trace *t, unsigned int from, unsigned int n)
{
	double least = INFINITY;

	for (unsigned int i = from; i < from + n && i < t->frames; i++)
		least = fmin(least, psnr_of(t->mse[i]));
	return least;
}

/* What came of a new rate. */
static void measure_step(const struct trace *t, const struct job *job, struct metrics *m)
{
	double fps = job->clip->fps, budget = job->step_rate / fps, level = 0.0, worst = 0.0;
	const double *bits = t->bits + job->step_at;
	unsigned int n = t->frames - job->step_at, second = (unsigned int)lround(fps);
	bool up = job->step_rate > job->bitrate;

	m->first = bits[0] / budget;
	m->use = mean(bits, TAIL < n ? TAIL : n) / budget;
	for (unsigned int i = 0; i < n; i++) {
		level += bits[i];
		worst = fmax(worst, level - budget);
		level = fmax(0.0, level - budget);
	}
	m->backlog_ms = 1000.0 * worst / job->step_rate;
	m->window = worst_window(bits, n, second, budget);
	m->dip = psnr_min(t, t->frames - TAIL, TAIL) - psnr_min(t, job->step_at, TAIL);
	m->settle = n;
	for (unsigned int i = 0; i + second + SPAN < n; i++) {
		bool good = true;

		for (unsigned int j = i; good && !up && j < i + second; j++)
			good = mean(bits + j, SPAN) <= SETTLED * budget;
		if (up)
			good = mean(bits + i, SPAN) >= RISEN * budget;
		if (good) {
			m->settle = i;
			break;
		}
	}
}

void measure(const struct trace *t, const struct job *job, struct metrics *m)
{
	double fps = job->clip->fps, budget = job->bitrate / fps, level = 0.0, queue = 0.0;
	double size = fmax(job->bitrate * job->vbv_ms / 1000.0, budget), mse = 0.0;
	unsigned int n = t->frames;

	/* what is not known yet cannot be held: a frame of room for each late size */
	size += job->delay * budget;
	memset(m, 0, sizeof(*m));
	m->kbps = mean(t->bits, n) * fps / 1000.0;
	for (unsigned int i = 0; i < n; i++)
		mse += psnr_of(t->mse[i]) / n;
	m->psnr = mse;
	m->psnr_min = psnr_min(t, 0, n);
	m->ssim = mean(t->ssim, n);
	m->key = t->bits[0] / budget;
	m->roughness = -1.0;
	if (t->qp[0] >= 0) {
		m->roughness = 0.0;
		for (unsigned int i = 31; i < n; i++)
			m->roughness += QP_AN_OCTAVE / (n - 31) *
					fabs(hvcal_rc_qp_to_log2(job->enc->scale, t->qp[i]) -
					     hvcal_rc_qp_to_log2(job->enc->scale, t->qp[i - 1]));
	}
	if (job->step_at) {
		measure_step(t, job, m);
		return;
	}
	m->error = mean(t->bits, n) / budget - 1.0;
	m->window = worst_window(t->bits, n, (unsigned int)lround(fps), budget);
	for (unsigned int i = 0; i < n; i++) {
		level = fmax(0.0, level - budget) + t->bits[i];
		queue = fmax(queue, level);
		m->violations += level > size * 1.0001;
		if (!i)
			continue;
		m->p_max = fmax(m->p_max, t->bits[i] / budget);
		m->over3 += t->bits[i] > 3.0 * budget;
		m->over8 += t->bits[i] > 8.0 * budget;
	}
	m->queue_ms = 1000.0 * queue / job->bitrate;
}

/* ---- Bjontegaard's delta of rate over monotone cubic interpolation ---- */

#define POINTS_MAX 8

struct curve {
	unsigned int n;
	double x[POINTS_MAX], y[POINTS_MAX], slope[POINTS_MAX]; /* quality, log rate */
};

static bool curve_make(struct curve *c, const double *rate, const double *quality, unsigned int n)
{
	double d[POINTS_MAX] = { 0 }, h[POINTS_MAX] = { 0 };

	c->n = n;
	for (unsigned int i = 0; i < n; i++) {
		c->x[i] = quality[i];
		c->y[i] = log(rate[i]);
		if (i && c->x[i] <= c->x[i - 1])
			return false;
	}
	for (unsigned int i = 0; i + 1 < n; i++) {
		h[i] = c->x[i + 1] - c->x[i];
		d[i] = (c->y[i + 1] - c->y[i]) / h[i];
	}
	c->slope[0] = d[0];
	c->slope[n - 1] = d[n - 2];
	for (unsigned int i = 1; i + 1 < n; i++) {
		double w1 = 2.0 * h[i] + h[i - 1], w2 = h[i] + 2.0 * h[i - 1];

		c->slope[i] = d[i - 1] * d[i] <= 0.0 ? 0.0 :
			      (w1 + w2) / (w1 / d[i - 1] + w2 / d[i]);
	}
	return true;
}

static double curve_at(const struct curve *c, double x)
{
	unsigned int i = 0;
	double h, t;

	while (i + 2 < c->n && x > c->x[i + 1])
		i++;
	h = c->x[i + 1] - c->x[i];
	t = (x - c->x[i]) / h;
	return (1 + 2 * t) * (1 - t) * (1 - t) * c->y[i] + t * (1 - t) * (1 - t) * h * c->slope[i] +
	       t * t * (3 - 2 * t) * c->y[i + 1] + t * t * (t - 1) * h * c->slope[i + 1];
}

double bd_rate(const double *rate_a, const double *quality_a, const double *rate_b,
	       const double *quality_b, unsigned int n)
{
	const unsigned int steps = 1000;
	struct curve a, b;
	double low, high, sum = 0.0;

	if (n < 2 || n > POINTS_MAX || !curve_make(&a, rate_a, quality_a, n) ||
	    !curve_make(&b, rate_b, quality_b, n))
		return NAN;
	low = fmax(a.x[0], b.x[0]);
	high = fmin(a.x[n - 1], b.x[n - 1]);
	if (low >= high)
		return NAN;
	for (unsigned int i = 0; i < steps; i++) {
		double x = low + (high - low) * (i + 0.5) / steps;

		sum += curve_at(&b, x) - curve_at(&a, x);
	}
	return 100.0 * (exp(sum / steps) - 1.0);
}
