# SPDX-License-Identifier: MIT
# Pre-analysis: kernels, behaviour, benchmark, validation.

AN_DIR := $(B)/selftests/analysis
AN_TESTS := $(AN_DIR)/kernels $(AN_DIR)/frames

ALL += $(AN_TESTS)
SUITES += lib-analysis-kernels:"$(AN_DIR)/kernels"
SUITES += lib-analysis-frames:"$(AN_DIR)/frames"

$(foreach t,kernels frames,$(eval CPPFLAGS_selftests/analysis/$(t) := -Ilib/analysis))

$(AN_TESTS): $(AN_DIR)/%: $(AN_DIR)/%.o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBHVCAL_LIBS)

## check-analysis: tests of the pre-analysis alone
.PHONY: check-analysis
check-analysis: all
	$(AN_DIR)/kernels
	$(AN_DIR)/frames

BENCHES += bench-analysis
# x264's kernels beside ours, where there is its static library: programs alone may call them
X264_A := $(wildcard $(shell $(CC) -print-file-name=libx264.a))
CPPFLAGS_selftests/analysis/bench := -Ilib/analysis $(if $(X264_A),-DWITH_X264)
# plain reading by vectors of 32 bytes, where there are such
CFLAGS_selftests/analysis/bench := -Wno-psabi $(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-mavx2)
$(AN_DIR)/bench: $(AN_DIR)/bench.o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(X264_A) $(LIBHVCAL_LIBS)

## bench-analysis: luma kernels beside plain reading, at 1080p, 4K and 8K
.PHONY: bench-analysis
bench-analysis: $(AN_DIR)/bench
	@mkdir -p $(B)/bench
	@$(AN_DIR)/bench $(B)/bench/analysis.json

CLIPS ?= ../shared/clips
$(AN_DIR)/validate: $(AN_DIR)/validate.o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBHVCAL_LIBS)

## validate-analysis: predicted cost beside the sizes that libx264 makes of CLIPS
.PHONY: validate-analysis
validate-analysis: $(AN_DIR)/validate
	@selftests/analysis/validate.sh $(AN_DIR)/validate $(CLIPS)

ifeq ($(shell pkg-config --exists x264 && echo yes),yes)
BENCHES += bench-aq
AQ_CLIPS ?= city,kvs
$(AN_DIR)/aq: $(AN_DIR)/aq.o $(patsubst %,$(B)/selftests/rc/%.o,clip metrics) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs x264) $(LIBHVCAL_LIBS) -lm

## bench-aq: BD-rates of QP offsets by activity, with x264 (AQ_CLIPS=a,b)
.PHONY: bench-aq
bench-aq: $(AN_DIR)/aq
	@mkdir -p $(B)/bench
	@selftests/rc/clips.sh $(B)/bench/rc-clips > $(B)/bench/rc-clips.list
	@$(AN_DIR)/aq $(B)/bench/rc-clips.list $(AQ_CLIPS)
endif
