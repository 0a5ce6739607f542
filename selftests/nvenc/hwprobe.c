// SPDX-License-Identifier: MIT
/*
 * What the nvenc plug-in finds on this machine, with the driver's own libraries:
 * versions, GPUs, what is refused and why; where there is an encoder, some frames.
 * usage: hwprobe [OPTION=VALUE...], options as in Documentation/nvenc.rst
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../lib/engines/nvenc/nvenc.h"

#define WIDTH 1280
#define HEIGHT 720
#define FRAMES 120
#define ATTRIBUTE_DMA_BUF_SUPPORTED 124

extern const struct hvcal_engine_plugin hvcal_engine_plugin;

static char **options;
static int noptions;

/* What became of the latest frame. */
static struct hvcal_engine_result latest;

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void host_done(void *cookie, struct hvcal_engine_job *job,
		      const struct hvcal_engine_result *result)
{
	(void)cookie;
	(void)job;
	latest = *result;
}

static void host_log(void *cookie, int level, const char *line)
{
	(void)cookie;
	printf("    log %d: %s\n", level, line);
}

static const char *host_option(void *cookie, const char *key)
{
	size_t len = strlen(key);

	(void)cookie;
	for (int i = 0; i < noptions; i++)
		if (!strncmp(options[i], key, len) && options[i][len] == '=')
			return options[i] + len + 1;
	return NULL;
}

static const struct hvcal_engine_host host = {
	.done = host_done, .log = host_log, .option = host_option,
};

static void show_file(const char *path)
{
	char line[256];
	FILE *f = fopen(path, "re");

	if (!f || !fgets(line, sizeof(line), f))
		snprintf(line, sizeof(line), "%s\n", strerror(errno));
	printf("%s: %s", path, line);
	if (f)
		fclose(f);
}

/* ---- the driver, step by step ---- */

static void show_codec(const struct nvenc_codec *k)
{
	printf("    %.4s: %ux%u to %ux%u, %u blocks, %u engines, %u B pictures;%s%s%s%s%s%s%s\n",
	       (const char *)&k->codec, k->min_width, k->min_height, k->max_width,
	       k->max_height, k->max_blocks, k->engines, k->bframes,
	       k->ten_bit ? " 10-bit" : "", k->lossless ? " lossless" : "",
	       k->dyn_bitrate ? " new-bitrate" : "", k->dyn_rc_mode ? " new-rc-mode" : "",
	       k->intra_refresh ? " intra-refresh" : "", k->custom_vbv ? " vbv" : "",
	       k->state_advance ? " state" : "");
}

static void show_gpu(struct hvcal_engine_ctx *c)
{
	char text[512] = "";
	const struct nvenc_reason r = { text, sizeof(text) };
	int dmabuf = 0, ret = nvenc_cuda_open(c, &r);
	double start;

	if (ret) {
		printf("  GPU %d refused: %d, %s\n", c->index, ret, text);
		return;
	}
	c->lib.cu.cuDeviceGetAttribute(&dmabuf, (CUdevice_attribute)ATTRIBUTE_DMA_BUF_SUPPORTED,
				       c->device);
	printf("  GPU %d: %s at %s, node %d, %zu MiB free, dma-buf attribute %d\n", c->index,
	       c->name, c->slot, nvenc_numa_node(c), nvenc_cuda_unused(c) >> 20, dmabuf);
	start = now_ms();
	if (!nvenc_cuda_push(c)) {
		ret = nvenc_caps_read(c, &r);
		nvenc_cuda_pop(c);
		if (ret)
			printf("    no encoder after %.0f ms: %d (%s), %s\n", now_ms() - start,
			       ret, strerror(-ret), text);
	}
	for (unsigned int i = 0; i < c->ncodecs; i++)
		show_codec(&c->codecs[i]);
	nvenc_cuda_close(c);
}

static void show_driver(void)
{
	struct hvcal_engine_ctx c = {
		.host = &host,
		.lib.cuda_path = host_option(NULL, "nvenc.libcuda"),
		.lib.encode_path = host_option(NULL, "nvenc.libencode"),
	};
	char text[512] = "";
	const struct nvenc_reason r = { text, sizeof(text) };
	int count = 0, cuda = 0, ret;

	printf("plug-in: NVENC API %d.%d\n", NVENCAPI_MAJOR_VERSION, NVENCAPI_MINOR_VERSION);
	ret = nvenc_load_cuda(&c.lib, &r);
	if (!ret) {
		c.lib.cu.cuDriverGetVersion(&cuda);
		printf("libcuda: loaded, CUDA %d.%d\n", cuda / 1000, cuda % 1000 / 10);
		ret = nvenc_cuda_init(&c.lib, &count, &r);
	}
	if (!ret) {
		printf("GPUs that CUDA sees: %d\n", count);
		ret = nvenc_load_encode(&c.lib, &r);
	}
	if (c.lib.driver_api)
		printf("libnvidia-encode: the driver speaks NVENC API %u.%u, %s\n",
		       c.lib.driver_api >> 4, c.lib.driver_api & 15,
		       ret ? "refused" : "used with that of the plug-in");
	if (ret)
		printf("refused: %d (%s), %s\n", ret, strerror(-ret), text);
	for (int i = 0; !ret && i < count; i++) {
		c.index = i;
		c.ncodecs = 0;
		show_gpu(&c);
	}
	nvenc_unload(&c.lib);
}

