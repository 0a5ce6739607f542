/* SPDX-License-Identifier: MIT */
/* The table of the benchmark and its JSON. */
#ifndef RC_REPORT_H
#define RC_REPORT_H

#include <stdio.h>

#include "bench.h"

const char *who_name(enum who who);
void report_open(FILE *json);
void report_close(void);
void report_steady(const struct job *job, const struct metrics *m);
void report_step(const struct job *job, const struct metrics *m);
void report_untold(const struct job *job, const struct metrics *m);
void report_bd(const struct job *job, enum who who, double psnr, double ssim);

/* Decision and report of one frame, CPU time in us. */
struct decide_times {
	double median, most;	/* between frames; 99 % take no longer */
	double clock_median, clock_most; /* of these, what the clock takes */
	double alone;		/* one after the other, the mean of the slowest kind */
};

void report_times(const struct decide_times *t);

#endif /* RC_REPORT_H */
