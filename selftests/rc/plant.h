/* SPDX-License-Identifier: MIT */
/* An encoder that is only an equation: sizes from quantisers, with known truth. */
#ifndef RC_PLANT_H
#define RC_PLANT_H

#include <stdbool.h>
#include <stdint.h>

#include <hvcal/rc.h>

#define PLANT_DELAY_MAX 8

struct plant {
	/* the truth: log2 bits = level - g q - h (q - q_ref) + noise */
	double level, g, h, sigma;
	double cut_ratio;	/* log2: what a cut costs more, at the same quantiser */
	unsigned int cut_every;	/* frames, 0 never */
	unsigned int delay;	/* frames by which sizes come late */
	double bias;		/* factor on sizes that the controller is told */
	int qp_error;		/* the engine is off by so much, and does not say */
	bool hints;
	unsigned int layers;	/* 2: every other frame is of the upper one */
	uint32_t scale;
	double fps, jitter;	/* jitter: share of the interval */

	/* the run */
	uint64_t random;
	double q_ref, last_noise;
	unsigned int frame;
	int64_t time_ns;
	double pending[PLANT_DELAY_MAX];
	uint32_t ids[PLANT_DELAY_MAX];

	/* what came out */
	double bits, level_bits, level_max, base_bits; /* base: level of its own bucket */
	unsigned int frames, violations, base_violations, over3;
	double p_max;		/* in budgets */
};

uint64_t plant_random(uint64_t *state);
double plant_uniform(uint64_t *state, double low, double high);
/* A random, feasible plant and a configuration for it. */
void plant_draw(struct plant *p, struct hvcal_rc_config *config, uint64_t seed);
/* One frame through controller and plant. False: the decision breaks a limit. */
bool plant_step(struct plant *p, hvcal_rc_t *rc, struct hvcal_rc_decision *decision);
double plant_error(const struct plant *p, const struct hvcal_rc_config *config);

#endif /* RC_PLANT_H */
