# SPDX-License-Identifier: MIT
# The engine for stateful encoders of V4L2 needs the kernel's headers alone.

ENGINES += v4l2
V4L2_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard lib/engines/v4l2/*.c))

$(B)/lib/engines/hvcal-engine-v4l2.so: $(V4L2_OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic,-z,defs -o $@ $^ -pthread
