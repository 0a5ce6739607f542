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

ALL += $(if $(SANDBOX_LIBS),$(CONFORMANCE))
$(CONFORMANCE): $(CONFORMANCE_OBJS) $(SANDBOX_OBJS) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CONFORMANCE_LIBS) $(SANDBOX_LIBS) $(LIBHVCAL_LIBS)

ifneq ($(SANDBOX_LIBS),)
CONFORMANCE_RUN := $(CONFORMANCE) --path $(B)/lib/engines
SUITES += $(foreach e,$(ENGINES),conformance-$(e):"$(CONFORMANCE_RUN) $(e)")
# the null engine with frames held back: the host's side of reordering
SUITES += conformance-null-hold:"$(CONFORMANCE_RUN) --option null.hold=3 \
	--only drain_one_thread,drain_threads,close_with_frames,close_unused,cancel null"
SUITES += conformance-detects:"selftests/conformance/detects $(CONFORMANCE) $(B)/lib/engines"
endif

.PHONY: conformance
## conformance: every engine that was built, through the conformance tests
conformance: all
	@set -e; for e in $(ENGINES); do $(CONFORMANCE_RUN) $$e; done
