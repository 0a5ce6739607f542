// SPDX-License-Identifier: MIT
/*
 * A private engine on the real module: pictures in CUDA memory, which cannot leave
 * this process, over the stub's libcuda and libnvidia-encode. TAP.
 * usage: vm_private ENGINE-FOLDER STUB-FOLDER
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ffnvcodec/dynlink_cuda.h>

#include <hvcal/hvcal.h>

#define WIDTH 640
#define HEIGHT 480
#define FRAMES 20
#define BYTES (WIDTH * HEIGHT * 3 / 2)

static int number, failures;

static void check(bool good, const char *text, long value)
{
	failures += !good;
	printf("%s %d - %s (%ld)\n", good ? "ok" : "not ok", ++number, text, value);
	fflush(stdout);
}

/* ---- the application's CUDA ---- */

struct picture {
	uint8_t *at;
	unsigned int n;
	hvcal_buffer_t *buffer;
};

static CUstream stream;
static CUresult (*launch)(CUstream stream, void (*fn)(void *arg), void *arg);

static void *cuda(void *lib, const char *name)
{
	void *at = dlsym(lib, name);

	if (!at) {
		printf("Bail out! %s\n", dlerror());
		exit(1);
	}
	return at;
}

static bool cuda_open(const char *folder, struct picture *pictures, unsigned int count)
{
	tcuDevicePrimaryCtxRetain *retain;
	tcuCtxPushCurrent_v2 *push;
	tcuStreamCreate *create;
	tcuMemAlloc_v2 *alloc;
	char path[512];
	CUcontext ctx;
	void *lib, *at;

	snprintf(path, sizeof(path), "%s/libcuda.so.1", folder);
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return false;
#define GET(fn, name) at = cuda(lib, name); memcpy(&fn, &at, sizeof(fn))
	GET(retain, "cuDevicePrimaryCtxRetain");
	GET(push, "cuCtxPushCurrent_v2");
	GET(create, "cuStreamCreate");
	GET(alloc, "cuMemAlloc_v2");
	GET(launch, "cuLaunchHostFunc");
#undef GET
	if (retain(&ctx, 0) || push(ctx) || create(&stream, 0))
		return false;
	for (unsigned int i = 0; i < count; i++) {
		CUdeviceptr ptr;

		if (alloc(&ptr, BYTES))
			return false;
		pictures[i].at = (uint8_t *)(uintptr_t)ptr;
	}
	return true;
}

/* Odd pictures are noise, even ones grey: packets tell which one was coded. */
static void paint(void *arg)
{
	struct picture *p = arg;
	uint32_t x = p->n + 1;

	usleep(5000);
	for (unsigned int i = 0; i < BYTES; i++) {
		x = x * 1664525 + 1013904223;
		p->at[i] = p->n % 2 ? (uint8_t)(x >> 24) : 128;
	}
}

static int wrap(hvcal_context_t *ctx, struct picture *p)
{
	hvcal_buffer_t desc;
	int ret;

	hvcal_buffer_default(&desc, sizeof(desc));
	ret = hvcal_buffer_layout(&desc, HVCAL_FORMAT_NV12, WIDTH, HEIGHT, 4, 1);
	if (ret)
		return ret;
	desc.memory = HVCAL_MEMORY_CUDA;
	desc.device_ptr = (uintptr_t)p->at;
	return hvcal_buffer_wrap(ctx, &desc, &p->buffer);
}

/* ---- sessions ---- */

static hvcal_config_t config_of(uint32_t engine)
{
	hvcal_config_t c;

	hvcal_config_default(&c, sizeof(c));
	c.codec = HVCAL_CODEC_H264;
	c.width = WIDTH;
	c.height = HEIGHT;
	c.fps = 30;
	c.rc_mode = HVCAL_RC_CQP;
	c.qp = 28;
	c.sched = HVCAL_SCHED_REALTIME;
	c.engine = engine;
	return c;
}

static int create(hvcal_context_t *ctx, const hvcal_config_t *c, hvcal_session_t **s)
{
	hvcal_admission_t a;
	int ret;

	hvcal_admission_default(&a, sizeof(a));
	ret = hvcal_create_session(ctx, c, s, &a);
	if (ret)
		printf("# %s\n", a.reason);
	else
		printf("# share %u ppm, left %u ppm\n", a.share_ppm, a.left_ppm);
	return ret;
}

/* One frame: painted on the stream after it was handed over. Bytes of its packet. */
static long encode(hvcal_session_t *s, struct picture *p, unsigned int n)
{
	hvcal_packet_t packet;
	hvcal_frame_t f;
	long bytes;
	int ret;

	memset(p->at, 0, BYTES);
	p->n = n;
	if (launch(stream, paint, p))
		return -EIO;
	hvcal_frame_default(&f, sizeof(f));
	f.flags = HVCAL_SUBMIT_KEY;
	f.stream = (uintptr_t)stream;
	ret = hvcal_submit_frame(s, p->buffer, &f);
	if (ret)
		return ret;
	hvcal_packet_default(&packet, sizeof(packet));
	do {
		ret = hvcal_get_bitstream(s, &packet, 5000);
		if (ret == HVCAL_GOT_NOTICE && packet.notice == HVCAL_NOTICE_FRAME_FAILED)
			ret = packet.status;
	} while (ret == HVCAL_GOT_NOTICE);
	bytes = ret ? ret : (long)packet.size;
	hvcal_release_packet(&packet);
	return bytes;
}

