// SPDX-License-Identifier: MIT
/*
 * "FQP": a frame-QP controller of the class that browsers use above hardware
 * encoders, written from a description of one (leaky bucket, size estimators
 * bytes = A (Qprev / Q) / Q + C over a short and a long window, a set point at a
 * fifth of the buffer, steps of -1 .. +3). One layer, no drops. A yardstick.
 */
#include <math.h>
#include <stdlib.h>

#include "bench.h"

#define QP_MAX 51
#define QP_MIN 1

struct ema {
	double value, window, seen;
};

struct estimator {
	struct ema a, c;
};

struct fqp {
	double rate, budget, interval, size, level, time, vbv_ms;	/* bytes, s */
	struct estimator fast, slow;
	double deviation, predicted;
	double since_over;
	int qp, prev_qp, long_qp;
	unsigned int pixels, frames;
	bool over, key;
};

static double step_of(double qp)
{
	return 0.625 * exp2(qp / 6.0);
}

static double qp_of(double step)
{
	return 6.0 * log2(step / 0.625);
}

static void ema_add(struct ema *e, double value, double dt)
{
	double window;

	e->seen += dt;
	window = fmin(fmax(e->seen, 0.001), e->window);
	e->value += fmin(1.0, dt / window) * (value - e->value);
}

static double estimate(const struct estimator *e, double qp, double prev)
{
	return e->a.value * (step_of(prev) / step_of(qp)) / step_of(qp) + e->c.value;
}

static double solve(const struct estimator *e, double target, double prev)
{
	double rest = fmax(target - e->c.value, 0.2 * target);

	return qp_of(sqrt(step_of(prev) * fmax(e->a.value, 1.0) / rest));
}

static void set_rate(struct fqp *f, double bitrate)
{
	f->rate = bitrate / 8.0;
	f->budget = f->rate * f->interval;
	f->size = f->rate * f->vbv_ms / 1000.0;
	f->fast.a.window = f->fast.c.window = fmax(5.0 * f->interval, 0.3);
	f->slow.a.window = f->slow.c.window = 3.0 * f->vbv_ms / 1000.0;
}

struct fqp *fqp_open(double bitrate, double fps, double vbv_ms, unsigned int pixels)
{
	struct fqp *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->interval = 1.0 / fps;
	f->vbv_ms = vbv_ms;
	f->pixels = pixels;
	set_rate(f, bitrate);
	f->fast.a.value = f->slow.a.value = 1e5;
	f->fast.c.value = f->slow.c.value = 0.3 * f->budget;
	f->qp = f->prev_qp = f->long_qp = 36;
	return f;
}

void fqp_close(struct fqp *f)
{
	free(f);
}

void fqp_retarget(struct fqp *f, double bitrate)
{
	set_rate(f, bitrate);
}

static int decide_key(struct fqp *f)
{
	double factor = fmin(fmax(1.0 / f->interval / 3.75, 1.0), 4.0);
	double target = fmin(fmax(f->size / 2.0 - f->level, f->budget * factor), f->size);
	double bpp = log2(8.0 * target / f->pixels);
	int qp = (int)lround(qp_of(768.0 / exp2((bpp + 6.0) / 0.91)));

	return f->frames ? qp : (int)fmax(qp, 34);
}

static double guarded(const struct fqp *f, double target)
{
	double window = 0.2 + 0.6 * fmin(1.0, f->vbv_ms / 1000.0);
	double high = 0.2 * f->size, after = f->level + target, most;

	if (after > fmax(high, f->budget))
		target -= (after - fmax(high, f->budget)) * f->interval / window;
	else if (after < f->budget)
		target += (f->budget - after) * f->interval / window;
	most = f->size - f->level - f->deviation;
	if (target > most)
		target = most;
	return fmin(fmax(target, f->budget / 5.0), 5.0 * f->budget);
}

int fqp_decide(struct fqp *f, double time, bool key)
{
	double target, qp, low, high, c, size;

	f->level = fmax(0.0, f->level - f->rate * (time - f->time));
	f->time = time;
	f->key = key;
	f->prev_qp = f->qp;
	if (key) {
		f->qp = (int)fmin(fmax(decide_key(f), QP_MIN), QP_MAX);
		return f->qp;
	}
	f->long_qp = (int)lround(fmin(fmax(solve(&f->slow, f->budget, f->long_qp), QP_MIN),
				      QP_MAX));
	for (int i = 0; i < 10 && f->long_qp < QP_MAX &&
	     estimate(&f->slow, f->long_qp, f->long_qp) > 1.1 * f->budget; i++)
		f->long_qp++;
	size = estimate(&f->fast, f->long_qp, f->prev_qp);
	c = 0.1 + 0.8 * fmin(fmax((fabs((double)f->long_qp - f->prev_qp) - 0.5) / 2.5, 0.0), 1.0);
	target = guarded(f, f->budget + (1.0 - c) * (size - f->budget));
	qp = solve(&f->fast, target, f->prev_qp);
	low = f->prev_qp - 1;
	high = fmax(f->prev_qp + 3, (QP_MIN + QP_MAX) / 2);
	if (f->over) {
		double open = f->since_over / 0.033;

		f->since_over += f->interval;
		low = f->prev_qp + 2;
		high += open * open;
	}
	qp = fmin(fmax(qp, low), high);
	if (f->level >= f->size)
		qp = QP_MAX;
	f->qp = (int)lround(fmin(fmax(qp, QP_MIN), QP_MAX));
	f->predicted = estimate(&f->fast, f->qp, f->prev_qp);
	return f->qp;
}

static void learn(struct estimator *e, double bytes, int qp, int prev, double dt)
{
	double q = step_of(qp), ratio = step_of(prev) / q;
	double a = fmax(bytes - e->c.value, 0.1 * bytes) * q / ratio;

	ema_add(&e->a, a, dt);
	ema_add(&e->c, fmax(0.0, bytes - e->a.value * ratio / q), dt);
}

void fqp_report(struct fqp *f, double bytes)
{
	f->level += bytes;
	f->over = f->level > f->size;
	if (!f->over)
		f->since_over = 0.0;
	f->frames++;
	if (f->key)
		return;
	f->deviation = 0.8 * f->deviation + 0.2 * fabs(bytes - f->predicted);
	learn(&f->fast, bytes, f->qp, f->prev_qp, f->interval);
	learn(&f->slow, bytes, f->qp, f->prev_qp, f->interval);
}
