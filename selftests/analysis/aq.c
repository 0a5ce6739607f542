// SPDX-License-Identifier: MIT
/*
 * What QP offsets by activity are worth: x264 at constant QPs, with and without them, on
 * the clips of the rate control benchmark; x264's own adaptive quantisation beside them.
 * BD-rates against no offsets: less is better.
 * usage: aq LIST CLIPS    LIST of clips.sh, CLIPS: names, separated by commas
 */
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <x264.h>

#include <hvcal/analysis.h>

#include "../rc/bench.h"

#define FRAMES 60
#define POINTS 5
#define MAPS_ONLY 1e-4f	/* of strength: maps need adaptive quantisation, and no more of it */

static const int qps[POINTS] = { 38, 34, 30, 26, 22 };

static const struct way {
	const char *name;
	uint32_t strength;	/* of ours */
	int mode;		/* of x264's */
	float own;		/* strength of x264's */
} ways[] = {
	{ "none", 0, X264_AQ_VARIANCE, MAPS_ONLY },
	{ "ours 4", 4, X264_AQ_VARIANCE, MAPS_ONLY },
	{ "ours 8", 8, X264_AQ_VARIANCE, MAPS_ONLY },
	{ "ours 16", 16, X264_AQ_VARIANCE, MAPS_ONLY },
	{ "x264 0.5", 0, X264_AQ_VARIANCE, 0.5f },
	{ "x264 1.0", 0, X264_AQ_VARIANCE, 1.0f },
};

/* Bits a frame, dB and dB of SSIM at each QP. */
struct curve {
	double bits[POINTS], psnr[POINTS], ssim[POINTS];
};

static void quiet(void *cookie, int level, const char *format, va_list args)
{
	(void)cookie;
	(void)level;
	(void)format;
	(void)args;
}

static x264_t *open_x264(const struct clip *clip, const struct way *way)
{
	x264_param_t p;

	x264_param_default_preset(&p, "veryfast", "zerolatency");
	p.i_log_level = X264_LOG_INFO; /* below that it does not measure */
	p.pf_log = quiet;
	p.i_threads = 1;
	p.b_sliced_threads = 0;
	p.i_width = (int)clip->width;
	p.i_height = (int)clip->height;
	p.i_csp = X264_CSP_I420;
	p.i_keyint_max = X264_KEYINT_MAX_INFINITE;
	p.i_scenecut_threshold = 0;
	p.analyse.b_psnr = 1;
	p.analyse.b_ssim = 1;
	p.analyse.b_psy = 0;
	p.rc.i_rc_method = X264_RC_CRF;
	p.rc.b_mb_tree = 0;
	p.rc.i_aq_mode = way->mode;
	p.rc.f_aq_strength = way->own;
	return x264_encoder_open(&p);
}

/* 0, or -1: the offsets of a frame as x264 takes them. */
static int make_offsets(struct hvcal_analysis *an, const struct clip *clip, const uint8_t *luma,
			uint32_t strength, int8_t *map, float *offsets, size_t n)
{
	const struct hvcal_analysis_options once = { .row_step = UINT32_MAX };
	struct hvcal_analysis_picture picture = {
		luma, (ptrdiff_t)clip->width, clip->width, clip->height, HVCAL_ANALYSIS_LUMA_8,
	};
	struct hvcal_analysis_result result;

	if (hvcal_analysis_frame(an, &picture, &once, &result) ||
	    hvcal_analysis_quant_map(an, strength, map, (clip->width + 15) / 16, n))
		return -1;
	for (size_t i = 0; i < n; i++)
		offsets[i] = map[i];
	return 0;
}

static int encode_clip(const struct clip *clip, const struct way *way, int at, struct curve *c)
{
	size_t n = hvcal_analysis_map_size(clip->width, clip->height);
	size_t luma = (size_t)clip->width * clip->height;
	unsigned int frames = clip->frames < FRAMES ? clip->frames : FRAMES;
	x264_t *x264 = open_x264(clip, way);
	float *offsets = malloc(n * sizeof(*offsets));
	double bits = 0, psnr = 0, ssim = 0;
	struct hvcal_analysis *an = NULL;
	int8_t *map = malloc(n);
	int ret = !x264 || !map || !offsets || hvcal_analysis_create(&an) ? -1 : 0;

	for (unsigned int i = 0; i < frames && !ret; i++) {
		uint8_t *px = (uint8_t *)(uintptr_t)clip_frame(clip, i);
		x264_picture_t in, out;
		x264_nal_t *nal;
		int nals, bytes;

		x264_picture_init(&in);
		in.img.i_csp = X264_CSP_I420;
		in.img.i_plane = 3;
		in.img.plane[0] = px;
		in.img.plane[1] = px + luma;
		in.img.plane[2] = px + luma + luma / 4;
		in.img.i_stride[0] = (int)clip->width;
		in.img.i_stride[1] = in.img.i_stride[2] = (int)clip->width / 2;
		in.i_pts = i;
		in.i_qpplus1 = qps[at] + 1;
		if (way->strength) {
			ret = make_offsets(an, clip, px, way->strength, map, offsets, n);
			in.prop.quant_offsets = offsets;
		}
		bytes = ret ? 0 : x264_encoder_encode(x264, &nal, &nals, &in, &out);
		if (bytes <= 0) {
			ret = -1;
			break;
		}
		bits += 8.0 * bytes;
		psnr += out.prop.f_psnr[0];
		ssim += out.prop.f_ssim;
	}
	c->bits[at] = bits / frames;
	c->psnr[at] = psnr / frames;
	c->ssim[at] = -10 * log10(1 - ssim / frames);
	if (x264)
		x264_encoder_close(x264);
	hvcal_analysis_destroy(an);
	free(offsets);
	free(map);
	return ret;
}

static int run_clip(const struct clip *clip)
{
	struct curve none, c;

	for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
		for (int at = 0; at < POINTS; at++)
			if (encode_clip(clip, &ways[w], at, &c)) {
				fprintf(stderr, "aq: %s: x264 fails\n", clip->name);
				return 1;
			}
		if (!w)
			none = c;
		else
			printf("%-6s %-9s %+6.1f %% %+6.1f %%   %.2f\n", clip->name, ways[w].name,
			       bd_rate(none.bits, none.psnr, c.bits, c.psnr, POINTS),
			       bd_rate(none.bits, none.ssim, c.bits, c.ssim, POINTS),
			       c.bits[2] / none.bits[2]);
		fflush(stdout);
	}
	return 0;
}

static int wanted(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
		if (!strncmp(at, name, len) && (!at[len] || at[len] == ','))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	FILE *list = argc == 3 ? fopen(argv[1], "r") : NULL;
	char line[1024];
	int bad = 0;

	if (!list) {
		fprintf(stderr, "usage: aq LIST CLIPS: a list of selftests/rc/clips.sh, names\n");
		return 2;
	}
	printf("clip   offsets      PSNR     SSIM   rate at QP 30\n");
	while (!bad && fgets(line, sizeof(line), list)) {
		struct clip clip;

		if (clip_open(&clip, line)) {
			bad = 1;
			break;
		}
		if (wanted(argv[2], clip.name))
			bad = run_clip(&clip);
		clip_close(&clip);
	}
	fclose(list);
	return bad;
}
