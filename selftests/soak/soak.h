/* SPDX-License-Identifier: MIT */
/* Clients of the soak, and what they tell its conductor. */
#ifndef SOAK_H
#define SOAK_H

#include <stdatomic.h>
#include <stdint.h>

/* What becomes of one kind of client, of all its processes together. */
struct soak_tally {
	atomic_ullong submitted, packets, bytes;
	atomic_ullong failed;	/* frames that gave a notice instead of a packet */
	atomic_ullong missing;	/* gaps in the numbers of those that came */
	atomic_ullong undecodable; /* key frames without a parameter set and an IDR */
	atomic_ullong sessions, sessions_lost, refused, moves;
	atomic_ullong call_ns;	/* longest call that was not to wait */
	atomic_ullong gap_ns;	/* longest time without a packet */
	/* from a kill to the next packet that a decoder can begin with */
	atomic_ullong resumed, resume_sum_ns, resume_max_ns;
};

struct soak_shared {
	struct soak_tally real, null;	/* those that nobody kills */
	struct soak_tally victims;
	atomic_ullong killed_ns;	/* when the encoder's process was killed last */
	atomic_bool stop;
};

uint64_t soak_now_ns(void);

/* H.264 by whatever engine there is, @fps, frames issued again; until told to stop. */
int soak_real(struct soak_shared *shared, struct soak_tally *tally, unsigned int fps);
/* The null engine, as fast as it goes; begins again when the engine is lost. */
int soak_null(struct soak_shared *shared, struct soak_tally *tally);

#endif
