/* SPDX-License-Identifier: MIT */
/* Tests under a storm of signals, see storm.c. */
#ifndef KS_STORM_H
#define KS_STORM_H

#include <stdbool.h>

/** Called by a test's process before the test: begins the storm, if one is asked for. */
void ks_storm_start(void);

/** Whether there is one. */
bool ks_storm_blows(void);

/**
 * The ioctl @cmd gave EINTR: whether it is to be made again. Fails the test if
 * this ioctl must not do that.
 */
bool ks_storm_again(unsigned long cmd);

#endif
