# SPDX-License-Identifier: MIT
# The V4L2 engine on the kernel's own test encoder, vicodec: in User Mode Linux,
# as Debian's kernels do not have it. GOPs of vicodec have 16 frames at most.

V4L2_FWHT := $(CONFORMANCE_RUN) --option v4l2.allow_fwht=1 --except key_frames_first_only
SUITES_VM += conformance-v4l2-fwht:"$(V4L2_FWHT) v4l2"
SUITES_VM += conformance-v4l2-copy:"$(V4L2_FWHT) --option v4l2.copy=1 \
	--only formats,sizes,drain_one_thread v4l2"
SUITES_VM += provider-v4l2:"env B=$(B) selftests/hvcald/v4l2"

ifeq ($(shell pkg-config --exists cmocka && echo yes),yes)
TEST_V4L2 := $(B)/selftests/unit/test_v4l2
CPPFLAGS_selftests/unit/test_v4l2 := -Ilib/src
ALL += $(TEST_V4L2)
$(TEST_V4L2): $(TEST_V4L2).o $(V4L2_OBJS) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--wrap=ioctl -o $@ $^ -lcmocka $(LIBHVCAL_LIBS)

SUITES_VM += unit-v4l2:"env CMOCKA_MESSAGE_OUTPUT=TAP $(TEST_V4L2)"
endif
