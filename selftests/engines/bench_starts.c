// SPDX-License-Identifier: MIT
/* Times of single events: open, a new rate, restart to the first packet. */
#include "bench.h"

#define ROUNDS 9
#define ROUNDS_MIN 2		/* however long they take */
#define KBPS 2000
#define PICTURES 4		/* before the new rate */

struct round {
	double open_ms, reconfigure_ms, restart_ms;
};

static double ms_since(uint64_t start)
{
	return (double)(lib_now_ns() - start) / 1e6;
}

static int run_round(const struct bench *b, const struct subject *s, bool ours, struct round *t)
{
	uint64_t start = lib_now_ns();
	struct costs costs;
	struct side side;
	int ret = side_open(&side, b, s, ours, KBPS);

	t->open_ms = ms_since(start);
	for (unsigned int n = 0; n < PICTURES && !ret; n++)
		ret = side_code(&side, n, &costs);
	start = lib_now_ns();
	if (!ret)
		ret = side_retarget(&side, 2 * KBPS);
	t->reconfigure_ms = ms_since(start);
	start = lib_now_ns();
	side_close(&side);
	if (!ret)
		ret = side_open(&side, b, s, ours, KBPS);
	if (!ret)
		ret = side_code(&side, 0, &costs);
	t->restart_ms = ms_since(start);
	side_close(&side);
	return ret;
}

int bench_starts(struct bench *b, const struct subject *s, struct starts *t)
{
	double open[2][ROUNDS], reconfigure[2][ROUNDS], restart[2][ROUNDS];
	uint64_t start = lib_now_ns(), limit = b->seconds * 1000000000ULL / 3;
	unsigned int i;

	for (i = 0; i < ROUNDS && (i < ROUNDS_MIN || lib_now_ns() - start < limit); i++)
		for (unsigned int k = 0; k < 2; k++) {
			unsigned int who = (i + k) % 2;
			struct round r;
			int ret = run_round(b, s, !who, &r);

			if (ret)
				return ret;
			open[who][i] = r.open_ms;
			reconfigure[who][i] = r.reconfigure_ms;
			restart[who][i] = r.restart_ms;
		}
	for (int who = 0; who < 2; who++) {
		t->open[who] = stat_median(open[who], i);
		t->reconfigure[who] = stat_median(reconfigure[who], i);
		t->restart[who] = stat_median(restart[who], i);
	}
	return 0;
}
