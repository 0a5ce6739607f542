/* SPDX-License-Identifier: MIT */
/*
 * libcuda.so.1 and libnvidia-encode.so.1 for tests: what the headers say, without
 * a GPU. Only what the nvenc plug-in calls is there. What the headers forbid ends
 * the process with a line on stderr, unless lenient=1.
 *
 * The environment variable HVCAL_NVENC_STUB holds KEY=NUMBER pairs, separated by
 * commas; it is read at each call.
 *
 * libcuda:
 *   cuda_init=E        cuInit() fails with E
 *   devices=N          GPUs                                        (1)
 *   slot=N             0: GPUs have no PCI address                 (1)
 *   free_mb=N          free memory of each                         (4096)
 *   dmabuf=N           1: DMA-BUFs are said to work, but imports are refused, as
 *                      by drivers for PCs; 2: imports work         (0)
 * libnvidia-encode:
 *   version=N          highest API version, major * 10 + minor     (the header's)
 *                      a stub of 12.1 can be one of 12.0
 *   open_error=E       sessions fail to open with status E; what was opened half
 *                      must be destroyed
 *   sessions=N         sessions at once, 0 no limit                (0)
 *   sessions_error=E   status of one too many                      (10)
 *   codecs=N           1 H.264, 2 HEVC, 4 AV1, and their sums      (7)
 *   bframes=N, dyn_rc=N, dyn_bitrate=N, refresh=N  capabilities    (4, 1, 1, 1)
 *   invalidate=N       pictures can be forgotten                   (1)
 *   hold=N             of N + 1 frames N need more input           (0)
 *   encode_busy=N      the first N submissions of a frame are ENCODER_BUSY
 *   lock_busy=N        the first N locks of an output are LOCK_BUSY
 *   encode_error=E, encode_at=N  submission of frame N fails with E
 *   lock_error=E, lock_at=N      lock of packet N fails with E
 *   hang_at=N          the lock of packet N never returns
 *   lost_at=N          at frame N the device is gone until all sessions are closed
 * Frames and packets are counted from 0 since stub_encode_reset().
 */
#ifndef HVCAL_NVENC_STUB_H
#define HVCAL_NVENC_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STUB_API __attribute__((visibility("default")))

/** Value of @key in the environment variable, @preset if it is not there. */
long stub_mode(const char *key, long preset);

/** Something that the headers forbid: a line, and the end unless lenient=1. */
void stub_forbidden(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- libcuda, for libnvidia-encode and for tests ---- */

/** Is @ctx a context, and that of this thread? */
STUB_API bool stub_cuda_current(const void *ctx);

/** Are these bytes memory of the GPU? */
STUB_API bool stub_cuda_device_memory(const void *at, size_t bytes);

/** Waits for what was put on the stream @stream; false: there is no such one. */
STUB_API bool stub_cuda_stream_wait(const void *stream);

/** What nobody has given back: contexts, imports, memory, streams. */
STUB_API unsigned int stub_cuda_left(void);

/* ---- libnvidia-encode, for tests ---- */

struct stub_counts {
	unsigned int sessions, opened, half_open, registered, registrations, maps;
	unsigned int reconfigured, frames, packets, idrs_forced;
	unsigned int ordered;	/* changes of the streams of sessions */
	unsigned int invalidated, refreshed;	/* pictures */
	/* of the session that was initialized last: 1 .. 7, NV_ENC_TUNING_INFO, its own word */
	unsigned int preset, tuning, split;
};

/** Counts frames, packets and all that from zero; sessions stay. */
STUB_API void stub_encode_reset(void);
STUB_API void stub_encode_counts(struct stub_counts *counts);

#endif
