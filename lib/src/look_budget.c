// SPDX-License-Identifier: MIT
/* A leaky bucket that chooses how much of each picture is looked at. */
#include "look_budget.h"

#define DEBT_FRAMES  16		/* so many frames' worth may be spent ahead */
#define ROW_STEP_MAX 8
#define PATIENCE_MIN 256	/* frames */
#define PATIENCE_MAX (64 * PATIENCE_MIN)

void hvcal_look_budget_init(struct hvcal_look_budget *b, uint64_t frame_ns)
{
	*b = (struct hvcal_look_budget){
		.frame_ns = frame_ns,
		.patience = PATIENCE_MIN,
		.row_step = 1,
	};
}

static bool step_to(struct hvcal_look_budget *b, uint32_t row_step)
{
	b->row_step = row_step;
	b->debt_ns = 0;
	b->spent_ns = 0;
	b->frames = 0;
	return true;
}

static uint32_t coarser(uint32_t row_step)
{
	return row_step < ROW_STEP_MAX ? 2 * row_step : 0;
}

static uint32_t finer(uint32_t row_step)
{
	return row_step ? row_step / 2 : ROW_STEP_MAX;
}

bool hvcal_look_budget_spend(struct hvcal_look_budget *b, uint64_t ns)
{
	b->spent_ns += ns;
	b->debt_ns += ns;
	b->debt_ns -= b->debt_ns < b->frame_ns ? b->debt_ns : b->frame_ns;
	if (b->debt_ns > DEBT_FRAMES * b->frame_ns) {
		/* what was tried in vain is tried less often */
		if (b->patience < PATIENCE_MAX)
			b->patience *= 2;
		return step_to(b, coarser(b->row_step));
	}
	if (b->row_step == 1 || ++b->frames < b->patience)
		return false;
	/* twice the rows take about twice the time */
	if (2 * b->spent_ns > b->frame_ns * b->frames) {
		b->spent_ns = 0;
		b->frames = 0;
		return false;
	}
	return step_to(b, finer(b->row_step));
}
