/* SPDX-License-Identifier: MIT */
/*
 * A memory-to-memory encoder node of V4L2, opened: raw frames go into its
 * OUTPUT queue, packets come out of its CAPTURE queue. Functions return 0 or a
 * negative errno.
 */
#ifndef HVCAL_ENGINES_V4L2_M2M_H
#define HVCAL_ENGINES_V4L2_M2M_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hvcal/engine.h>

#define M2M_SLOTS 8	/* buffers of a queue, at most */
#define M2M_PLANES 3

/** A node that encodes, and what it is. */
struct m2m_node {
	char path[32];		/**< /dev/video0 */
	char driver[16];
	char card[32];
	char bus[32];
	bool mplane;		/**< speaks the multi-planar API */
};

/** What became of a node that was looked at. */
enum m2m_found {
	M2M_ENCODER,
	M2M_ABSENT,		/**< there is no such node */
	M2M_DENIED,		/**< no permission */
	M2M_OTHER,		/**< a camera, a decoder ... */
	M2M_PIECES,		/**< an encoder, but of frames in several pieces of memory */
	M2M_TEST,		/**< an encoder of the test codec FWHT */
};

/**
 * Looks at /dev/video@number, and lists what it encodes.
 *
 * @param fwht take the test codec, as HVCAL_CODEC_NULL
 * @param caps room for 16
 */
enum m2m_found m2m_look(unsigned int number, bool fwht, struct m2m_node *node,
			struct hvcal_engine_cap *caps, uint32_t *ncaps);

/** Raw frames as the node wants them, in one piece of memory. */
struct m2m_layout {
	uint32_t planes;
	uint32_t stride[M2M_PLANES];
	uint64_t offset[M2M_PLANES];
	uint32_t row_bytes[M2M_PLANES];	/**< of the visible picture */
	uint32_t rows[M2M_PLANES];
	uint32_t size;
};

struct m2m_slot {
	void *map;		/**< NULL: memory of others */
	size_t len;
	const void *last;	/**< whose memory it had last: the kernel has that ready */
	bool queued;
};

/** Thread-safety: one thread at a time. */
struct m2m {
	int fd;			/**< -1: closed */
	bool mplane;
	bool dmabuf;		/**< frames are imported; else copied */
	bool streaming;
	uint32_t raw, coded;	/**< pixel formats of V4L2 */
	struct hvcal_codec_config config;
	struct m2m_layout layout;
	unsigned int nout, ncap;
	struct m2m_slot out[M2M_SLOTS], cap[M2M_SLOTS];
};

struct m2m_packet {
	unsigned int slot;
	const void *data;
	size_t bytes;
	uint64_t stamp;		/**< of the frame that it belongs to */
	bool key, b, error;
	bool last;		/**< the end of a drain */
};

/** Opens the node and sets formats and controls. -EINVAL: it cannot do that. */
int m2m_open(struct m2m *m, const struct m2m_node *node,
	     const struct hvcal_codec_config *config);

/**
 * Allocates and starts both queues.
 *
 * @param like a frame as they will come: its layout is used without a copy if
 *             the node agrees
 * @param copy never without a copy
 */
int m2m_start(struct m2m *m, const struct hvcal_engine_buffer *like, bool copy);

/** Stops both queues, frees everything, closes. Waits for the hardware. */
void m2m_close(struct m2m *m);

/** Can this frame be queued without a copy? */
bool m2m_importable(const struct m2m *m, const struct hvcal_engine_buffer *frame);

/** Does the frame have every plane that the configuration promises? */
bool m2m_frame_valid(const struct m2m *m, const struct hvcal_engine_buffer *frame);

/** A free slot of the OUTPUT queue, best one that had this memory; -1 none. */
int m2m_slot_free(const struct m2m *m, const struct hvcal_engine_buffer *frame);

/** Gives a frame to the encoder. @copied: bytes that were copied for it. */
int m2m_put_frame(struct m2m *m, unsigned int slot, const struct hvcal_engine_buffer *frame,
		  uint64_t stamp, uint64_t *copied);

/** Takes back a frame that was read. -EAGAIN: none. @error: it was not coded. */
int m2m_take_frame(struct m2m *m, unsigned int *slot, bool *error);

/** Takes a packet; it is to be given back. -EAGAIN: none; -EPIPE: drained. */
int m2m_take_packet(struct m2m *m, struct m2m_packet *p);
int m2m_give_packet(struct m2m *m, unsigned int slot);

/** Begins a drain: the last packet will say so. -EOPNOTSUPP: it knows none. */
int m2m_drain(struct m2m *m);
/** Goes on after a drain. @slot: of the last packet, which is given back. */
int m2m_resume(struct m2m *m, unsigned int slot);

/** The next frame becomes a key frame. -EOPNOTSUPP: it cannot be told. */
int m2m_force_key(struct m2m *m);

/** Rates and QPs of @config, now. -EINVAL: this node has no such thing. */
int m2m_set_rates(struct m2m *m, const struct hvcal_codec_config *config);

/** Has it a control for bit rates? */
bool m2m_has_bitrate(int fd);

#endif
