/* SPDX-License-Identifier: MIT */
/* Encoder libraries called as they are, without HVCAL, for comparisons. */
#ifndef HVCAL_SELFTESTS_ENGINES_LIB_H
#define HVCAL_SELFTESTS_ENGINES_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lib_config {
	unsigned int width, height, fps, threads;
	unsigned int speed;	/* what the library calls speed or preset */
	int qp;			/* of frames that have none of their own */
	unsigned int kbps;	/* 0: by QP */
};

/* I420, at 30 frames a second */
struct lib_picture {
	const uint8_t *plane[3];
	int stride[3];
};

struct lib_packet {
	const uint8_t *data;	/* until the next call */
	size_t size;
	bool key;
};

struct lib_encoder;

/* QPs are on the scale of the library: 0..51 or 0..63. Functions return 0 or -1. */
struct lib_ops {
	const char *name;
	struct lib_encoder *(*open)(const struct lib_config *config);
	/* NULL: no picture follows */
	int (*send)(struct lib_encoder *e, const struct lib_picture *picture, int qp, bool key);
	/* 1: a packet; 0: none yet */
	int (*receive)(struct lib_encoder *e, struct lib_packet *packet);
	int (*retarget)(struct lib_encoder *e, unsigned int kbps);
	void (*close)(struct lib_encoder *e);
};

extern const struct lib_ops lib_aom, lib_svt, lib_vpx, lib_x264, lib_x265;

/* Pictures of a file of raw I420, or drawn ones where there is none. */
struct lib_clip {
	unsigned int width, height, count;
	uint8_t *data;
	size_t size;		/* of a picture */
};

int lib_clip_open(struct lib_clip *clip, const char *path, unsigned int width,
		  unsigned int height, unsigned int count);
void lib_clip_close(struct lib_clip *clip);
struct lib_picture lib_clip_picture(const struct lib_clip *clip, unsigned int n);

uint64_t lib_now_ns(void);
uint64_t lib_cpu_ns(void);	/* of the process */

#endif
