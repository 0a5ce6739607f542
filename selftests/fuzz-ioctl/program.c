// SPDX-License-Identifier: MIT
/*
 * Running programs, and choosing the next one: by new seeds, or, where the kernel
 * tells what code a call ran through, by going on from where a program reached
 * something new.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcov.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest/ks.h"

#define KCOV_NODE	"/sys/kernel/debug/kcov"
#define KCOV_WORDS	(64 * 1024)
#define SW_SYNC_NODE	"/sys/kernel/debug/sync/sw_sync"

/* ---- coverage ---- */

bool fz_kcov_there(void)
{
	return !access(KCOV_NODE, R_OK | W_OK);
}

static void kcov_begin(struct fz_actor *a)
{
	a->kcov_fd = open(KCOV_NODE, O_RDWR | O_CLOEXEC);
	if (a->kcov_fd < 0)
		return;
	a->kcov = MAP_FAILED;
	if (!ioctl(a->kcov_fd, KCOV_INIT_TRACE, KCOV_WORDS))
		a->kcov = mmap(NULL, KCOV_WORDS * sizeof(*a->kcov), PROT_READ | PROT_WRITE,
			       MAP_SHARED, a->kcov_fd, 0);
	if (a->kcov != MAP_FAILED && !ioctl(a->kcov_fd, KCOV_ENABLE, KCOV_TRACE_PC))
		return;
	close(a->kcov_fd);
	a->kcov_fd = -1;
}

static void kcov_end(struct fz_actor *a)
{
	if (a->kcov_fd < 0)
		return;
	ioctl(a->kcov_fd, KCOV_DISABLE, 0);
	munmap(a->kcov, KCOV_WORDS * sizeof(*a->kcov));
	close(a->kcov_fd);
}

static void kcov_clear(struct fz_actor *a)
{
	if (a->kcov_fd >= 0)
		__atomic_store_n(&a->kcov[0], 0, __ATOMIC_RELAXED);
}

static void kcov_gather(struct fz_actor *a)
{
	uint64_t n = a->kcov_fd < 0 ? 0 : __atomic_load_n(&a->kcov[0], __ATOMIC_RELAXED);

	for (uint64_t i = 1; i <= n && i < KCOV_WORDS; i++) {
		uint64_t at = a->kcov[i];
		uint32_t bit = (uint32_t)(fz_mix(&at) % FZ_COVER), mask = 1U << bit % 32;

		if (atomic_load(&a->shared->seen[bit / 32]) & mask ||
		    atomic_fetch_or(&a->shared->seen[bit / 32], mask) & mask)
			continue;
		atomic_fetch_add(&a->shared->covered, 1);
		a->fresh = true;
	}
}

/* ---- one program ---- */

static const struct fz_op *op_pick(struct fz_actor *a)
{
	const struct fz_op *const tables[] = { fz_client_ops, fz_provider_ops };
	unsigned int total = 0, at = 0;

	/* twice the same walk: first how much there is, then to the chosen one */
	for (int pass = 0; pass < 2; pass++) {
		for (int t = 0; t < 2; t++)
			for (const struct fz_op *op = tables[t]; op->name; op++) {
				unsigned int weight = op->weight * 16;

				if (op->ready && !op->ready(a->z))
					weight = 1;
				if (!pass)
					total += weight;
				else if (at < weight)
					return op;
				else
					at -= weight;
			}
		at = pass ? 0 : fz_below(a, total);
	}
	return fz_client_ops;
}

static void op_run(struct fz_actor *a)
{
	const struct fz_op *op = op_pick(a);

	a->arena_used = 0;
	a->spoil = fz_one_in(a, 10);
	a->shared->procs[a->proc].doing[a->thread] = op->name;
	kcov_clear(a);
	op->run(a);
	kcov_gather(a);
	atomic_fetch_add(&a->shared->ops, 1);
	atomic_fetch_add(&a->shared->procs[a->proc].ops_done, 1);
}

/* The program as far as it went, for others to go on from. */
static void corpus_add(struct fz_shared *shared, const struct fz_program *program,
		       unsigned int segment, uint32_t ops)
{
	unsigned int slot = atomic_fetch_add(&shared->corpus_used, 1) % FZ_CORPUS;
	struct fz_program *p = &shared->corpus[slot];

	atomic_store(&shared->corpus_ready[slot], 0);
	*p = *program;
	p->count = segment + 1;
	p->segments[segment].ops = ops;
	atomic_store(&shared->corpus_ready[slot], 1);
}

struct thread {
	struct fz_actor a;
	const struct fz_program *program;
	pthread_t id;
};

