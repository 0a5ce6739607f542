/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A core of its own for the suites: clients, providers with engines, sessions
 * and jobs, without device nodes, processes or user memory.
 *
 * The files under test are built into the test module, so that it does not touch
 * hvcal.ko, sees what is static, and owns every object there is: rig_exit() finds
 * what a case has left behind. What these files call outside goes through
 * seams.h: there the clock stands still until a case moves it.
 */
#ifndef HVCAL_RIG_H
#define HVCAL_RIG_H

#include <kunit/test.h>

#include "../hvcal_internal.h"

#define RIG_CODEC	1
#define RIG_FORMAT	7
#define RIG_MS		1000000ULL
/* What engines claim; the seed of the cost model is 2.5 times as much. */
#define RIG_NS_PER_MPIX	RIG_MS

#define RIG_PEERS 4

struct rig {
	struct hvcal_client *clients[RIG_PEERS];
	struct hvcal_provider *providers[RIG_PEERS];
	u32 engines;		/* made so far, for their names */
	u64 now_ns;
	/* foreign objects that HVCAL holds */
	atomic_t dmabufs;
	atomic_t fences;
	atomic_t fds;
	atomic_t sysfs;		/* engines shown there */
	/* 0 none, n: the nth call from now fails, once */
	u32 fail_alloc;
	u32 fail_copy;
	u32 fail_fd;
};

extern struct rig rig;

/* For struct kunit_suite. */
int rig_init(struct kunit *test);
void rig_exit(struct kunit *test);

void rig_advance(u64 ns);

/* The peers; what a case does not close, rig_exit() does. */
struct hvcal_client *rig_client(struct kunit *test);
void rig_client_close(struct hvcal_client *c);
struct hvcal_provider *rig_provider(struct kunit *test);
void rig_provider_close(struct hvcal_provider *p);

/* One slot, four jobs of a session at once, any frame of RIG_CODEC. */
struct hvcal_engine_register rig_registration(void);
struct hvcal_engine *rig_engine_as(struct kunit *test, struct hvcal_provider *p,
				   struct hvcal_engine_register *reg);
struct hvcal_engine *rig_engine(struct kunit *test, struct hvcal_provider *p);

/* 640x480 8 bit; best effort, or a frame each @period_ns. */
struct hvcal_session_args rig_args(u64 period_ns);
/* Owned by the client. */
struct hvcal_session *rig_session_as(struct kunit *test, struct hvcal_client *c,
				     const struct hvcal_session_args *args);
/* The provider of the session's engine answers OPEN; it is ACTIVE. */
void rig_session_open(struct kunit *test, struct hvcal_session *s);
/* Both of the above, best effort. */
struct hvcal_session *rig_session(struct kunit *test, struct hvcal_client *c);
void rig_session_close(struct hvcal_session *s);
/* hvcal_session_reserve() and _switch() with the lock that they want. */
int rig_reserve(struct hvcal_session *s, const struct hvcal_reservation *res,
		struct hvcal_reservation *before, struct hvcal_session_reply *reply);
int rig_switch(struct hvcal_session *s, const struct hvcal_reservation *res,
	       struct hvcal_session_reply *reply);

/* Charged, with a handle: the client's. */
struct hvcal_buffer *rig_buffer(struct kunit *test, struct hvcal_client *c, u32 flags);
/* A frame with buffers of its own, not submitted: the caller's. */
struct hvcal_job *rig_frame(struct kunit *test, struct hvcal_session *s);
struct hvcal_job *rig_control(struct kunit *test, struct hvcal_session *s, u32 type);
int rig_submit(struct hvcal_job *job);
/* The last two in one; the job is the session's. */
struct hvcal_job *rig_submitted(struct kunit *test, struct hvcal_session *s);

/* Signals only if told to; the reference is the caller's. */
struct dma_fence *rig_fence(struct kunit *test);

/* acquire_kunit.c: what a provider gets. */
int rig_acquire(struct hvcal_provider *p, struct hvcal_item *items, u32 room);
/* The next item, which must be of @type and no job: its number. */
u64 rig_item(struct kunit *test, struct hvcal_provider *p, u32 type);
/* The next job, RUNNING from now on; NULL none. */
struct hvcal_job *rig_take(struct hvcal_provider *p);
int rig_answer(struct hvcal_provider *p, u64 id, int status);
int rig_answer_as(struct hvcal_provider *p, u64 id, u32 flags, u64 bytes);

/* The oldest event of @c; false: none. */
bool rig_event(struct hvcal_client *c, struct hvcal_event *ev);
struct hvcal_event rig_expect_event(struct kunit *test, struct hvcal_client *c, u32 type,
				    int status);
#define RIG_EXPECT_NO_EVENT(test, c) \
	KUNIT_EXPECT_TRUE(test, list_empty(&(c)->events))
#define RIG_EXPECT_STATE(test, job, expected) \
	KUNIT_EXPECT_EQ(test, atomic_read(&(job)->state), (int)(expected))

/* user_kunit.c */
bool rig_users_gone(void);

/* seams.h */
u64 rig_now(void);
unsigned long rig_copy_to_user(void __user *to, const void *from, unsigned long n);
unsigned long rig_clear_user(void __user *to, unsigned long n);
int rig_copy_struct_from_user(void *dst, size_t ksize, const void __user *src, size_t usize);
void *rig_kzalloc(size_t size, gfp_t flags);
void *rig_kvcalloc(size_t n, size_t size, gfp_t flags);
int rig_receive_fd(struct file *file, unsigned int flags);
int rig_close_fd(unsigned int fd);
void rig_dmabuf_put(struct dma_buf *dmabuf);

#endif /* HVCAL_RIG_H */
