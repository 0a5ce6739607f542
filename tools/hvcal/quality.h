/* SPDX-License-Identifier: MIT */
/*
 * PSNR and SSIM of a stream: every packet is decoded and its picture compared
 * with the source picture of the same time.
 */
#ifndef HVCAL_TOOL_QUALITY_H
#define HVCAL_TOOL_QUALITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec.h"
#include "picture.h"

struct quality_summary {
	uint64_t frames;	/**< compared */
	double psnr[3];		/**< Y, U, V of all frames together, dB; 99.99 when equal */
	double psnr_all;	/**< of all samples together, dB */
	double ssim;		/**< of luma, mean of all frames; 0 if not asked */
};

struct quality;

/**
 * @want_ssim: it takes a few times as long as PSNR alone.
 * @return 0; -EOPNOTSUPP: nothing decodes @codec; -ENOMEM. Gives no message.
 */
int quality_open(const struct codec_name *codec, bool want_ssim, struct quality **quality);

/** Copies a source picture for later. 4:2:0 of 8 or 10 bit; else -EINVAL. */
int quality_source(struct quality *quality, const struct picture *picture, int64_t pts);

/** Decodes a packet; NULL: that was the last. -EBADMSG: it does not decode. */
int quality_packet(struct quality *quality, const void *data, size_t len, int64_t pts);

void quality_summarize(const struct quality *quality, struct quality_summary *summary);
void quality_close(struct quality **quality);

#endif /* HVCAL_TOOL_QUALITY_H */
