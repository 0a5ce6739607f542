// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "plant.h"

#define INTRA_COST 8.0f
#define INTER_COST 2.0f

uint64_t plant_random(uint64_t *state)
{
	/* splitmix64 */
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

double plant_uniform(uint64_t *state, double low, double high)
{
	return low + (high - low) * (double)(plant_random(state) >> 11) / 9007199254740992.0;
}

static double gauss(uint64_t *state)
{
	double sum = -6.0;

	for (int i = 0; i < 12; i++)
		sum += plant_uniform(state, 0.0, 1.0);
	return sum;
}

void plant_draw(struct plant *p, struct hvcal_rc_config *c, uint64_t seed)
{
	static const double rates[] = { 15.0, 25.0, 30.0, 60.0, 120.0 };
	static const uint32_t buffers[] = { 200, 320, 500, 1000 };
	static const uint32_t delays[] = { 0, 0, 1, 2, 4 };
	uint64_t *r = &p->random;
	double bits_at_0, pixels;

	memset(p, 0, sizeof(*p));
	p->random = seed;
	hvcal_rc_config_init(c);
	c->scale = p->scale = (uint32_t)(plant_random(r) % 3);
	c->width = 160 * (1 + (uint32_t)(plant_random(r) % 16));
	c->height = 96 * (1 + (uint32_t)(plant_random(r) % 16));
	c->fps = p->fps = rates[plant_random(r) % 5];
	c->vbv_ms = buffers[plant_random(r) % 4];
	c->delay = p->delay = delays[plant_random(r) % 5];
	p->g = plant_uniform(r, 0.9, 1.7);
	p->h = plant_uniform(r, 0.3, 2.5);
	p->sigma = plant_uniform(r, 0.05, 0.3);
	p->jitter = plant_random(r) % 4 ? 0.0 : 0.3;
	p->hints = plant_random(r) % 2;
	p->cut_every = p->hints && plant_random(r) % 2 ? (unsigned int)lround(p->fps) : 0;
	p->cut_ratio = plant_uniform(r, 2.0, 3.5);
	p->bias = 1.0;
	/* a rate that the middle of the scale gives: feasible with room on both sides */
	pixels = (double)c->width * c->height;
	p->level = log2(pixels) + plant_uniform(r, -1.0, 2.0);
	bits_at_0 = p->level - p->g * plant_uniform(r, 2.5, 4.5);
	c->bitrate = (uint64_t)(exp2(bits_at_0) * p->fps);
	if (c->bitrate < HVCAL_RC_RATE_MIN)
		c->bitrate = HVCAL_RC_RATE_MIN;
	p->level = log2((double)c->bitrate / p->fps) + (p->level - bits_at_0);
	p->layers = c->layers = plant_random(r) % 4 ? 1 : 2;
	/* less than half of the rate for half of the frames would leave some of it unused */
	if (p->layers > 1 && plant_random(r) % 2)
		c->base_percent = 55 + (uint32_t)(plant_random(r) % 26);
}

static void account(struct plant *p, const struct hvcal_rc_config *c, double bits, double seconds,
		    bool key, bool upper)
{
	double rate = (double)c->bitrate, size = rate * c->vbv_ms / 1000.0;
	double share = c->base_percent / 100.0;

	p->level_bits = fmax(0.0, p->level_bits - rate * seconds) + bits;
	p->level_max = fmax(p->level_max, p->level_bits / size);
	p->violations += p->level_bits > size * 1.001;
	p->base_bits = fmax(0.0, p->base_bits - share * rate * seconds) + (upper ? 0.0 : bits);
	/* what the buffer gives way by is for late sizes */
	p->base_violations += share > 0.0 && !upper &&
			      p->base_bits > share * (size + p->delay * rate / p->fps) * 1.001;
	p->bits += bits;
	p->frames++;
	if (!key) {
		p->p_max = fmax(p->p_max, bits * p->fps / rate);
		p->over3 += bits * p->fps > 3.0 * rate;
	}
}

static bool decision_sane(const struct hvcal_rc_decision *d, const struct hvcal_rc_config *c)
{
	return d->qp >= c->qp_min && d->qp <= c->qp_max && isfinite(d->qp_exact) &&
	       isfinite(d->lambda) && d->lambda > 0.0 && d->saturated <= HVCAL_RC_SATURATED_LOW &&
	       d->band_top >= 0.0f && d->band_top <= d->band_bottom && d->band_bottom <= 1.0f;
}

bool plant_step(struct plant *p, hvcal_rc_t *rc, struct hvcal_rc_decision *d)
{
	struct hvcal_rc_hint hint = { .intra_cost = INTRA_COST, .inter_cost = INTER_COST };
	struct hvcal_rc_frame frame = { .time_ns = p->time_ns, .key = !p->frame };
	unsigned int slot = p->frame % PLANT_DELAY_MAX, known;
	bool cut = p->cut_every && p->frame && p->frame % p->cut_every == 0;
	bool upper = p->layers > 1 && p->frame & 1 && !cut;
	struct hvcal_rc_config c;
	double q, log_bits, seconds;

	hvcal_rc_get_config(rc, &c);
	frame.layer = upper;
	if (p->hints) {
		hint.cut = cut;
		if (cut || frame.key)
			hint.inter_cost = hint.intra_cost;
		frame.hint = &hint;
	}
	if (hvcal_rc_decide(rc, &frame, d) || !decision_sane(d, &c))
		return false;
	seconds = 1.0 / p->fps;
	if (p->jitter > 0.0)
		seconds *= 1.0 + plant_uniform(&p->random, -p->jitter, p->jitter);
	if (d->action == HVCAL_RC_ENCODE) {
		q = hvcal_rc_qp_to_log2(p->scale, d->qp + p->qp_error);
		log_bits = p->level - p->g * q + p->sigma * gauss(&p->random);
		if (cut || frame.key)
			log_bits += p->cut_ratio;
		else
			log_bits -= p->h * (q - p->q_ref);
		if (!upper)
			p->q_ref = q;
		p->pending[slot] = fmax(64.0, exp2(log_bits));
		p->ids[slot] = d->id;
		account(p, &c, p->pending[slot], p->frame ? seconds : 0.0, frame.key, upper);
	} else {
		p->pending[slot] = 0.0;
		account(p, &c, 0.0, seconds, frame.key, upper);
	}
	if (p->frame >= p->delay) {
		known = (p->frame - p->delay) % PLANT_DELAY_MAX;
		if (p->pending[known] > 0.0)
			hvcal_rc_report(rc, p->ids[known],
					(uint64_t)(p->pending[known] * p->bias / 8.0),
					HVCAL_RC_QP_AS_DECIDED);
	}
	p->frame++;
	p->time_ns += (int64_t)(seconds * 1e9);
	return true;
}

double plant_error(const struct plant *p, const struct hvcal_rc_config *c)
{
	return p->bits * p->fps / ((double)c->bitrate * p->frames) - 1.0;
}
