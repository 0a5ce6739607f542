# SPDX-License-Identifier: MIT
# The engine for stateful encoders of V4L2 needs the kernel's headers alone.

ENGINES += v4l2
$(B)/lib/engines/hvcal-engine-v4l2.so: $(patsubst %.c,$(B)/%.o,$(wildcard lib/engines/v4l2/*.c))
LDLIBS_engine_v4l2 := -pthread
