// SPDX-License-Identifier: MIT
/* Bands of rows in QP maps. */
#include <math.h>
#include <stddef.h>

#include "band.h"

/* The first row whose middle is not above @share. */
static uint32_t row_of(float share, uint32_t height, uint32_t block)
{
	uint32_t rows = (height + block - 1) / block, row;

	/* written so that NaN is the top */
	if (!(share > 0.0f))
		return 0;
	if (share >= 1.0f)
		return rows;
	row = (uint32_t)ceil((double)share * height / block - 0.5);
	return row < rows ? row : rows;
}

struct hvcal_band hvcal_band_of(const struct hvcal_rc_decision *d, uint32_t height, uint32_t block)
{
	return (struct hvcal_band){
		.top = row_of(d->band_top, height, block),
		.bottom = row_of(d->band_bottom, height, block),
		.offset = d->band_qp - d->qp,
	};
}

static int8_t clip(int32_t offset)
{
	return (int8_t)(offset < INT8_MIN ? INT8_MIN : offset > INT8_MAX ? INT8_MAX : offset);
}

void hvcal_band_add(const struct hvcal_band *band, int8_t *map, uint32_t cols)
{
	for (size_t i = (size_t)band->top * cols; i < (size_t)band->bottom * cols; i++)
		map[i] = clip(map[i] + band->offset);
}
