// SPDX-License-Identifier: MIT
/*
 * Frames a second, in blocks. A block opens three streams anew, in any order: one of
 * HVCAL and two of the library. They take turns at each picture, in all six orders, so
 * that nobody is first more often, and what else the machine does meets all alike. What
 * a block says is the median of its pictures' ratios; the result is the median of the
 * blocks, because what memory an encoder was given by luck lasts as long as it is open.
 * The two of the library show what the method says of equals.
 */
#include <errno.h>
#include <string.h>

#include "bench.h"

#define SIDES 3
#define ORDERS 6
#define PICTURES (2 * ORDERS)
#define BLOCKS_MAX 1024
#define WARM_UP 4		/* blocks, until there is memory for all in any order */
#define BLOCKS_MIN 5		/* however long they take */
#define BLOCKS_TELLING 20	/* fewer of them do not tell how far apart they lie */
#define PROGRESS_NS 10000000000ULL

enum { OURS, LIBRARY, TWIN };

/* Of each block, beside the library: frames a second, and what a picture costs. */
struct ratios {
	double wall[BLOCKS_MAX], cpu[BLOCKS_MAX], instructions[BLOCKS_MAX];
};

struct speed {
	struct ratios ours, twin;
	double fps[SIDES][BLOCKS_MAX];
	double outside_us[BLOCKS_MAX];	/* of a picture: HVCAL's, outside of its engine */
	unsigned int blocks;
	bool same, twin_same;	/* packets */
};

static void shuffle(struct bench *b, unsigned int *order, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		order[i] = i;
	for (unsigned int i = n; i > 1; i--) {
		unsigned int k = stat_random(&b->random, i), swap = order[k];

		order[k] = order[i - 1];
		order[i - 1] = swap;
	}
}

/* What a twin with a handicap loses: to see that the method sees it. */
static void lose_time(const struct bench *b, struct costs *c)
{
	struct costs before = cost_now(), now;

	do {
		now = cost_now();
	} while ((now.wall_ns - before.wall_ns) * 100 < c->wall_ns * b->handicap);
	now = cost_between(&before, &now);
	c->wall_ns += now.wall_ns;
	c->cpu_ns += now.cpu_ns;
	c->instructions += now.instructions;
}

static int code_block(struct bench *b, struct side *sides, unsigned int first,
		      struct costs costs[SIDES][PICTURES], double *outside_us)
{
	static const uint8_t orders[ORDERS][SIDES] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	unsigned int order[PICTURES];

	shuffle(b, order, PICTURES);
	for (unsigned int n = 0; n < PICTURES; n++)
		for (unsigned int k = 0; k < SIDES; k++) {
			unsigned int who = orders[order[n] % ORDERS][k];
			int ret = side_code(&sides[who], first + n, &costs[who][n]);

			if (ret)
				return ret;
			if (who == OURS)
				outside_us[n] = (double)(costs[who][n].wall_ns -
							 sides[who].engine_ns) / 1000;
			if (who == TWIN && b->handicap)
				lose_time(b, &costs[who][n]);
		}
	return 0;
}

static int run_block(struct bench *b, const struct subject *s, unsigned int first,
		     struct side *sides, struct costs costs[SIDES][PICTURES],
		     double *outside_us)
{
	unsigned int order[SIDES];
	int ret = 0;

	memset(sides, 0, SIDES * sizeof(*sides));
	shuffle(b, order, SIDES);
	for (unsigned int i = 0; i < SIDES && !ret; i++)
		ret = side_open(&sides[order[i]], b, s, order[i] == OURS, 0);
	if (!ret)
		ret = code_block(b, sides, first, costs, outside_us);
	shuffle(b, order, SIDES);
	for (unsigned int i = 0; i < SIDES; i++)
		side_close(&sides[order[i]]);
	return ret;
}

/* How @who compares with the libraries, picture by picture. */
static void add_ratios(struct ratios *r, unsigned int block, struct costs costs[SIDES][PICTURES],
		       unsigned int who)
{
	double wall[2 * PICTURES], cpu[2 * PICTURES], instructions[2 * PICTURES];
	unsigned int n = 0;

	for (unsigned int lib = LIBRARY; lib < (who == OURS ? SIDES : TWIN); lib++)
		for (unsigned int i = 0; i < PICTURES; i++, n++) {
			const struct costs *a = &costs[lib][i], *b = &costs[who][i];

			wall[n] = (double)a->wall_ns / (double)b->wall_ns;
			cpu[n] = (double)b->cpu_ns / (double)a->cpu_ns;
			instructions[n] = a->instructions ? (double)b->instructions /
					  (double)a->instructions : 1;
		}
	r->wall[block] = stat_median(wall, n);
	r->cpu[block] = stat_median(cpu, n);
	r->instructions[block] = stat_median(instructions, n);
}

static double fps_of(const struct costs *costs)
{
	uint64_t sum = 0;

	for (unsigned int n = 0; n < PICTURES; n++)
		sum += costs[n].wall_ns;
	return PICTURES * 1e9 / (double)sum;
}

static bool same_packets(const struct side *a, const struct side *b)
{
	return a->bytes == b->bytes && a->hash == b->hash;
}