static void *thread_run(void *arg)
{
	struct thread *t = arg;
	struct fz_actor *a = &t->a;

	kcov_begin(a);
	for (unsigned int s = 0; s < t->program->count; s++) {
		a->random = t->program->segments[s].seed + a->thread;
		for (uint32_t i = 1; i <= t->program->segments[s].ops; i++) {
			pthread_mutex_lock(&a->z->lock);
			op_run(a);
			pthread_mutex_unlock(&a->z->lock);
			if (a->fresh)
				corpus_add(a->shared, t->program, s, i);
			a->fresh = false;
		}
	}
	kcov_end(a);
	return NULL;
}

static void open_things(struct fz *z)
{
	pthread_mutex_init(&z->lock, NULL);
	for (int i = 0; i < FZ_CLIENTS; i++)
		z->clients[i].fd = -1;
	for (int i = 0; i < FZ_PROVIDERS; i++)
		z->providers[i].fd = -1;
	for (int i = 0; i < FZ_DMABUFS; i++) {
		struct ks_buf buf = ks_buf_make(FZ_DMABUF_BYTES);

		munmap(buf.map, buf.size);
		z->dmabufs[i] = buf.fd;
	}
	z->fence_device = open(SW_SYNC_NODE, O_RDWR | O_CLOEXEC);
}

static void close_things(struct fz *z)
{
	for (int i = 0; i < FZ_CLIENTS; i++)
		if (z->clients[i].fd >= 0)
			close(z->clients[i].fd);
	for (int i = 0; i < FZ_PROVIDERS; i++)
		if (z->providers[i].fd >= 0)
			close(z->providers[i].fd);
	for (int i = 0; i < FZ_DMABUFS; i++)
		close(z->dmabufs[i]);
	if (z->fence_device >= 0)
		close(z->fence_device);
	pthread_mutex_destroy(&z->lock);
}

/* Room that the kernel may be sent to behind what is meant: no access after it. */
static uint8_t *arena_make(void)
{
	uint8_t *at = mmap(NULL, 2 * FZ_ARENA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at, FZ_ARENA, PROT_READ | PROT_WRITE))
		ks_fail(__FILE__, __LINE__, "no memory");
	return at;
}

void fz_program_run(struct fz_shared *shared, unsigned int proc, unsigned int threads,
		    const struct fz_program *program)
{
	struct thread list[FZ_THREADS_MAX];
	struct fz z = { .proc = proc };

	shared->procs[proc].program = *program;
	open_things(&z);
	for (unsigned int i = 0; i < threads; i++) {
		list[i] = (struct thread) {
			.a = { .z = &z, .shared = shared, .arena = arena_make(), .proc = proc,
			       .thread = i },
			.program = program,
		};
		if (pthread_create(&list[i].id, NULL, thread_run, &list[i]))
			ks_fail(__FILE__, __LINE__, "no thread");
	}
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(list[i].id, NULL);
		munmap(list[i].a.arena, 2 * FZ_ARENA);
	}
	close_things(&z);
	atomic_fetch_add(&shared->programs, 1);
}

/* ---- the next one ---- */

struct fz_program fz_program_next(struct fz_shared *shared, uint64_t *random, uint32_t ops)
{
	unsigned int there = atomic_load(&shared->corpus_used);
	struct fz_program program = { 0 };
	unsigned int slot;

	if (there > FZ_CORPUS)
		there = FZ_CORPUS;
	if (there && fz_mix(random) % 4) {
		slot = (unsigned int)(fz_mix(random) % there);
		if (atomic_load(&shared->corpus_ready[slot]))
			program = shared->corpus[slot];
	}
	/* one that is long enough makes room for what is new */
	if (program.count >= FZ_SEGMENTS)
		program.count = FZ_SEGMENTS - 1;
	program.segments[program.count++] = (struct fz_segment) { fz_mix(random), ops };
	return program;
}

bool fz_program_parse(struct fz_program *program, const char *text)
{
	int used;

	for (program->count = 0; program->count < FZ_SEGMENTS; text += used + 1) {
		struct fz_segment *s = &program->segments[program->count++];

		if (sscanf(text, "%" SCNx64 ":%" SCNu32 "%n", &s->seed, &s->ops, &used) != 2)
			return false;
		if (text[used] != '+')
			return !text[used];
	}
	return false;
}

void fz_program_print(const struct fz_program *program, char *text, size_t len)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < program->count && i < FZ_SEGMENTS && at < len; i++)
		at += (size_t)snprintf(text + at, len - at, "%s%" PRIx64 ":%" PRIu32, i ? "+" : "",
				       program->segments[i].seed, program->segments[i].ops);
}
