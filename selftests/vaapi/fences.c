// SPDX-License-Identifier: MIT
/* Fences of sources, through the shim: see drm_shim.c. */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drm_shim.h"
#include "driver.h"

#define NEVER UINT64_MAX
#define FOREIGN_NS 1500000000	/* others are at it for longer */
#define EARLY_NS 10000000	/* long before the picture, and after it was submitted */

struct alarm {
	int fence;
	uint64_t at;
};

static void attach(const struct surface *s, int fence)
{
	void (*set)(int, int) = (void (*)(int, int))dlsym(RTLD_DEFAULT, "drm_shim_fence");

	if (!set)
		abort();
	set(s->fd, fence);
}

static int fence_new(unsigned int signalled)
{
	int fence = eventfd(signalled, EFD_CLOEXEC);

	if (fence < 0)
		abort();
	return fence;
}

static void *ring(void *arg)
{
	struct alarm a = *(struct alarm *)arg;

	free(arg);
	sleep_until(a.at);
	eventfd_write(a.fence, 1);
	return NULL;
}

static int last = -1;

void fences_settle(void)
{
	struct pollfd p = { .fd = last, .events = POLLIN };

	if (last >= 0)
		poll(&p, 1, -1);
}

void fences_import(const struct surface *s)
{
	/* never signalled, or idle */
	if (mode("fences-foreign"))
		attach(s, fence_new(0));
	else if (mode("fences") || mode("fences-early"))
		attach(s, fence_new(1));
}

void fences_attach(const struct surface *s, uint64_t ready_ns)
{
	bool early = mode("fences-early"), foreign = mode("fences-foreign");
	struct alarm *a;
	pthread_t thread;

	if (!s->imported || (!mode("fences") && !early && !foreign))
		return;
	a = malloc(sizeof(*a));
	if (!a)
		abort();
	*a = (struct alarm){
		.fence = fence_new(0), .at = early ? now_ns() + EARLY_NS :
					  foreign ? now_ns() + FOREIGN_NS : ready_ns,
	};
	/* the file keeps it; nothing is closed, as tests are short */
	attach(s, a->fence);
	last = ready_ns == NEVER || foreign ? -1 : a->fence;
	if (ready_ns == NEVER)
		free(a);
	else if (pthread_create(&thread, NULL, ring, a) || pthread_detach(thread))
		abort();
}
