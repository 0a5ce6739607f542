/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer of both nodes that knows their grammar. A program is a row of
 * operations on clients and providers of one process, each chosen by a generator
 * of random numbers, weighted by what is there, so that most of them are right
 * and frames get all the way through; one in ten is spoiled.
 *
 * A program is named by its seeds: "SEED:OPS+SEED:OPS" is the first generator
 * for so many operations, then the second. Threads of a process share what the
 * program has opened; struct fz's lock is held but for the system calls.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../uapi/hvcal.h"
#include "../../uapi/hvcal_codec.h"

enum {
	FZ_CLIENTS = 3, FZ_SESSIONS = 6, FZ_BUFS = 10, FZ_JOBS = 16,
	FZ_PROVIDERS = 3, FZ_ENGINES = 3, FZ_ITEMS = 32, FZ_DMABUFS = 4,
	FZ_PROCS_MAX = 8, FZ_THREADS_MAX = 4, FZ_SEGMENTS = 4,
	FZ_NRS = 0x50,		/* numbers of ioctls lie below */
	FZ_ERRNOS = 136,
	FZ_ARENA = 1 << 20,	/* arguments and what they point to */
	FZ_COVER = 1 << 16,	/* places in the kernel, by hash */
	FZ_CORPUS = 256,
};

#define FZ_CODEC	HVCAL_FOURCC('f', 'u', 'z', 'z')
#define FZ_DMABUF_BYTES	(64 * 1024)

struct fz_client {
	int fd;			/* -1 not open */
	uint32_t sessions[FZ_SESSIONS], bufs[FZ_BUFS];
	uint64_t jobs[FZ_JOBS];
};

struct fz_item { uint64_t id; uint32_t type; };

struct fz_provider {
	int fd;
	bool private;		/* of a client */
	uint32_t engines[FZ_ENGINES];
	struct fz_item items[FZ_ITEMS];
};

/* What one program has opened. */
struct fz {
	pthread_mutex_t lock;
	struct fz_client clients[FZ_CLIENTS];
	struct fz_provider providers[FZ_PROVIDERS];
	int dmabufs[FZ_DMABUFS];
	int fence_device;	/* sw_sync, -1 none */
	uint32_t fences;	/* where its newest one stands */
	unsigned int names;	/* engines get names of their own */
	unsigned int proc;
};

/* One thread that works on a program. */
struct fz_actor {
	struct fz *z;
	struct fz_shared *shared;
	uint64_t random;
	uint8_t *arena;
	size_t arena_used;
	unsigned int proc, thread;
	bool spoil;		/* the next call is to be wrong */
	bool fresh;		/* kernel code was reached that was not before */
	int kcov_fd;		/* -1 none */
	uint64_t *kcov;
};

struct fz_segment { uint64_t seed; uint32_t ops; };

struct fz_program {
	unsigned int count;
	struct fz_segment segments[FZ_SEGMENTS];
};

/* Seen by all processes, and what is left to read of one that died. */
struct fz_shared {
	atomic_uint seen[FZ_COVER / 32];
	atomic_uint covered;
	atomic_uint corpus_used, corpus_ready[FZ_CORPUS];
	struct fz_program corpus[FZ_CORPUS];
	atomic_ullong ops, programs;
	atomic_uint answers[FZ_NRS][FZ_ERRNOS];	/* of each ioctl; 0 good */
	atomic_ullong items[16], events[16], finished;
	struct {
		struct fz_program program;
		atomic_uint ops_done;		/* since the process began: a pulse */
		const char *_Atomic doing[FZ_THREADS_MAX];
	} procs[FZ_PROCS_MAX];
};

struct fz_op {
	const char *name;
	unsigned int weight;
	bool (*ready)(const struct fz *z);	/* NULL always; if not, it is rare */
	void (*run)(struct fz_actor *a);
};

extern const struct fz_op fz_client_ops[], fz_provider_ops[];	/* up to a NULL name */

/* values.c */
uint64_t fz_mix(uint64_t *state);
uint32_t fz_below(struct fz_actor *a, uint32_t n);
bool fz_one_in(struct fz_actor *a, uint32_t n);
/* Zeroed room for one call, with other room behind it. */
void *fz_room(struct fz_actor *a, size_t size);
/* A blob of @max bytes at most, often empty. */
struct hvcal_blob fz_blob(struct fz_actor *a, uint32_t max);
struct hvcal_array fz_array(struct fz_actor *a, const void *at, size_t stride, uint32_t count);
/* The ioctl, spoiled if its time has come; 0 or a negative errno. */
int fz_call(struct fz_actor *a, int fd, unsigned long cmd, void *arg);
/* A number that some element of @list has, or, one time in 16, none. */
uint32_t fz_pick(struct fz_actor *a, const uint32_t *list, uint32_t count);
bool fz_any(const uint32_t *list, uint32_t count);
void fz_keep(struct fz_actor *a, uint32_t *list, uint32_t count, uint32_t value);
void fz_forget(uint32_t *list, uint32_t count, uint32_t value);
/* A sync_file, signalled by one of the next calls of the other; -1 none. */
int fz_fence(struct fz_actor *a);
void fz_fence_signal(struct fz_actor *a);
/* A place for one more provider, NULL none. */
struct fz_provider *fz_provider_free(struct fz *z);
/* Lets go of the lock for what may take time. */
void fz_unlocked_close(struct fz_actor *a, int fd);

/* program.c */
void fz_program_run(struct fz_shared *shared, unsigned int proc, unsigned int threads,
		    const struct fz_program *program);
struct fz_program fz_program_next(struct fz_shared *shared, uint64_t *random, uint32_t ops);
/* False: not a program. */
bool fz_program_parse(struct fz_program *program, const char *text);
void fz_program_print(const struct fz_program *program, char *text, size_t len);
bool fz_kcov_there(void);

#endif
