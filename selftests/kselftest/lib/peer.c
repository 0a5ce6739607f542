// SPDX-License-Identifier: MIT
/* Other processes of a test, talked to through pipes. */
#include "../ks.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct ks_peer ks_peer_start(void (*fn)(struct ks_peer *self, void *arg), void *arg)
{
	int up[2], down[2];
	struct ks_peer peer;

	if (pipe(up) || pipe(down))
		ks_fail(__FILE__, __LINE__, "pipe failed");
	peer.pid = fork();
	if (peer.pid < 0)
		ks_fail(__FILE__, __LINE__, "fork failed");
	if (!peer.pid) {
		struct ks_peer self = { .pid = getppid(), .from = down[0], .to = up[1] };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(up[0]);
		close(down[1]);
		fn(&self, arg);
		_exit(0);
	}
	close(up[1]);
	close(down[0]);
	peer.from = up[0];
	peer.to = down[1];
	return peer;
}

void ks_peer_say(struct ks_peer *peer, uint64_t word)
{
	CHECK_EQ(write(peer->to, &word, sizeof(word)), sizeof(word));
}

uint64_t ks_peer_hear(struct ks_peer *peer)
{
	struct pollfd pfd = { .fd = peer->from, .events = POLLIN };
	uint64_t word;

	if (poll(&pfd, 1, ks_ms(KS_WAIT_MS)) != 1 ||
	    read(peer->from, &word, sizeof(word)) != sizeof(word))
		ks_fail(__FILE__, __LINE__, "the other process has failed or says nothing");
	return word;
}

void ks_peer_kill(struct ks_peer *peer, int sig)
{
	CHECK_EQ(kill(peer->pid, sig), 0);
	if (sig == SIGKILL)
		CHECK_EQ(waitpid(peer->pid, NULL, 0), peer->pid);
	else if (sig == SIGSTOP)
		CHECK_EQ(waitpid(peer->pid, NULL, WUNTRACED), peer->pid);
}
