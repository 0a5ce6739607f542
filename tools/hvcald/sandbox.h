/* SPDX-License-Identifier: MIT */
/* What a worker gives up before it loads foreign code. */
#ifndef HVCALD_SANDBOX_H
#define HVCALD_SANDBOX_H

#include <stdbool.h>
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

/*
 * The following are for good, for this process and what it starts. Descriptors
 * that are open stay open. Call them with one thread. @name is the engine's, for
 * the log, and must stay. They return 0 or a negative errno, said in a line.
 */

/** Another user, no capability, no new privileges, no core dumps, no files to write. */
int hvcald_rights_drop(const char *name, const struct hvcald_user *user);
/** Only the system calls that engines need; none that starts a process. */
int hvcald_filter_load(const char *name);
/** Both. */
int hvcald_sandbox_enter(const char *name, const struct hvcald_user *user);

/** Whether this kernel can tell which files a process may write. */
bool hvcald_files_can_guard(void);
/**
 * Nothing but devices can be opened for writing, after PR_SET_NO_NEW_PRIVS.
 *
 * @return 0, also where the kernel cannot; a negative errno, and nothing is said
 */
int hvcald_files_guard(void);

#endif
