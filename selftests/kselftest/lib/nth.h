/* SPDX-License-Identifier: MIT */
/*
 * Making the nth place of one call that can fail do so, in the thread that calls:
 * an allocation or an access to user memory. Needs a kernel with fault injection.
 */
#ifndef KS_NTH_H
#define KS_NTH_H

#include <stdbool.h>

/**
 * Lets sleeping allocations fail too, and without a stack for each; skips the test
 * if the kernel cannot. Nothing fails before ks_nth_arm().
 */
void ks_nth_prepare(void);

/** The knob of the calling thread, to be closed. */
int ks_nth_open(void);

/** The place that comes as number @nth from here on fails; 1 is the first. */
void ks_nth_arm(int fd, unsigned int nth);

/** How many places are still to come until one fails. */
unsigned int ks_nth_left(int fd);

/** Ends it; whether a place has failed. */
bool ks_nth_disarm(int fd);

#endif
