// SPDX-License-Identifier: MIT
/* libcuda.so.1 of tests: memory of the "GPU" is that of the process. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ffnvcodec/dynlink_cuda.h>

#include "stub.h"

#define MAGIC 0x43545831
#define DEVICES_MAX 8
#define STACK_MAX 16

#define ERROR_INVALID_VALUE ((CUresult)1)
#define ERROR_NOT_INITIALIZED ((CUresult)3)
#define ERROR_NO_DEVICE ((CUresult)100)
#define ERROR_INVALID_DEVICE ((CUresult)101)
#define ERROR_INVALID_CONTEXT ((CUresult)201)
#define ERROR_NOT_SUPPORTED ((CUresult)801)

#define ATTRIBUTE_DMA_BUF_SUPPORTED 124
#define HANDLE_TYPE_DMABUF_FD 9

/* CUDA 10's, which dynlink_cuda.h lacks */
typedef void CUDAAPI host_fn(void *arg);

struct context {
	unsigned int magic, refs;
};

struct memory {
	struct context *ctx;
	void *at;
	size_t len;
	unsigned int mapped;	/* buffers that were not freed */
	bool own;		/* allocated, not imported */
	struct memory *next;
};

static struct context contexts[DEVICES_MAX];
/* Work on it runs one after another, behind the caller's back. */
struct stream {
	pthread_t thread;
	bool busy;
	host_fn *fn;
	void *arg;
	struct stream *next;
};

static struct memory *memories;
static struct stream *streams;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool initialized;
static __thread struct context *stack[STACK_MAX];
static __thread unsigned int depth;

static int devices(void)
{
	long n = stub_mode("devices", 1);

	return n < 0 || n > DEVICES_MAX ? DEVICES_MAX : (int)n;
}

/* ---- for libnvidia-encode and tests ---- */

bool stub_cuda_current(const void *ctx)
{
	return depth && stack[depth - 1] == ctx && stack[depth - 1]->magic == MAGIC;
}

bool stub_cuda_device_memory(const void *at, size_t bytes)
{
	const char *from = at;
	bool found = false;

	pthread_mutex_lock(&lock);
	for (struct memory *m = memories; m && !found; m = m->next)
		found = m->mapped && from >= (char *)m->at && bytes <= m->len &&
			from + bytes <= (char *)m->at + m->len;
	pthread_mutex_unlock(&lock);
	return found;
}

unsigned int stub_cuda_left(void)
{
	unsigned int left = depth;

	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < DEVICES_MAX; i++)
		left += contexts[i].refs;
	for (struct memory *m = memories; m; m = m->next)
		left += 1 + m->mapped;
	for (struct stream *s = streams; s; s = s->next)
		left++;
	pthread_mutex_unlock(&lock);
	return left;
}

/* ---- devices ---- */

STUB_API CUresult cuInit(unsigned int flags);
CUresult cuInit(unsigned int flags)
{
	long error = stub_mode("cuda_init", 0);

	if (flags)
		stub_forbidden("cuInit(%u)", flags);
	if (error)
		return (CUresult)error;
	if (!devices())
		return ERROR_NO_DEVICE;
	initialized = true;
	return CUDA_SUCCESS;
}

STUB_API CUresult cuDriverGetVersion(int *version);
CUresult cuDriverGetVersion(int *version)
{
	*version = 11040;
	return CUDA_SUCCESS;
}

STUB_API CUresult cuDeviceGetCount(int *count);
CUresult cuDeviceGetCount(int *count)
{
	if (!initialized)
		return ERROR_NOT_INITIALIZED;
	*count = devices();
	return CUDA_SUCCESS;
}

STUB_API CUresult cuDeviceGet(CUdevice *device, int ordinal);
CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
	if (!initialized)
		return ERROR_NOT_INITIALIZED;
	if (ordinal < 0 || ordinal >= devices())
		return ERROR_INVALID_DEVICE;
	*device = ordinal;
	return CUDA_SUCCESS;
}

STUB_API CUresult cuDeviceGetName(char *name, int len, CUdevice dev);
CUresult cuDeviceGetName(char *name, int len, CUdevice dev)
{
	snprintf(name, (size_t)len, "Stub GPU %d", dev);
	return CUDA_SUCCESS;
}

STUB_API CUresult cuDeviceGetPCIBusId(char *id, int len, CUdevice dev);
CUresult cuDeviceGetPCIBusId(char *id, int len, CUdevice dev)
{
	if (!stub_mode("slot", 1))
		return ERROR_INVALID_DEVICE;
	snprintf(id, (size_t)len, "0000:%02X:00.0", 0xe0 + dev);
	return CUDA_SUCCESS;
}

STUB_API CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice dev);
CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice dev)
{
	if (dev < 0 || dev >= devices())
		return ERROR_INVALID_DEVICE;
	*value = (int)attribute == ATTRIBUTE_DMA_BUF_SUPPORTED ? stub_mode("dmabuf", 0) > 0 : 0;
	return CUDA_SUCCESS;
}

