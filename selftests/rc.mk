# SPDX-License-Identifier: MIT
# Rate control: unit tests, the synthetic plant, the fuzzer, the benchmark.

RC_DIR   := $(B)/selftests/rc
RC_PLANT := $(RC_DIR)/plant_run
# What the plant may run in `make check`, and in full.
RC_RUNS  ?= 2000
RC_RUNS_ALL ?= 100000
RC_LIBS  := $(LIBHVCAL_A) -lm $(LIBHVCAL_LIBS)

ALL += $(RC_PLANT)
$(RC_PLANT): $(RC_DIR)/plant_run.o $(RC_DIR)/plant.o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(RC_LIBS)
SUITES += unit-rc-plant:"$(RC_PLANT) $(RC_RUNS)"

ifeq ($(shell pkg-config --exists cmocka && echo yes),yes)
ALL += $(RC_DIR)/test_rc
$(RC_DIR)/test_rc: $(RC_DIR)/test_rc.o $(RC_DIR)/plant.o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -lcmocka $(RC_LIBS)
SUITES += unit-rc:"env CMOCKA_MESSAGE_OUTPUT=TAP $(RC_DIR)/test_rc"

ALL += $(RC_DIR)/test_window
$(RC_DIR)/test_window: $(RC_DIR)/test_window.o $(RC_DIR)/plant.o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -lcmocka $(RC_LIBS)
SUITES += unit-rc-window:"env CMOCKA_MESSAGE_OUTPUT=TAP $(RC_DIR)/test_window"

ALL += $(RC_DIR)/test_band
$(RC_DIR)/test_band: $(RC_DIR)/test_band.o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -lcmocka $(RC_LIBS)
SUITES += unit-rc-band:"env CMOCKA_MESSAGE_OUTPUT=TAP $(RC_DIR)/test_band"

ALL += $(RC_DIR)/test_session
$(RC_DIR)/test_session: $(patsubst %,$(RC_DIR)/%.o,test_session rig plant) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -lcmocka $(RC_LIBS)
SUITES += unit-rc-session:"env CMOCKA_MESSAGE_OUTPUT=TAP $(RC_DIR)/test_session $(B)/lib/engines"

ifeq ($(shell pkg-config --exists libavcodec libavutil && echo yes),yes)
ALL += $(RC_DIR)/test_session_band
CPPFLAGS_selftests/rc/test_session_band := $(shell pkg-config --cflags libavcodec libavutil)
$(RC_DIR)/test_session_band: $(patsubst %,$(RC_DIR)/%.o,test_session_band rig plant) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -lcmocka \
		$(shell pkg-config --libs libavcodec libavutil) $(RC_LIBS)
SUITES += unit-rc-session-band:"env CMOCKA_MESSAGE_OUTPUT=TAP $(RC_DIR)/test_session_band $(B)/lib/engines"
endif
endif

## check-rc: unit tests of rate control and 10^5 random plants
.PHONY: check-rc
check-rc: all
	CMOCKA_MESSAGE_OUTPUT=TAP $(RC_DIR)/test_rc
	CMOCKA_MESSAGE_OUTPUT=TAP $(RC_DIR)/test_window
	CMOCKA_MESSAGE_OUTPUT=TAP $(RC_DIR)/test_band
	$(RC_PLANT) $(RC_RUNS_ALL)

# libFuzzer brings its own main and instruments what it is to look into.
RC_FUZZ := $(RC_DIR)/fuzz_rc
FUZZ_SECONDS ?= 60
$(RC_FUZZ): selftests/rc/fuzz_rc.c $(wildcard lib/rc/*.c lib/rc/*.h) lib/include/hvcal/rc.h
	@mkdir -p $(@D)
	clang -std=c11 -O1 -g -D_GNU_SOURCE -Ilib/include \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-o $@ $(filter %.c,$^) -lm

ifneq ($(shell command -v clang 2>/dev/null),)
SUITES += rc-fuzz:"selftests/rc/fuzz.sh $(B) 20000"
endif

## fuzz-rc: the rate controller under libFuzzer, FUZZ_SECONDS long
.PHONY: fuzz-rc
fuzz-rc: $(RC_FUZZ)
	@mkdir -p $(RC_DIR)/corpus
	cd $(RC_DIR) && ./fuzz_rc -max_total_time=$(FUZZ_SECONDS) -max_len=4096 corpus

ifeq ($(shell pkg-config --exists x264 vpx && echo yes),yes)
BENCHES += rc
RC_BENCH := $(RC_DIR)/bench_rc
RC_BENCH_OBJS := $(patsubst %,$(RC_DIR)/%.o,bench report clip hint ssim enc_x264 enc_vp9 run \
	metrics fqp)
$(RC_BENCH): $(RC_BENCH_OBJS) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(RC_BENCH_OBJS) \
		$(shell pkg-config --libs x264 vpx) $(RC_LIBS)

RC_START := $(RC_DIR)/start_rc
ALL += $(RC_START)
$(RC_START): $(patsubst %,$(RC_DIR)/%.o,start_rc clip hint enc_x264 run metrics fqp) \
		$(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(shell pkg-config --libs x264) \
		$(RC_LIBS)
SUITES += unit-rc-start:"selftests/rc/start.sh $(B)"

JOBS ?= 2
## bench-rc: our rate control beside the encoders' own (QUICK=1: a part; JOBS; RC_CLIPS=a,b)
.PHONY: bench-rc
bench-rc: $(RC_BENCH)
	@mkdir -p $(B)/bench
	@selftests/rc/clips.sh $(B)/bench/rc-clips > $(B)/bench/rc-clips.list
	$(RC_BENCH) $(if $(QUICK),--quick) --jobs $(JOBS) $(if $(RC_CLIPS),--clips $(RC_CLIPS)) \
		--json $(B)/bench/rc.json $(B)/bench/rc-clips.list
endif
