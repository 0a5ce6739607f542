# SPDX-License-Identifier: MIT
# The fuzzer of the kernel interface. A short run is a test; long ones by hand.

FUZZ_IOCTL := $(B)/selftests/fuzz-ioctl/fuzz-ioctl
FUZZ_IOCTL_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard selftests/fuzz-ioctl/*.c)) \
	$(addprefix $(B)/selftests/kselftest/lib/,dmabuf.o node.o scale.o state.o storm.o)

ALL += $(FUZZ_IOCTL)
$(FUZZ_IOCTL): $(FUZZ_IOCTL_OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) $(KSELFTEST_WRAP) -o $@ $^

SUITES_VM += kernel-fuzz-ioctl:"$(FUZZ_IOCTL) --seconds 15"
SUITES += static-syzkaller:selftests/syzkaller/check.sh
