// SPDX-License-Identifier: MIT
/*
 * Random plants, many of them: plant_run RUNS [SEED]. TAP. Every run checks every
 * decision; the sums must stay within what the documentation promises.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "plant.h"

#define FRAMES 400
/* Shares of all runs that may miss. */
#define ERROR_LIMIT 0.05
#define ERROR_SHARE 0.01
#define ERROR_LATE_SHARE 0.08
#define VIOLATED_SHARE 0.03
#define TWICE_SHARE 0.01
#define BASE_SHARE 0.05
#define LAYERED_LIMIT 0.15
#define LAYERED_SHARE 0.04
#define VIOLATED_LATE_SHARE 0.12

struct sums {
	unsigned long runs, error, violated, twice, broken, limited, base_violated, layered, layered_off;
	double worst, worst_level;
};

static void add(struct sums *s, const struct plant *p, const struct hvcal_rc_config *c, bool sane)
{
	double error = fabs(plant_error(p, c));

	s->runs++;
	s->broken += !sane;
	s->layered += c->layers > 1;
	s->layered_off += c->layers > 1 && error > LAYERED_LIMIT;
	s->error += c->layers < 2 && error > ERROR_LIMIT;
	s->violated += p->violations > 0;
	s->limited += c->base_percent > 0;
	s->base_violated += p->base_violations > 0;
	s->twice += p->level_max > 2.0;
	s->worst = fmax(s->worst, error);
	s->worst_level = fmax(s->worst_level, p->level_max);
}

/* Of one layer: two have a limit of their own. */
static double error_share(const struct sums *s)
{
	return (double)s->error / fmax((double)(s->runs - s->layered), 1.0);
}

static int check(int n, const char *what, double share, double limit)
{
	printf("%sok %d %s: %.4f, at most %.4f\n", share <= limit ? "" : "not ", n, what, share,
	       limit);
	return share > limit;
}

int main(int argc, char **argv)
{
	unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	struct sums now = { 0 }, late = { 0 };
	int bad = 0;

	if (!runs) {
		fprintf(stderr, "plant_run: the number of runs must be 1 or more\n");
		return 2;
	}
	for (unsigned long i = 0; i < runs; i++) {
		struct hvcal_rc_decision d;
		struct hvcal_rc_config c;
		struct plant p;
		hvcal_rc_t *rc;
		bool sane = true;

		plant_draw(&p, &c, seed + i);
		if (hvcal_rc_create(&c, &rc)) {
			printf("Bail out! seed %lu: refused\n", seed + i);
			return 1;
		}
		for (unsigned int f = 0; f < FRAMES && sane; f++)
			sane = plant_step(&p, rc, &d);
		if (!sane)
			printf("# seed %lu: a decision out of limits\n", seed + i);
		add(p.delay ? &late : &now, &p, &c, sane);
		hvcal_rc_destroy(&rc);
	}
	printf("1..8\n# %lu runs with sizes at once, %lu with late ones\n", now.runs, late.runs);
	printf("# worst error %.3f, %.3f; worst level %.2f, %.2f of the buffer\n", now.worst,
	       late.worst, now.worst_level, late.worst_level);
	now.runs = now.runs ? now.runs : 1;
	late.runs = late.runs ? late.runs : 1;
	bad |= check(1, "decisions out of limits", now.broken + late.broken, 0.0);
	bad |= check(2, "runs off the rate by more than 5 %", error_share(&now), ERROR_SHARE);
	bad |= check(3, "the same with late sizes", error_share(&late), ERROR_LATE_SHARE);
	bad |= check(4, "runs that overflow the buffer", (double)now.violated / now.runs,
		     VIOLATED_SHARE);
	bad |= check(5, "the same with late sizes", (double)late.violated / late.runs,
		     VIOLATED_LATE_SHARE);
	bad |= check(6, "runs that fill it more than twice",
		     (double)(now.twice + late.twice) / runs, TWICE_SHARE);
	bad |= check(7, "runs that overflow a base layer's own",
		     (double)(now.base_violated + late.base_violated) /
		     fmax((double)(now.limited + late.limited), 1.0), BASE_SHARE);
	bad |= check(8, "runs of two layers off by more than 15 %",
		     (double)(now.layered_off + late.layered_off) /
		     fmax((double)(now.layered + late.layered), 1.0), LAYERED_SHARE);
	return bad;
}
