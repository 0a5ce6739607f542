/* SPDX-License-Identifier: MIT */
#ifndef HVCALTEST_QUANT_H
#define HVCALTEST_QUANT_H

#include <stdint.h>

/** [ten bits][AC][quantiser index] */
extern const uint16_t quant_steps[2][2][256];

#endif
