// SPDX-License-Identifier: MIT
/*
 * The first frames of a stream on libx264, of a real clip: sizes that are late from the
 * first frame on, which the controller is not told, must not cost its quality. TAP.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define FRAMES 50U
#define RATE 2.0		/* of the clip's in bench-rc: much can be wasted */
#define VBV_MS 500.0
#define LATE_FRAMES 12U
#define LOSS_MAX 1.0		/* dB, against sizes at once */
#define USE_MIN -0.05

static bool run(const struct clip *clip, enum who who, uint32_t control, unsigned int delay,
		unsigned int late_frames, struct metrics *m)
{
	static struct trace trace;
	const struct job job = {
		.clip = clip, .enc = &encoder_x264, .who = who, .bitrate = RATE * clip->kbps * 1000.0,
		.vbv_ms = VBV_MS, .frames = FRAMES, .delay = delay, .late_frames = late_frames,
		.untold = true, .control = control,
	};

	if (run_job(&job, &trace))
		return false;
	measure(&trace, &job, m);
	return true;
}

/* Usage: start_rc LINE, of clips.sh */
int main(int argc, char **argv)
{
	static const uint32_t controls[] = { HVCAL_RC_CONTROL_CBR, HVCAL_RC_CONTROL_VBR };
	static const unsigned int cases[][2] = {
		{ 1, 0 }, { 3, 0 }, { 7, 0 }, { 3, LATE_FRAMES }, { 7, LATE_FRAMES },
	};
	unsigned int n = 0, bad = 0;
	struct clip clip;

	if (argc != 2) {
		fputs("usage: start_rc LINE, as clips.sh prints it\n", stderr);
		return 2;
	}
	if (clip_open(&clip, argv[1]))
		return 1;
	if (clip.frames < FRAMES || hint_clip(&clip)) {
		fprintf(stderr, "start_rc: %s has not %u frames that can be looked at\n", clip.name,
			FRAMES);
		return 1;
	}
	puts("1..20");
	for (enum who who = WHO_OURS; who <= WHO_BLIND; who++) {
		for (int c = 0; c < 2; c++) {
			struct metrics once, late;

			if (!run(&clip, who, controls[c], 0, 0, &once))
				return 1;
			for (int i = 0; i < 5; i++) {
				bool good;

				if (!run(&clip, who, controls[c], cases[i][0], cases[i][1], &late))
					return 1;
				good = late.psnr > once.psnr - LOSS_MAX && late.error > USE_MIN;
				bad += !good;
				printf("%sok %u %s, %s, sizes of %s frames late by %u: %+.2f dB, "
				       "rate %+.1f %%\n", good ? "" : "not ", ++n,
				       who == WHO_OURS ? "with hints" : "without hints",
				       c ? "vbr" : "cbr", cases[i][1] ? "the first" : "all",
				       cases[i][0], late.psnr - once.psnr, 100.0 * late.error);
			}
		}
	}
	clip_close(&clip);
	return bad ? 1 : 0;
}
