# SPDX-License-Identifier: MIT
# Comparisons of engines with libraries called as they are. No part of `make check`, but
# for the test of their statistics.

ENGINES_DIR := $(B)/selftests/engines
$(foreach l,aom x264 x265 vpx,$(eval CFLAGS_selftests/engines/lib_$(l) := \
	$(shell pkg-config --silence-errors --cflags $(l))))
CFLAGS_selftests/engines/lib_svt := $(shell pkg-config --silence-errors --cflags SvtAv1Enc)
CFLAGS_selftests/engines/compare_av1 := $(shell pkg-config --silence-errors --cflags dav1d)

ifeq ($(shell pkg-config --exists aom SvtAv1Enc dav1d && echo yes),yes)
COMPARE_AV1 := $(ENGINES_DIR)/compare_av1
$(COMPARE_AV1): $(patsubst %,$(ENGINES_DIR)/%.o,compare_av1 clip lib_aom lib_svt)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs aom SvtAv1Enc dav1d) -lm

# The clip of bench-rc, where it is there; else drawn pictures.
## bench-av1: libaom beside SVT-AV1, in real time and under control of each frame
BENCHES += bench-av1
.PHONY: bench-av1
bench-av1: $(COMPARE_AV1)
	@mkdir -p $(B)/bench
	@clip=$$(selftests/engines/clip.sh $(B)/bench); \
	COMPARE_JSON=$(B)/bench/av1.json $(COMPARE_AV1) $$clip
else
$(info bench-av1: not built; it needs libaom-dev libsvtav1enc-dev libdav1d-dev)
endif

ifeq ($(shell pkg-config --exists aom vpx x264 x265 && echo yes),yes)
BENCH_ENGINES := $(ENGINES_DIR)/bench_engines
BENCH_ENGINES_PARTS := bench bench_cost bench_side bench_speed bench_starts bench_stat clip \
	lib_aom lib_vpx lib_x264 lib_x265
$(BENCH_ENGINES): $(patsubst %,$(ENGINES_DIR)/%.o,$(BENCH_ENGINES_PARTS)) \
		$(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs aom vpx x264 x265) \
		$(LIBHVCAL_LIBS)

# for each engine, twice as many for x265, and some for the starts: eight minutes for all
BENCH_SECONDS ?= 75
## bench-engines: direct mode beside the libraries called as they are (BENCH_SECONDS=N, BENCH_OPTIONS)
BENCHES += bench-engines
.PHONY: bench-engines
bench-engines: $(BENCH_ENGINES) $(ENGINE_SOS)
	@mkdir -p $(B)/bench
	@HVCAL_ENGINE_PATH=$(B)/lib/engines $(BENCH_ENGINES) --seconds $(BENCH_SECONDS) \
		--json $(B)/bench/engines.json $(BENCH_OPTIONS) $$(selftests/engines/clip.sh $(B)/bench)
else
$(info bench-engines: not built; it needs libaom-dev libvpx-dev libx264-dev libx265-dev)
endif

ifeq ($(shell pkg-config --exists cmocka && echo yes),yes)
TEST_STAT := $(ENGINES_DIR)/test_stat
$(TEST_STAT): $(TEST_STAT).o $(ENGINES_DIR)/bench_stat.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka

ALL += $(TEST_STAT)
SUITES += unit-bench-stat:"env CMOCKA_MESSAGE_OUTPUT=TAP $(TEST_STAT)"
endif
