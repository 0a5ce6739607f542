/* SPDX-License-Identifier: MIT */
/* Parts of the rate control benchmark. */
#ifndef RC_BENCH_H
#define RC_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hvcal/rc.h>

#define FRAMES_MAX 600

/* ---- clip.c ---- */

enum clip_kind { CLIP_CAMERA, CLIP_CUTS, CLIP_SCREEN };

struct clip {
	char name[32];
	const uint8_t *data;	/* I420, mapped */
	size_t len;
	unsigned int width, height, frames;
	double fps, kbps;
	enum clip_kind kind;
	struct hvcal_rc_hint *hints;
};

/* One line of clips.sh. 0, or -1 with a message. */
int clip_open(struct clip *clip, const char *line);
void clip_close(struct clip *clip);
static inline const uint8_t *clip_frame(const struct clip *c, unsigned int i)
{
	return c->data + (size_t)i * c->width * c->height * 3 / 2;
}

/* ---- hint.c ---- */

/* 0, or a negative errno. */
int hint_clip(struct clip *clip);

/* ---- encoders ---- */

struct coded {
	double bits;
	double mse;	/* luma */
	double ssim;	/* luma */
};

/* Rows from @top to @bottom, shares of the height, have a quantiser of their own. */
struct band {
	float top, bottom;
	int qp;		/* < 0: there is no band */
};

struct encoder;

struct encoder_ops {
	const char *name;
	uint32_t scale;
	bool bands;	/* it takes one */
	/* bitrate 0: the quantiser of each frame is given; else the encoder's own CBR */
	struct encoder *(*open)(const struct clip *clip, double bitrate, double vbv_ms);
	/* qp < 0: its own choice; @band is none where its qp is < 0 */
	int (*encode)(struct encoder *e, const uint8_t *i420, int qp, const struct band *band,
		      struct coded *out);
	int (*retarget)(struct encoder *e, double bitrate);
	void (*close)(struct encoder *e);
};

extern const struct encoder_ops encoder_x264, encoder_vp9;

double ssim_plane(const uint8_t *a, size_t stride_a, const uint8_t *b, size_t stride_b,
		  unsigned int width, unsigned int height);

/* ---- fqp.c: the controller to beat ---- */

struct fqp *fqp_open(double bitrate, double fps, double vbv_ms, unsigned int pixels);
void fqp_close(struct fqp *f);
void fqp_retarget(struct fqp *f, double bitrate);
int fqp_decide(struct fqp *f, double time, bool key);
void fqp_report(struct fqp *f, double bytes);

/* ---- run.c ---- */

/* Ours, ours without hints and without bands, the controller to beat, the encoder's own. */
enum who { WHO_OURS, WHO_BLIND, WHO_WHOLE, WHO_FQP, WHO_OWN };

struct job {
	const struct clip *clip;
	const struct encoder_ops *enc;
	enum who who;
	double bitrate;		/* bits/s */
	double vbv_ms;
	unsigned int frames;	/* of the clip, from its beginning */
	unsigned int delay;	/* frames by which sizes come late */
	unsigned int late_frames; /* ... but only of so many first frames, 0 of all */
	bool untold;		/* ... which the controller is not told, as in a session */
	uint32_t control;	/* enum hvcal_rc_control, 0 CBR; VBR has no higher peak */
	unsigned int step_at;	/* frame of a new rate, 0 never */
	double step_rate;
};

/* CPU time of what was done for each frame, the encoder having run in between. */
struct times {
	float decide_ns[FRAMES_MAX];	/* decision and report, with two readings of the clock */
	float clock_ns[FRAMES_MAX];	/* two readings of the clock, just before those */
};

struct trace {
	unsigned int frames;
	double bits[FRAMES_MAX], mse[FRAMES_MAX], ssim[FRAMES_MAX];
	int qp[FRAMES_MAX];
	struct times times;
};

int run_job(const struct job *job, struct trace *t);
/* A decision and report with warm caches, the mean on the slowest scale. */
double decide_alone_ns(void);

/* ---- metrics.c ---- */

struct metrics {
	double error;		/* of the whole, share */
	double window;		/* worst second / target */
	double p_max;		/* largest P frame / budget */
	unsigned int over3, over8;
	double queue_ms;
	unsigned int violations; /* frames that leave the bucket above the buffer */
	double key;		/* first frame / budget */
	double roughness;	/* mean |dQP| in quantisers of H.264, -1 if not known */
	double psnr, psnr_min, ssim, kbps;
	/* after a step */
	unsigned int settle;	/* frames down, or to 0.9 of a higher rate */
	double first, backlog_ms, use, dip;
};

void measure(const struct trace *t, const struct job *job, struct metrics *m);
/* Percent of rate at equal quality, by PCHIP over the overlap; NAN if there is none. */
double bd_rate(const double *rate_a, const double *quality_a, const double *rate_b,
	       const double *quality_b, unsigned int n);

#endif /* RC_BENCH_H */
