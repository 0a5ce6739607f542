/* SPDX-License-Identifier: MIT */
/*
 * HDR metadata of media files: the static part out of a decoded picture, T.35
 * messages (HDR10+ among them) out of packets, byte for byte.
 */
#ifndef HVCAL_TOOL_HDR_H
#define HVCAL_TOOL_HDR_H

#include <libavcodec/avcodec.h>

#include <hvcal/hvcal.h>

#include "source.h"

/** T.35 messages of the packets that a decoder has not yet made pictures of. */
struct t35_log;

/** @return NULL: out of memory. A codec without such messages gives an empty log. */
struct t35_log *t35_log_create(const AVCodecParameters *par);
void t35_log_free(struct t35_log **log);

/** Notes what packet @number carries. @return 0, -ENOMEM */
int t35_log_packet(struct t35_log *log, const AVPacket *packet, int64_t number);

/**
 * Messages of the picture that packet @number became, valid until the next call.
 * Those of the picture before are forgotten. @return how many
 */
uint32_t t35_log_take(struct t35_log *log, int64_t number, const hvcal_t35_t **list);

/** Mastering display and light level of a picture, if it says them. */
void hdr_static(struct source_info *info, const AVFrame *frame);

#endif
