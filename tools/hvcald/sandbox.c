// SPDX-License-Identifier: MIT
/*
 * A worker runs libraries that others wrote on bytes that others chose. This is
 * what it may lose to them: the engine, and the frames that it was given.
 */
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hvcald.h"
#include "sandbox.h"

int hvcald_user_find(struct hvcald_user *user, char *text)
{
	char *group = strchr(text, ':');
	const struct passwd *pw;
	const struct group *gr;

	if (group)
		*group++ = '\0';
	pw = getpwnam(text);
	if (!pw) {
		hvcald_say("--user %s: there is no such user", text);
		return -ENOENT;
	}
	*user = (struct hvcald_user){ .name = text, .uid = pw->pw_uid, .gid = pw->pw_gid };
	if (group) {
		gr = getgrnam(group);
		if (!gr) {
			hvcald_say("--user %s:%s: there is no such group", text, group);
			return -ENOENT;
		}
		user->gid = gr->gr_gid;
	}
	if (geteuid()) {
		hvcald_say("--user %s: only root can become another user", text);
		return -EPERM;
	}
	return 0;
}

/* The user, and no capability in any set. Without root there is no bounding set to empty. */
static int drop_privileges(const struct hvcald_user *user)
{
	capng_select_t sets = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;

	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		sets |= CAPNG_SELECT_BOUNDS;
	capng_clear(CAPNG_SELECT_ALL);
	if (user->name)
		return capng_change_id((int)user->uid, (int)user->gid,
				       CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING |
				       CAPNG_CLEAR_AMBIENT) ? -EPERM : 0;
	return capng_apply(sets) ? -EPERM : 0;
}

/* No memory of clients in core files; no way to push others aside. */
static int set_limits(void)
{
	static const int none[] = {
		RLIMIT_CORE, RLIMIT_MSGQUEUE, RLIMIT_RTPRIO, RLIMIT_NICE,
	};
	const struct rlimit zero = { 0, 0 };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (setrlimit(none[i], &zero))
			return -errno;
	return 0;
}

/* Changing the user forgets this; without it the worker would outlive its supervisor. */
static int keep_death_signal(int sig, pid_t parent)
{
	if (!sig)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, sig))
		return -errno;
	if (getppid() != parent)
		_exit(WORKER_STOPPED);
	return 0;
}

int hvcald_rights_drop(const char *name, const struct hvcald_user *user)
{
	const char *step = "giving up privileges";
	pid_t parent = getppid();
	int sig = 0, ret;

	if (prctl(PR_GET_PDEATHSIG, &sig))
		sig = 0;
	ret = drop_privileges(user);
	if (!ret)
		ret = keep_death_signal(sig, parent);
	if (!ret) {
		step = "setting limits";
		ret = set_limits();
	}
	/* nor may workers of one user look into each other's memory */
	if (!ret && (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)))
		ret = -errno;
	if (!ret) {
		step = "guarding files";
		ret = hvcald_files_guard();
	}
	if (ret)
		hvcald_say("engine %s: no sandbox, %s: %s (--no-sandbox runs without)", name,
			   step, strerror(-ret));
	return ret;
}

int hvcald_sandbox_enter(const char *name, const struct hvcald_user *user)
{
	int ret = hvcald_rights_drop(name, user);

	return ret ? ret : hvcald_filter_load(name);
}
