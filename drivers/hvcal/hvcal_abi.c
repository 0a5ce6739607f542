// SPDX-License-Identifier: GPL-2.0
/* The sizes that the interface had when it was published, for good. */
#include <linux/build_bug.h>

#include "hvcal.h"

static_assert(sizeof(struct hvcal_array) == 16);
static_assert(sizeof(struct hvcal_blob) == 16);
static_assert(sizeof(struct hvcal_caps) == 40);
static_assert(sizeof(struct hvcal_engine_cap) == 72);
static_assert(sizeof(struct hvcal_engine_info) == 96);
static_assert(sizeof(struct hvcal_engine_list) == 24);
static_assert(sizeof(struct hvcal_engine_caps) == 24);
static_assert(sizeof(struct hvcal_gpu_info) == 96);
static_assert(sizeof(struct hvcal_gpu_list) == 24);
static_assert(sizeof(struct hvcal_reservation) == 40);
static_assert(sizeof(struct hvcal_session_create) == 128);
static_assert(sizeof(struct hvcal_session_reconfigure) == 80);
static_assert(sizeof(struct hvcal_session_flush) == 16);
static_assert(sizeof(struct hvcal_session_destroy) == 8);
static_assert(sizeof(struct hvcal_session_stats) == 888);
static_assert(sizeof(struct hvcal_buffer_import) == 56);
static_assert(sizeof(struct hvcal_buffer_release) == 8);
static_assert(sizeof(struct hvcal_job_desc) == 112);
static_assert(sizeof(struct hvcal_job_submit) == 24);
static_assert(sizeof(struct hvcal_job_cancel) == 24);
static_assert(sizeof(struct hvcal_job_fence) == 16);
static_assert(sizeof(struct hvcal_event) == 232);
static_assert(sizeof(struct hvcal_engine_register) == 112);
static_assert(sizeof(struct hvcal_engine_update) == 16);
static_assert(sizeof(struct hvcal_engine_unregister) == 8);
static_assert(sizeof(struct hvcal_item) == 128);
static_assert(sizeof(struct hvcal_acquire) == 40);
static_assert(sizeof(struct hvcal_accept) == 16);
static_assert(sizeof(struct hvcal_item_result) == 56);
static_assert(sizeof(struct hvcal_complete) == 16);
static_assert(sizeof(struct hvcal_item_check) == 8);
