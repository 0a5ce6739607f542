// SPDX-License-Identifier: MIT
/*
 * Pictures that do not count yet (headers from 12.1 on). Encoders here cannot go
 * back: a new one is fed all pictures that counted.
 */
#include <stdlib.h>

#include "stub_session.h"

#define API_12_1 (12 << 4 | 1)

void stub_history_drop(struct stub_session *s)
{
	struct stub_history *h = &s->history;

	if (!h->attempt)
		return;
	h->attempt = false;
	stub_waiting_free(&h->list[--h->count]);
	s->since_idr = h->since_idr;
	s->begun = h->begun;
	s->codec->close(s->encoder);
	stub_encoder_open(s);
	for (unsigned int i = 0; i < h->count; i++) {
		const uint8_t *packet;
		size_t len;

		s->codec->encode(s->encoder, &h->list[i].pic, &packet, &len);
	}
}

void stub_history_add(struct stub_session *s, const struct stub_waiting *w)
{
	struct stub_history *h = &s->history;

	h->list = realloc(h->list, (h->count + 1) * sizeof(*h->list));
	if (!h->list)
		abort();
	h->list[h->count++] = *w;
	h->attempt = w->attempt;
}

void stub_history_free(struct stub_session *s)
{
	while (s->history.count)
		stub_waiting_free(&s->history.list[--s->history.count]);
	free(s->history.list);
}

#ifdef NV_ENC_RESTORE_ENCODER_STATE_PARAMS_VER
bool stub_is_attempt(struct stub_session *s, const NV_ENC_PIC_PARAMS *pic)
{
	if (!(pic->encodePicFlags & NV_ENC_PIC_FLAG_DISABLE_ENC_STATE_ADVANCE))
		return false;
	if (pic->stateBufferIdx >= s->init.numStateBuffers || s->enc.frameIntervalP != 1)
		stub_forbidden("state buffer %u of %u", pic->stateBufferIdx,
			       s->init.numStateBuffers);
	s->history.since_idr = s->since_idr;
	s->history.begun = s->begun;
	return true;
}

bool stub_keeps_history(const struct stub_session *s)
{
	return s->init.numStateBuffers;
}

static NVENCSTATUS NVENCAPI restore(void *handle, NV_ENC_RESTORE_ENCODER_STATE_PARAMS *p)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_RESTORE_ENCODER_STATE_PARAMS", p->version,
			       NV_ENC_RESTORE_ENCODER_STATE_PARAMS_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	if (p->bufferIdx >= s->init.numStateBuffers || p->state != NV_ENC_STATE_RESTORE_FULL ||
	    !s->history.attempt) {
		stub_forbidden("a state is restored that was not saved");
		return NV_ENC_ERR_INVALID_PARAM;
	}
	s->history.attempt = false;
	return NV_ENC_SUCCESS;
}

void stub_state_check(const struct stub_session *s, const NV_ENC_INITIALIZE_PARAMS *p)
{
	bool there = stub_api() >= API_12_1;

	if (p->numStateBuffers && !there)
		stub_forbidden("state buffers before 12.1");
	if (p->splitEncodeMode && (!there || !(s->codec->hevc || s->codec->av1)))
		stub_forbidden("split encoding before 12.1, or of H.264");
}

unsigned int stub_split(const NV_ENC_INITIALIZE_PARAMS *p)
{
	return p->splitEncodeMode;
}

void stub_state_functions(NV_ENCODE_API_FUNCTION_LIST *list)
{
	if (stub_api() >= API_12_1)
		list->nvEncRestoreEncoderState = restore;
}

bool stub_state_cap(NV_ENC_CAPS cap)
{
	return stub_api() >= API_12_1 && cap == NV_ENC_CAPS_DISABLE_ENC_STATE_ADVANCE;
}
#else
void stub_state_check(const struct stub_session *s, const NV_ENC_INITIALIZE_PARAMS *p)
{
	(void)s;
	(void)p;
}

unsigned int stub_split(const NV_ENC_INITIALIZE_PARAMS *p)
{
	(void)p;
	return 0;
}

bool stub_is_attempt(struct stub_session *s, const NV_ENC_PIC_PARAMS *pic)
{
	(void)s;
	(void)pic;
	return false;
}

bool stub_keeps_history(const struct stub_session *s)
{
	(void)s;
	return false;
}

void stub_state_functions(NV_ENCODE_API_FUNCTION_LIST *list)
{
	(void)list;
}

bool stub_state_cap(NV_ENC_CAPS cap)
{
	(void)cap;
	return false;
}
#endif