static int add_block(struct bench *b, const struct subject *s, struct speed *r)
{
	struct costs costs[SIDES][PICTURES];
	double outside_us[PICTURES];
	unsigned int i = r->blocks;
	struct side sides[SIDES];
	int ret = run_block(b, s, i * PICTURES, sides, costs, outside_us);

	if (ret)
		return ret;
	r->same &= same_packets(&sides[OURS], &sides[LIBRARY]);
	r->twin_same &= same_packets(&sides[TWIN], &sides[LIBRARY]);
	add_ratios(&r->ours, i, costs, OURS);
	add_ratios(&r->twin, i, costs, TWIN);
	for (unsigned int who = 0; who < SIDES; who++)
		r->fps[who][i] = fps_of(costs[who]);
	r->outside_us[i] = stat_median(outside_us, PICTURES);
	r->blocks++;
	return 0;
}

static void progress(const struct bench *b, const struct subject *s, const struct speed *r,
		     uint64_t ns)
{
	double sorted[BLOCKS_MAX];

	memcpy(sorted, r->ours.wall, r->blocks * sizeof(*sorted));
	fprintf(stderr, "%s: %u blocks, %.0f of %u s, fps ratio %.4f so far\n", s->engine,
		r->blocks, (double)ns / 1e9, b->seconds * s->share, stat_median(sorted, r->blocks));
}

static int run_blocks(struct bench *b, const struct subject *s, struct speed *r)
{
	uint64_t start = lib_now_ns(), told = 0, ns = 0;
	uint64_t limit = b->seconds * s->share * 1000000000ULL;
	bool warm = false;
	int ret = 0;

	while (!ret && r->blocks < BLOCKS_MAX &&
	       (!warm || r->blocks < BLOCKS_MIN || ns < limit)) {
		ret = add_block(b, s, r);
		ns = lib_now_ns() - start;
		if (!warm && r->blocks == WARM_UP) {
			r->blocks = 0;
			warm = true;
		}
		if (!ret && warm && r->blocks && ns - told >= PROGRESS_NS) {
			progress(b, s, r, ns);
			told = ns;
		}
	}
	return ret;
}

static void print_json(FILE *json, const char *name, const struct estimate *e)
{
	fprintf(json, "\"%s\":[%.5f,%.5f,%.5f],", name, e->value, e->low, e->high);
}

static void report(struct bench *b, const struct subject *s, struct speed *r, double host,
		   double others, FILE *json)
{
	struct estimate wall = stat_estimate(r->ours.wall, r->blocks, &b->random);
	struct estimate cpu = stat_estimate(r->ours.cpu, r->blocks, &b->random);
	struct estimate counted = stat_estimate(r->ours.instructions, r->blocks, &b->random);
	struct estimate null = stat_estimate(r->twin.wall, r->blocks, &b->random);
	struct estimate null_cpu = stat_estimate(r->twin.cpu, r->blocks, &b->random);
	bool sound = null.low <= 1 && null.high >= 1;
	const char *verdict = r->blocks < BLOCKS_TELLING ? "too short" :
			      !sound ? "not sound" : wall.low >= BENCH_GOAL ? "met" :
			      wall.high < BENCH_GOAL ? "MISSED" : "undecided";
	double fps[2], outside_us = stat_median(r->outside_us, r->blocks);

	for (int who = OURS; who <= LIBRARY; who++)
		fps[who] = stat_median(r->fps[who], r->blocks);
	printf("%-6s %7.1f %7.1f  %.4f (%.4f..%.4f)  %.4f (%.4f..%.4f) %7.0f  %.4f", s->engine,
	       fps[OURS], fps[LIBRARY], wall.value, wall.low, wall.high, null.value, null.low,
	       null.high, outside_us, cpu.value);
	if (cost_counts())
		printf(" %.4f", counted.value);
	printf(" %6u  %-9s %s\n", r->blocks, !r->twin_same ? "random" : r->same ? "the same" :
	       "DIFFERENT", verdict);
	fprintf(json, "\"hvcal_fps\":%.2f,\"library_fps\":%.2f,\"outside_us\":%.1f,", fps[OURS],
		fps[LIBRARY], outside_us);
	print_json(json, "fps_ratio", &wall);
	print_json(json, "null_fps_ratio", &null);
	print_json(json, "cpu_ratio", &cpu);
	print_json(json, "null_cpu_ratio", &null_cpu);
	if (cost_counts())
		print_json(json, "instructions_ratio", &counted);
	fprintf(json, "\"blocks\":%u,\"same_bytes\":%s,\"library_same_bytes\":%s,"
		"\"goal\":\"%s\",\"host_took\":%.4f,\"others_took\":%.4f", r->blocks,
		r->same ? "true" : "false", r->twin_same ? "true" : "false", verdict, host, others);
}

int bench_speed(struct bench *b, const struct subject *s, FILE *json)
{
	static struct speed r;
	uint64_t host[2], busy[2];
	struct costs before = cost_now(), all;
	int ret;

	memset(&r, 0, sizeof(r));
	r.same = r.twin_same = true;
	cost_taken(b->cpu, &host[0], &busy[0]);
	ret = run_blocks(b, s, &r);
	cost_taken(b->cpu, &host[1], &busy[1]);
	if (ret)
		return ret;
	all = cost_now();
	all = cost_between(&before, &all);
	report(b, s, &r, (double)(host[1] - host[0]) / (double)all.wall_ns,
	       ((double)(busy[1] - busy[0]) - (double)all.cpu_ns) / (double)all.wall_ns, json);
	return 0;
}
