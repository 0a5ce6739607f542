/* SPDX-License-Identifier: MIT */
/* What a worker gives up before it loads foreign code. */
#ifndef HVCALD_SANDBOX_H
#define HVCALD_SANDBOX_H

#include <sys/types.h>

/** Who a worker becomes. */
struct hvcald_user {
	const char *name;	/* NULL: stay who we are */
	uid_t uid;
	gid_t gid;
};

/**
 * Finds "USER" or "USER:GROUP"; cuts @text at the colon and keeps it.
 *
 * @return 0; -ENOENT: no such user or group, said in a line; -EPERM: only root can
 */
int hvcald_user_find(struct hvcald_user *user, char *text);

/**
 * For good, for this process and what it starts: another user, no capability, no
 * new privileges, no core dumps, and only the system calls that engines need.
 * Descriptors that are open stay open. Call it with one thread.
 *
 * @param name the engine's, for the log; must stay
 * @return 0; a negative errno, said in a line
 */
int hvcald_sandbox_enter(const char *name, const struct hvcald_user *user);

/** The system call filter, the last step of the above. */
int hvcald_filter_load(const char *name);

#endif
