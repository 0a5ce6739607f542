/* SPDX-License-Identifier: MIT */
/* A client with a session that any engine for KS_SCENE_CODEC may serve. */
#ifndef KS_SCENE_H
#define KS_SCENE_H

#include "ks.h"

#define KS_SCENE_CODEC		HVCAL_FOURCC('k', 's', 'm', 'g')
#define KS_SCENE_TARGETS	4

struct ks_scene {
	int client;
	uint32_t session;
	uint32_t source;
	uint32_t targets[KS_SCENE_TARGETS];
};

/** An engine of @kind, which is not TEST: nobody has to name it. */
void ks_scene_engine(struct ks_provider *p, const char *name, uint32_t kind);
/** The session is not opened yet. */
void ks_scene_create(struct ks_scene *s, uint32_t loss);
/** A frame each @period_ms; what an engine has when it dies is lost. */
void ks_scene_create_realtime(struct ks_scene *s, unsigned int period_ms);
/** A hardware engine, and the session opened there. */
void ks_scene_open(struct ks_scene *s, struct ks_provider *p, const char *name, uint32_t loss);
/** Submits a frame; its number. */
uint64_t ks_scene_submit(struct ks_scene *s, unsigned int target);
/** A key frame, at which the session may move. */
uint64_t ks_scene_submit_key(struct ks_scene *s, unsigned int target);
/** The session opens on @p, and the client is told to resynchronise. */
void ks_scene_resync(struct ks_scene *s, struct ks_provider *p);
/** The next frame on @p is @job, and ends well. */
void ks_scene_serve(struct ks_scene *s, struct ks_provider *p, uint64_t job);

#endif
