// SPDX-License-Identifier: MIT
/* What went out within the last second: no second shall have much more than its rate. */
#include <math.h>
#include <stddef.h>

#include "internal.h"

#define NS_PER_BIN (1000000000LL / RC_WINDOW_BINS)
#define WINDOW_SOFT 0.03	/* more than the rate, from which on frames get smaller */
#define WINDOW_HARD 0.05	/* more than the rate, which no frame is planned to exceed */
#define WINDOW_HARD_CUT 0.08	/* the same in a second with a cut */
/* ... but at few frames a second, so many of them */
#define SOFT_FRAMES 0.75
#define HARD_FRAMES 1.2
#define WINDOW_NEW 0.10		/* more than the rate, in a second with many new pictures */
#define NEW_FRAMES 3.0
#define NEW_LEAST 1.0
#define WINDOW_GAIN 0.15	/* of what is too much, taken off a frame */
#define WINDOW_OFF 0.5		/* at most this share of a frame is taken off */
#define WINDOW_LEAST 0.4	/* no frame is asked for less, by the hard limit */

/* Nothing is known of the second before: as if it had been at the rate. */
void rc_window_forget(hvcal_rc_t *rc)
{
	struct rc_window *w = &rc->window;

	w->since = w->now + 1;
	w->cut = w->scene = w->now - RC_WINDOW_BINS;
	for (int i = 0; i < RC_WINDOW_BINS; i++)
		w->bits[i] = rc->rate / RC_WINDOW_BINS;
}

void rc_window_advance(hvcal_rc_t *rc, double seconds)
{
	struct rc_window *w = &rc->window;
	int64_t bin;

	w->clock_ns += llround(seconds * NS_PER_S);
	bin = w->clock_ns / NS_PER_BIN;
	for (int i = 0; w->now < bin && i < RC_WINDOW_BINS; i++)
		w->bits[++w->now % RC_WINDOW_BINS] = 0.0;
	w->now = bin;
}

void rc_window_change(hvcal_rc_t *rc, int64_t bin, double bits)
{
	struct rc_window *w = &rc->window;

	if (bin >= w->since && bin > w->now - RC_WINDOW_BINS)
		w->bits[bin % RC_WINDOW_BINS] += bits;
}

double rc_window_sum(const hvcal_rc_t *rc)
{
	double sum = 0.0;

	for (int i = 0; i < RC_WINDOW_BINS; i++)
		sum += rc->window.bits[i];
	return sum;
}

static bool lately(const hvcal_rc_t *rc, int64_t bin)
{
	return rc->window.now - bin < RC_WINDOW_BINS;
}

/* More than the rate, of the second that this frame ends, @apart not counted. */
static double over_rate(const hvcal_rc_t *rc, double apart)
{
	return rc_window_sum(rc) - apart - rc->rate * (1.0 - rc->interval);
}

/* What a new scene or an old queue owes is paid in its own time; other debt is not. */
static double excess(const hvcal_rc_t *rc)
{
	bool paid_apart = rc->ease > 0.0 || lately(rc, rc->window.scene);

	return over_rate(rc, paid_apart ? rc->debt : 0.0);
}

double rc_window_off(const hvcal_rc_t *rc, double mean)
{
	double over = excess(rc) - fmax(WINDOW_SOFT * rc->rate, SOFT_FRAMES * mean);

	return rc_clip(WINDOW_GAIN * over, 0.0, WINDOW_OFF * mean);
}

/*
 * Where more frames are under way than was said, most of the second is a guess: each would be
 * squeezed for an excess that the first of them has paid already.
 */
double rc_window_room(const hvcal_rc_t *rc, double mean)
{
	double hard = lately(rc, rc->window.cut) ? WINDOW_HARD_CUT : WINDOW_HARD;
	double least = 1.0 - (1.0 - WINDOW_LEAST) / (1.0 + rc_late_untold(rc));

	return fmax(mean + fmax(hard * rc->rate, HARD_FRAMES * mean) - excess(rc), least * mean);
}

double rc_window_left(const hvcal_rc_t *rc, double mean)
{
	return fmax(mean + fmax(WINDOW_NEW * rc->rate, NEW_FRAMES * mean) - over_rate(rc, 0.0),
		    NEW_LEAST * mean);
}