/* ---- the plug-in as a host sees it ---- */

static void draw(uint8_t *to, unsigned int n)
{
	for (unsigned int y = 0; y < HEIGHT * 3 / 2; y++)
		for (unsigned int x = 0; x < WIDTH; x++)
			*to++ = (uint8_t)(y < HEIGHT ? x + y + n * 3 : 128 + n % 32);
}

static int encode_frames(hvcal_engine_stream_t *s, uint8_t *memory, size_t size)
{
	struct hvcal_engine_buffer source = {
		.fd = { -1, -1, -1, -1 }, .map[0] = memory, .len[0] = size,
		.layout = {
			.size = sizeof(source.layout), .format = HVCAL_FORMAT_NV12,
			.width = WIDTH, .height = HEIGHT, .planes = 2,
			.offset = { 0, WIDTH * HEIGHT }, .stride = { WIDTH, WIDTH },
		},
	};
	struct hvcal_engine_buffer target = {
		.fd = { -1, -1, -1, -1 }, .map[0] = memory + size, .len[0] = size,
	};
	double ms = 0, worst = 0;
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < FRAMES; i++) {
		struct hvcal_engine_job job = {
			.source = &source, .target = &target, .target_size = (uint32_t)size,
			.params = { .size = sizeof(job.params), .pts = i },
		};
		double start, took;
		int ret;

		draw(memory, i);
		start = now_ms();
		ret = hvcal_engine_plugin.encode(s, &job);
		took = now_ms() - start;
		if (ret || latest.status) {
			printf("    frame %u: %d, status %d\n", i, ret, latest.status);
			return ret ? ret : latest.status;
		}
		ms += took;
		worst = took > worst ? took : worst;
		bytes += latest.bytes;
	}
	printf("    %d frames of %dx%d: %.2f ms mean, %.2f ms worst, %llu bytes\n", FRAMES, WIDTH,
	       HEIGHT, ms / FRAMES, worst, (unsigned long long)bytes);
	return 0;
}

static int try_codec(hvcal_engine_ctx_t *ctx, uint32_t codec)
{
	const struct hvcal_codec_config config = {
		.size = sizeof(config), .codec = codec, .format = HVCAL_FORMAT_NV12,
		.width = WIDTH, .height = HEIGHT, .fps_num = 60, .fps_den = 1,
		.rc_mode = HVCAL_RC_CQP, .qp = 28, .tune = HVCAL_TUNE_LOW_LATENCY,
	};
	size_t size = (size_t)WIDTH * HEIGHT * 3 / 2;
	uint8_t *memory = malloc(2 * size);
	hvcal_engine_stream_t *s;
	int ret = memory ? hvcal_engine_plugin.open(ctx, &config, &s) : -ENOMEM;

	if (ret) {
		printf("    open: %d (%s)\n", ret, strerror(-ret));
	} else {
		ret = encode_frames(s, memory, size);
		hvcal_engine_plugin.close(s);
	}
	free(memory);
	return ret;
}

/* Every failure has its reason; anything else is a bug. */
static int try_engines(void)
{
	int failed = 0;

	for (unsigned int i = 0;; i++) {
		struct hvcal_engine_desc desc = { 0 };
		hvcal_engine_ctx_t *ctx;
		char reason[256] = "";
		double start = now_ms();
		int ret = hvcal_engine_plugin.create(&host, i, &desc, &ctx, reason,
						     sizeof(reason));

		if (ret == -ENOENT)
			return failed;
		printf("engine %u after %.0f ms: ", i, now_ms() - start);
		if (ret) {
			printf("refused, %d (%s)\n  \"%s\"\n", ret, strerror(-ret), reason);
			failed |= !reason[0];
			continue;
		}
		printf("%s at %s, %u slots\n", desc.name, desc.slot, desc.slots);
		for (uint32_t k = 0; k < desc.ncaps; k++) {
			uint32_t codec = desc.caps[k].codec;

			printf("  %.4s\n", (const char *)&codec);
			failed |= !!try_codec(ctx, codec);
		}
		hvcal_engine_plugin.destroy(ctx);
	}
}

int main(int argc, char **argv)
{
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	options = argv + 1;
	noptions = argc - 1;
	show_file("/proc/driver/nvidia/version");
	printf("\n== the driver, step by step\n");
	show_driver();
	printf("\n== the plug-in (%s)\n", hvcal_engine_plugin.description);
	failed = try_engines();
	printf("\n%s\n", failed ? "FAILED: frames were lost, or a refusal has no reason" :
	       "done: whatever was refused has a reason above");
	return failed;
}