static void run(hvcal_session_t *s, struct picture *pictures)
{
	long grey = 0, noise = 0, one;
	hvcal_stats_t st;

	for (unsigned int i = 0; i < FRAMES; i++) {
		one = encode(s, &pictures[i / 2 % 2], i);
		if (one <= 0) {
			check(false, "a frame is coded", one);
			return;
		}
		if (i % 2)
			noise = noise && noise < one ? noise : one;
		else
			grey = grey > one ? grey : one;
	}
	check(noise > 20 * grey, "what the stream has painted is coded", noise / grey);
	hvcal_stats_default(&st, sizeof(st));
	hvcal_get_stats(s, &st);
	check(st.done == FRAMES, "the module has counted the frames", (long)st.done);
	check(st.engine_ns > 0, "and their time", (long)st.engine_ns);
	check(st.share_ppm > 0, "which was reserved", st.share_ppm);
	check(!st.copied_bytes && !st.engine_copied_bytes, "no byte was copied",
	      (long)(st.copied_bytes + st.engine_copied_bytes));
}

static bool listed(hvcal_context_t *ctx, uint32_t engine)
{
	hvcal_engine_info_t list[32];
	uint32_t count = 32;

	if (hvcal_enumerate_engines(ctx, list, sizeof(list[0]), &count))
		return false;
	for (uint32_t i = 0; i < count && i < 32; i++)
		if (list[i].id == engine)
			return true;
	return false;
}

static hvcal_context_t *connect(void)
{
	hvcal_init_params_t p;
	hvcal_context_t *ctx;
	char reason[256] = "";

	hvcal_init_params_default(&p, sizeof(p));
	p.backend = HVCAL_BACKEND_KERNEL;
	p.reason = reason;
	p.reason_len = sizeof(reason);
	if (!hvcal_initialize(&ctx, &p))
		return ctx;
	printf("Bail out! %s\n", reason);
	exit(1);
}

static int open_private(hvcal_context_t *ctx, char **argv, const char *plugin,
			hvcal_private_t **engine)
{
	hvcal_private_params_t p;
	char reason[256] = "", options[1200];
	int ret;

	snprintf(options, sizeof(options),
		 "nvenc.libcuda=%s/libcuda.so.1,nvenc.libencode=%s/libnvidia-encode.so.1",
		 argv[2], argv[2]);
	hvcal_private_params_default(&p, sizeof(p));
	p.plugin = plugin;
	p.engine_path = argv[1];
	p.engine_options = options;
	p.reason = reason;
	p.reason_len = sizeof(reason);
	ret = hvcal_private_open(ctx, &p, engine);
	if (ret)
		printf("# %s\n", reason);
	return ret;
}

int main(int argc, char **argv)
{
	hvcal_session_t *s = NULL, *more = NULL;
	hvcal_context_t *ctx, *other;
	hvcal_private_t *engine = NULL;
	struct picture pictures[2];
	hvcal_packet_t packet;
	hvcal_config_t c;
	uint32_t id;
	int ret;

	if (argc != 3)
		return 2;
	/* no PCI address: the machine has no such GPU */
	setenv("HVCAL_NVENC_STUB", "slot=0", 1);
	ctx = connect();
	other = connect();
	ret = open_private(ctx, argv, "nothing", &engine);
	check(ret == -ENOENT && !engine, "a plug-in that is not there", ret);
	ret = open_private(ctx, argv, "nvenc", &engine);
	check(!ret, "a private engine opens", ret);
	if (ret || !cuda_open(argv[2], pictures, 2) || wrap(ctx, &pictures[0]) ||
	    wrap(ctx, &pictures[1])) {
		printf("Bail out! nothing to work with\n");
		return 1;
	}
	id = hvcal_private_get_engine(engine);
	check(listed(ctx, id), "its context sees it", id);
	check(!listed(other, id), "nobody else does", id);

	c = config_of(id);
	ret = create(other, &c, &more);
	check(ret == -ENODEV, "nor can name it", ret);
	ret = create(ctx, &c, &s);
	check(!ret, "a session on it opens", ret);
	if (ret)
		return 1;
	run(s, pictures);
	c.fps = 2000;
	ret = create(ctx, &c, &more);
	check(ret == -ENOSPC, "what does not fit is refused", ret);

	hvcal_private_close(&engine);
	hvcal_packet_default(&packet, sizeof(packet));
	do
		ret = hvcal_get_bitstream(s, &packet, 5000);
	while (ret == HVCAL_GOT_NOTICE);
	check(ret == -ENODEV, "without the engine the session is lost", ret);
	check(!listed(ctx, id), "and the engine is gone", id);
	hvcal_destroy_session(&s);
	for (unsigned int i = 0; i < 2; i++)
		hvcal_buffer_release(&pictures[i].buffer);
	hvcal_shutdown(&other);
	hvcal_shutdown(&ctx);
	printf("1..%d\n", number);
	return failures ? 1 : 0;
}