STUB_API CUresult cuGetErrorName(CUresult error, const char **name);
CUresult cuGetErrorName(CUresult error, const char **name)
{
	*name = error == ERROR_NO_DEVICE ? "CUDA_ERROR_NO_DEVICE" :
		error == ERROR_NOT_SUPPORTED ? "CUDA_ERROR_NOT_SUPPORTED" : "CUDA_ERROR_STUB";
	return CUDA_SUCCESS;
}

/* ---- contexts ---- */

STUB_API CUresult cuDevicePrimaryCtxRetain(CUcontext *ctx, CUdevice dev);
CUresult cuDevicePrimaryCtxRetain(CUcontext *ctx, CUdevice dev)
{
	if (dev < 0 || dev >= devices())
		return ERROR_INVALID_DEVICE;
	pthread_mutex_lock(&lock);
	contexts[dev].magic = MAGIC;
	contexts[dev].refs++;
	pthread_mutex_unlock(&lock);
	*ctx = (CUcontext)&contexts[dev];
	return CUDA_SUCCESS;
}

/* Memory does not outlive its context. */
static void context_end(struct context *ctx)
{
	struct memory **at = &memories, *m;

	ctx->magic = 0;
	while ((m = *at)) {
		if (m->ctx != ctx) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		munmap(m->at, m->len);
		free(m);
	}
}

STUB_API CUresult cuDevicePrimaryCtxRelease(CUdevice dev);
CUresult cuDevicePrimaryCtxRelease(CUdevice dev)
{
	pthread_mutex_lock(&lock);
	if (dev < 0 || dev >= DEVICES_MAX || !contexts[dev].refs)
		stub_forbidden("release of a context that nobody has");
	else if (!--contexts[dev].refs)
		context_end(&contexts[dev]);
	pthread_mutex_unlock(&lock);
	return CUDA_SUCCESS;
}

STUB_API CUresult cuCtxPushCurrent_v2(CUcontext ctx);
CUresult cuCtxPushCurrent_v2(CUcontext ctx)
{
	struct context *c = (struct context *)(void *)ctx;

	if (!c || c->magic != MAGIC || depth == STACK_MAX)
		return ERROR_INVALID_CONTEXT;
	stack[depth++] = c;
	return CUDA_SUCCESS;
}

STUB_API CUresult cuCtxPopCurrent_v2(CUcontext *ctx);
CUresult cuCtxPopCurrent_v2(CUcontext *ctx)
{
	if (!depth) {
		stub_forbidden("pop of a context that was not pushed");
		return ERROR_INVALID_CONTEXT;
	}
	*ctx = (CUcontext)stack[--depth];
	return CUDA_SUCCESS;
}

/* ---- memory ---- */

STUB_API CUresult cuMemGetInfo_v2(size_t *unused, size_t *total);
CUresult cuMemGetInfo_v2(size_t *unused, size_t *total)
{
	if (!depth)
		return ERROR_INVALID_CONTEXT;
	*unused = (size_t)stub_mode("free_mb", 4096) << 20;
	*total = (size_t)8192 << 20;
	return CUDA_SUCCESS;
}

static bool may_import(const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *desc)
{
	if ((int)desc->type == HANDLE_TYPE_DMABUF_FD)
		return stub_mode("dmabuf", 0) == 2;
	return desc->type == CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD;
}

/* A descriptor that cannot be mapped as it is can be opened anew. */
static void *map_fd(int fd, size_t len)
{
	char path[64];
	void *at;
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_RDWR | O_CLOEXEC);
	if (own < 0)
		return MAP_FAILED;
	at = mmap(NULL, len, PROT_READ, MAP_SHARED, own, 0);
	close(own);
	return at;
}

STUB_API CUresult cuImportExternalMemory(CUexternalMemory *out,
					 const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *desc);
CUresult cuImportExternalMemory(CUexternalMemory *out,
				const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *desc)
{
	struct memory *m;
	void *at;

	if (!depth)
		return ERROR_INVALID_CONTEXT;
	if (desc->flags || !desc->size)
		stub_forbidden("import with flags %u, %llu bytes", desc->flags, desc->size);
	if (!may_import(desc))
		return ERROR_NOT_SUPPORTED;
	at = map_fd(desc->handle.fd, desc->size);
	if (at == MAP_FAILED)
		return ERROR_INVALID_VALUE;
	m = calloc(1, sizeof(*m));
	if (!m)
		abort();
	/* it is the library's from now on */
	close(desc->handle.fd);
	*m = (struct memory){ .ctx = stack[depth - 1], .at = at, .len = desc->size };
	pthread_mutex_lock(&lock);
	m->next = memories;
	memories = m;
	pthread_mutex_unlock(&lock);
	*out = (CUexternalMemory)m;
	return CUDA_SUCCESS;
}

STUB_API CUresult cuExternalMemoryGetMappedBuffer(CUdeviceptr *ptr, CUexternalMemory memory,
						  const CUDA_EXTERNAL_MEMORY_BUFFER_DESC *desc);
