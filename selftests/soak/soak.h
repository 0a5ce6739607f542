/* SPDX-License-Identifier: MIT */
/*
 * The soak: processes that encode, processes of engines, one that kills and stops
 * them at random (chaos.c), and what all of that cost (report.c).
 */
#ifndef SOAK_H
#define SOAK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SOAK_SAMPLES = 1 << 15, SOAK_DEATHS = 1 << 12, SOAK_TICKS = 1 << 12, SOAK_TICK_MS = 10 };

/* What is encoded: by engines of this kind. */
enum soak_kind { SOAK_X264, SOAK_NULL, SOAK_KINDS };

/* What became of an engine that a stream had. */
enum soak_death {
	SOAK_KILLED,		/* and another one was there */
	SOAK_KILLED_LAST,	/* none was, or that one did not live long enough */
	SOAK_STOPPED,
	SOAK_DEATH_KINDS,
};

/* What becomes of one kind of client, of all its processes together. */
struct soak_tally {
	atomic_ullong submitted, packets, bytes;
	atomic_ullong failed;	/* frames that gave a notice instead of a packet */
	atomic_ullong missing;	/* gaps in the numbers of those that came */
	atomic_ullong undecodable; /* key frames without a parameter set and an IDR */
	atomic_ullong sessions, sessions_lost, refused, moves;
	/* longest calls that were not to wait: of those that slept in it, and of the others */
	struct { atomic_ullong ns, late_ns; const char *_Atomic name; } calls[2];
	atomic_ullong gap_ns;	/* longest time without a packet */
};

/* From the death of a stream's engine to the next packet that a decoder can begin with. */
struct soak_sample {
	uint64_t ns;
	uint64_t frame_ns;	/* two frame intervals and this packet's own time */
	uint64_t late_ns;	/* how late the machine woke a sleeper meanwhile */
	uint64_t dying_ns;	/* until the engine's process was gone, 0 not seen */
	uint64_t died_ns;	/* when it was killed */
	uint64_t start_ns;	/* when the packet's frame was given to the next engine */
	uint32_t from, to;	/* engines */
};

struct soak_samples {
	atomic_uint count;	/* of those that came, at most SOAK_SAMPLES are kept */
	struct soak_sample list[SOAK_SAMPLES];
};

struct soak_shared {
	struct soak_tally real, null;	/* those that nobody kills */
	struct soak_tally victims;
	struct soak_samples samples[SOAK_KINDS][SOAK_DEATH_KINDS];
	/* by number of the engine, which the module does not give twice */
	struct {
		atomic_ullong ns, gone_ns;	/* 0 lives */
		atomic_uint engine, role, death;
	} deaths[SOAK_DEATHS];
	struct { atomic_ullong ns, late_ns; } ticks[SOAK_TICKS];
	atomic_uint tick;
	atomic_bool stop;
};

/* One kind of stream. */
struct soak_stream {
	enum soak_kind kind;
	unsigned int fps;
	struct soak_tally *tally;
};

uint64_t soak_now_ns(void);
/* The latest wake-up since @since_ns. */
uint64_t soak_late_ns(const struct soak_shared *shared, uint64_t since_ns);

/* A client: frames that are issued again, until told to stop. Exit status. */
int soak_client(struct soak_shared *shared, const struct soak_stream *stream);

/* ---- chaos.c ---- */

enum soak_role { ENGINE_X264, ENGINE_NULL, REAL, NULL_LOAD, VICTIM, NULL_VICTIM, SOAK_ROLES };
enum { SOAK_PROCS = 32 };

struct soak_proc {
	enum soak_role role;
	pid_t pid;		/* 0 not running */
	unsigned int number;	/* among its role */
	uint32_t engine;	/* 0: not there yet */
	uint64_t start_ns, stopped_ns;	/* 0 runs */
};

struct soak {
	const char *hvcald, *engines;
	unsigned long seconds, clients, victims, pairs, kills_max, kill_ms, stops;
	uint64_t seed, random;
	bool verbose;
	struct soak_shared *shared;
	struct soak_proc procs[SOAK_PROCS];
	unsigned int count;
	unsigned int kills[SOAK_ROLES], stopped[SOAK_ROLES];
	unsigned int unnoticed;	/* were stopped, and the module let them be */
	uint64_t start_count, start_sum_ns;
	uint64_t ran_ns;
};

unsigned int soak_kills(const struct soak *s);
void soak_start_all(struct soak *s);
/* Until the time is over or enough are dead; the number of those who died of themselves. */
unsigned int soak_chaos(struct soak *s);
/* Clients first: their frames still have to come out. */
void soak_end_all(struct soak *s);

/* ---- report.c ---- */

struct ks_state;

/* Prints everything as TAP; the number of what is wrong. */
unsigned int soak_report(struct soak *s, unsigned int faults, const struct ks_state *before);

#endif
