# SPDX-License-Identifier: MIT
# hvcal-conformance: what every engine plug-in must pass.

CONFORMANCE := $(B)/selftests/conformance/hvcal-conformance
CONFORMANCE_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard selftests/conformance/*.c))
CONFORMANCE_LIBS := -lm

$(foreach f,$(wildcard selftests/conformance/*.c),\
	$(eval CPPFLAGS_$(f:.c=) := -Ilib/src))

ifeq ($(shell pkg-config --exists libavcodec libavutil && echo yes),yes)
CFLAGS_selftests/conformance/decode := -DHAVE_LIBAVCODEC \
	$(shell pkg-config --cflags libavcodec libavutil)
CONFORMANCE_LIBS += $(shell pkg-config --libs libavcodec libavutil)
else
$(info conformance: does not decode, libavcodec-dev missing)
endif

ifeq ($(shell pkg-config --exists dav1d && echo yes),yes)
CFLAGS_selftests/conformance/av1 := -DHAVE_DAV1D $(shell pkg-config --cflags dav1d)
CONFORMANCE_LIBS += $(shell pkg-config --libs dav1d)
else
$(info conformance: does not decode AV1, libdav1d-dev missing)
endif

ALL += $(if $(SANDBOX_LIBS),$(CONFORMANCE))
# names of formats; the engine itself is a plug-in
CONFORMANCE_OBJS += $(B)/lib/engines/v4l2/node.o $(B)/lib/engines/v4l2/control.o
# what other tests of engines use of it: host and decoders
CONFORMANCE_PARTS := $(filter-out $(addprefix $(B)/selftests/conformance/,main.o basic.o control.o life.o),\
	$(CONFORMANCE_OBJS))
$(CONFORMANCE): $(CONFORMANCE_OBJS) $(SANDBOX_OBJS) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CONFORMANCE_LIBS) $(SANDBOX_LIBS) $(LIBHVCAL_LIBS)

ifneq ($(SANDBOX_LIBS),)
CONFORMANCE_RUN := $(CONFORMANCE) --path $(B)/lib/engines
# CONFORMANCE_ARGS_engine: what it needs to run without its hardware
SUITES += $(foreach e,$(filter-out $(CONFORMANCE_ELSEWHERE),$(ENGINES)),conformance-$(e):"$(CONFORMANCE_RUN) $(CONFORMANCE_ARGS_$(e)) $(e)")
# the null engine with frames held back: the host's side of reordering
SUITES += conformance-null-hold:"$(CONFORMANCE_RUN) --option null.hold=3 \
	--only drain_one_thread,drain_threads,close_with_frames,close_unused,cancel null"
SUITES += conformance-detects:"selftests/conformance/detects $(CONFORMANCE) $(B)/lib/engines"
endif

.PHONY: conformance
## conformance: every engine that was built, through the conformance tests, the long way
conformance: all
	@set -e; $(foreach e,$(ENGINES),$(CONFORMANCE_RUN) --long $(CONFORMANCE_ARGS_$(e)) $(e) \
		|| [ $$? = 4 ];)
