# SPDX-License-Identifier: MIT
# Tests of the VA-API engine, over a VA driver of our own.

ifneq ($(and $(filter vaapi,$(ENGINES)),$(filter x264,$(ENGINES)),$(filter x265,$(ENGINES))),)
VAAPI_DRIVER_DIR := $(B)/selftests/vaapi
VAAPI_DRIVER := $(VAAPI_DRIVER_DIR)/hvcaltest_drv_video.so
VAAPI_SHIM := $(VAAPI_DRIVER_DIR)/drm_shim.so
VAAPI_DRIVER_SRCS := $(addprefix selftests/vaapi/,driver.c config.c fences.c surfaces.c raw.c bits.c cabac.c h264.c \
	h264_exact.c h264_x264.c hevc.c hevc_read.c hevc_exact.c hevc_write.c hevc_x265.c blocks.c \
	av1.c av1_header.c av1_symbol.c av1_tables.c av1_tile.c boolcoder.c quant.c vp9.c vp9_header.c vp9_tables.c vp9_tile.c)

$(foreach f,$(VAAPI_DRIVER_SRCS),$(eval CFLAGS_$(f:.c=) := $(shell pkg-config --cflags libva x264 x265)))

ALL += $(VAAPI_DRIVER) $(VAAPI_SHIM)
$(VAAPI_DRIVER): $(VAAPI_DRIVER_SRCS:%.c=$(B)/%.o)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic -o $@ $^ \
		$(shell pkg-config --libs x264 x265) -lm -pthread

# loaded before all, the sanitizers' too: it has none itself
$(VAAPI_SHIM): selftests/vaapi/drm_shim.c selftests/vaapi/drm_shim.h
	@mkdir -p $(@D)
	$(CC) -O2 -std=c11 -fPIC -Wall -Wextra -Werror -shared -o $@ $< -ldl -pthread

TEST_VAAPI := $(VAAPI_DRIVER_DIR)/test_vaapi
TEST_VAAPI_PARTS := $(addprefix selftests/vaapi/,test_vaapi test_coded test_order test_hrd test_driver)
$(foreach p,$(TEST_VAAPI_PARTS),$(eval CPPFLAGS_$(p) := -Ilib/src))
$(foreach p,test_coded test_hrd,$(eval CFLAGS_selftests/vaapi/$(p) := $(CFLAGS_selftests/conformance/decode)))
ALL += $(TEST_VAAPI)
$(TEST_VAAPI): $(TEST_VAAPI_PARTS:%=$(B)/%.o) $(LIBHVCAL_A) $(CONFORMANCE_PARTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(CONFORMANCE_LIBS) \
		$(LIBHVCAL_LIBS)

VAAPI_WITH := selftests/vaapi/with-driver $(VAAPI_DRIVER_DIR)
# x264 and x265, which code for the driver, make no pictures without followers and no B
# pictures; in mode exact there are those, as raw samples
VAAPI_CONFORMANCE := $(CONFORMANCE_RUN) --option vaapi.device=/dev/null --option vaapi.lossless=1 \
	--except layers vaapi

SUITES += unit-vaapi:"$(VAAPI_WITH) default $(TEST_VAAPI) $(B)/lib/engines"
SUITES += conformance-vaapi:"$(VAAPI_WITH) default $(VAAPI_CONFORMANCE)"
# every bit, B pictures, and pictures without followers; without rate control
SUITES += conformance-vaapi-exact:"$(VAAPI_WITH) exact $(CONFORMANCE_RUN) \
	--option vaapi.device=/dev/null --only layers,drain_one_thread,drain_threads,timestamps,$\
	recovery,forced_key,target_too_small,metadata,close_with_frames,close_unused vaapi"
# nearly nothing is there: what the driver lacks the engine does
SUITES += conformance-vaapi-poor:"$(VAAPI_WITH) own-headers,baseline,no-import,no-wait \
	$(VAAPI_CONFORMANCE) \
	--only formats,rate_modes,forced_key,frame_qp,qp_map,metadata,hdr_static,bad_frames"
# on a real render node: vgem's
SUITES_VM += conformance-vaapi:"env HVCALTEST=h264-only LIBVA_DRIVER_NAME=hvcaltest \
	LIBVA_DRIVERS_PATH=$(VAAPI_DRIVER_DIR) $(CONFORMANCE_RUN) --except layers vaapi"
endif
