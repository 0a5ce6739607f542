// SPDX-License-Identifier: MIT
/* Random numbers, arguments, and what is wrong with them. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SW_SYNC_CREATE	_IOWR('W', 0, struct sw_sync_create)
#define SW_SYNC_INC	_IOW('W', 1, uint32_t)

struct sw_sync_create { uint32_t value; char name[32]; int32_t fence; };

uint64_t fz_mix(uint64_t *state)
{
	uint64_t v = *state += 0x9e3779b97f4a7c15ULL;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ULL;
	v = (v ^ v >> 27) * 0x94d049bb133111ebULL;
	return v ^ v >> 31;
}

uint32_t fz_below(struct fz_actor *a, uint32_t n)
{
	return n ? (uint32_t)(fz_mix(&a->random) >> 32) % n : 0;
}

bool fz_one_in(struct fz_actor *a, uint32_t n)
{
	return !fz_below(a, n);
}

void *fz_room(struct fz_actor *a, size_t size)
{
	uint8_t *at = a->arena + a->arena_used;

	a->arena_used += (size + 15) & ~(size_t)15;
	memset(at, 0, size);
	return at;
}

struct hvcal_blob fz_blob(struct fz_actor *a, uint32_t max)
{
	struct hvcal_blob blob = { 0 };
	uint8_t *at;

	if (fz_one_in(a, 3))
		return blob;
	blob.len = fz_below(a, fz_one_in(a, 8) ? max + 16 : max / 8) + 1;
	at = fz_room(a, blob.len);
	for (uint32_t i = 0; i < blob.len; i++)
		at[i] = (uint8_t)(i * 7 + blob.len);
	blob.ptr = (uintptr_t)at;
	return blob;
}

struct hvcal_array fz_array(struct fz_actor *a, const void *at, size_t stride, uint32_t count)
{
	struct hvcal_array array = { .stride = stride, .count = count, .ptr = (uintptr_t)at };

	if (a->spoil && fz_one_in(a, 4)) {
		array.stride += 8 * (fz_below(a, 5) - 2);
		a->spoil = false;
	}
	return array;
}

/* Numbers at which code turns. */
static uint64_t telling(struct fz_actor *a)
{
	static const uint64_t values[] = {
		0, 1, 2, 3, 7, 8, 15, 16, 63, 64, 65, 127, 128, 255, 256, 4095, 4096, 4097, 65535,
		65536, 1000000, 1000001, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
		0x100000000ULL, 10000000000ULL, 0x7fffffffffffffffULL, 0x8000000000000000ULL,
		0xffffffffffffffffULL,
	};

	if (fz_one_in(a, 4))
		return fz_mix(&a->random);
	if (fz_one_in(a, 4))
		return 1ULL << fz_below(a, 64);
	return values[fz_below(a, sizeof(values) / sizeof(values[0]))];
}

/* One to three fields, or the size, or the address. */
static unsigned long spoil(struct fz_actor *a, unsigned long cmd, void **arg)
{
	uint32_t size = _IOC_SIZE(cmd);

	switch (fz_below(a, 12)) {
	case 0:
		*arg = (void *)(uintptr_t)telling(a);
		return cmd;
	case 1:
		return _IOC(_IOC_DIR(cmd), _IOC_TYPE(cmd), _IOC_NR(cmd),
			    (size + 8 * (fz_below(a, 9) - 4)) & _IOC_SIZEMASK);
	case 2:
		return _IOC(fz_below(a, 4), _IOC_TYPE(cmd), fz_below(a, FZ_NRS), size);
	}
	for (uint32_t n = 1 + fz_below(a, 3); n && size >= 8; n--) {
		uint32_t value = (uint32_t)telling(a);
		uint64_t wide = telling(a);

		if (fz_one_in(a, 2))
			memcpy((uint8_t *)*arg + 8 * fz_below(a, size / 8), &wide, sizeof(wide));
		else
			memcpy((uint8_t *)*arg + 4 * fz_below(a, size / 4), &value, sizeof(value));
	}
	return cmd;
}

int fz_call(struct fz_actor *a, int fd, unsigned long cmd, void *arg)
{
	int err;

	if (a->spoil)
		cmd = spoil(a, cmd, &arg);
	a->spoil = false;
	pthread_mutex_unlock(&a->z->lock);
	err = ioctl(fd, cmd, arg) < 0 ? -errno : 0;
	pthread_mutex_lock(&a->z->lock);
	if (_IOC_NR(cmd) < FZ_NRS && -err < FZ_ERRNOS)
		atomic_fetch_add(&a->shared->answers[_IOC_NR(cmd)][-err], 1);
	return err;
}

bool fz_any(const uint32_t *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i])
			return true;
	return false;
}

uint32_t fz_pick(struct fz_actor *a, const uint32_t *list, uint32_t count)
{
	uint32_t at = fz_below(a, count);

	if (fz_one_in(a, 16))
		return fz_below(a, 20);
	for (uint32_t i = 0; i < count; i++)
		if (list[(at + i) % count])
			return list[(at + i) % count];
	return 0;
}

void fz_keep(struct fz_actor *a, uint32_t *list, uint32_t count, uint32_t value)
{
	for (uint32_t i = 0; i < count; i++)
		if (!list[i]) {
			list[i] = value;
			return;
		}
	list[fz_below(a, count)] = value;
}

void fz_forget(uint32_t *list, uint32_t count, uint32_t value)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i] == value)
			list[i] = 0;
}

int fz_fence(struct fz_actor *a)
{
	struct sw_sync_create create = { .value = a->z->fences += fz_one_in(a, 2), .name = "fuzz" };

	if (a->z->fence_device < 0 || ioctl(a->z->fence_device, SW_SYNC_CREATE, &create))
		return -1;
	return create.fence;
}

void fz_fence_signal(struct fz_actor *a)
{
	uint32_t step = 1;

	if (a->z->fence_device >= 0)
		ioctl(a->z->fence_device, SW_SYNC_INC, &step);
}

void fz_unlocked_close(struct fz_actor *a, int fd)
{
	pthread_mutex_unlock(&a->z->lock);
	close(fd);
	pthread_mutex_lock(&a->z->lock);
}