CUresult cuExternalMemoryGetMappedBuffer(CUdeviceptr *ptr, CUexternalMemory memory,
					 const CUDA_EXTERNAL_MEMORY_BUFFER_DESC *desc)
{
	struct memory *m = (struct memory *)(void *)memory;

	if (desc->offset + desc->size > m->len || desc->flags)
		return ERROR_INVALID_VALUE;
	m->mapped++;
	*ptr = (CUdeviceptr)(uintptr_t)((char *)m->at + desc->offset);
	return CUDA_SUCCESS;
}

static void memory_end(struct memory *m)
{
	struct memory **at;

	for (at = &memories; *at != m; at = &(*at)->next)
		;
	*at = m->next;
	munmap(m->at, m->len);
	free(m);
}

STUB_API CUresult cuMemFree_v2(CUdeviceptr ptr);
CUresult cuMemFree_v2(CUdeviceptr ptr)
{
	struct memory *m;

	pthread_mutex_lock(&lock);
	for (m = memories; m && m->at != (void *)(uintptr_t)ptr; m = m->next)
		;
	if (!m || !m->mapped)
		stub_forbidden("free of memory that is not mapped");
	else if (!--m->mapped && m->own)
		memory_end(m);
	pthread_mutex_unlock(&lock);
	return CUDA_SUCCESS;
}

/* ---- what programs that have pictures in CUDA memory call ---- */

STUB_API CUresult cuMemAlloc_v2(CUdeviceptr *ptr, size_t bytes);
CUresult cuMemAlloc_v2(CUdeviceptr *ptr, size_t bytes)
{
	struct memory *m;
	void *at;

	if (!depth)
		return ERROR_INVALID_CONTEXT;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	m = calloc(1, sizeof(*m));
	if (at == MAP_FAILED || !m)
		abort();
	*m = (struct memory){
		.ctx = stack[depth - 1], .at = at, .len = bytes, .mapped = 1, .own = true,
	};
	pthread_mutex_lock(&lock);
	m->next = memories;
	memories = m;
	pthread_mutex_unlock(&lock);
	*ptr = (CUdeviceptr)(uintptr_t)at;
	return CUDA_SUCCESS;
}

static void *stream_run(void *arg)
{
	struct stream *s = arg;

	s->fn(s->arg);
	return NULL;
}

static void stream_wait(struct stream *s)
{
	if (s->busy)
		pthread_join(s->thread, NULL);
	s->busy = false;
}

static struct stream *stream_find(const void *stream)
{
	struct stream *s;

	pthread_mutex_lock(&lock);
	for (s = streams; s && s != stream; s = s->next)
		;
	pthread_mutex_unlock(&lock);
	return s;
}

bool stub_cuda_stream_wait(const void *stream)
{
	struct stream *s = stream_find(stream);

	if (s)
		stream_wait(s);
	return s;
}

STUB_API CUresult cuStreamCreate(CUstream *stream, unsigned int flags);
CUresult cuStreamCreate(CUstream *stream, unsigned int flags)
{
	struct stream *s = calloc(1, sizeof(*s));

	(void)flags;
	if (!s)
		abort();
	pthread_mutex_lock(&lock);
	s->next = streams;
	streams = s;
	pthread_mutex_unlock(&lock);
	*stream = (CUstream)(void *)s;
	return CUDA_SUCCESS;
}

STUB_API CUresult cuLaunchHostFunc(CUstream stream, host_fn *fn, void *arg);
CUresult cuLaunchHostFunc(CUstream stream, host_fn *fn, void *arg)
{
	struct stream *s = stream_find(stream);

	if (!s)
		return ERROR_INVALID_VALUE;
	stream_wait(s);
	s->fn = fn;
	s->arg = arg;
	s->busy = !pthread_create(&s->thread, NULL, stream_run, s);
	return s->busy ? CUDA_SUCCESS : ERROR_INVALID_VALUE;
}

STUB_API CUresult cuStreamDestroy_v2(CUstream stream);
CUresult cuStreamDestroy_v2(CUstream stream)
{
	struct stream **at, *s = stream_find(stream);

	if (!s)
		return ERROR_INVALID_VALUE;
	stream_wait(s);
	pthread_mutex_lock(&lock);
	for (at = &streams; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	pthread_mutex_unlock(&lock);
	free(s);
	return CUDA_SUCCESS;
}

STUB_API CUresult cuDestroyExternalMemory(CUexternalMemory memory);
CUresult cuDestroyExternalMemory(CUexternalMemory memory)
{
	struct memory **at, *m = (struct memory *)(void *)memory;

	pthread_mutex_lock(&lock);
	for (at = &memories; *at && *at != m; at = &(*at)->next)
		;
	if (!*at || m->mapped) {
		pthread_mutex_unlock(&lock);
		stub_forbidden("external memory is destroyed that is gone, or has a buffer mapped");
		return ERROR_INVALID_VALUE;
	}
	*at = m->next;
	pthread_mutex_unlock(&lock);
	munmap(m->at, m->len);
	free(m);
	return CUDA_SUCCESS;
}
