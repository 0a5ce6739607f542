# SPDX-License-Identifier: MIT
# NVENC: headers only; the driver's libraries are opened when it runs.

NVENC_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard lib/engines/nvenc/*.c))

$(eval $(call engine-from-pkg,nvenc,ffnvcodec,libffmpeg-nvenc-dev))
LDLIBS_engine_nvenc += -ldl
$(foreach f,$(wildcard lib/engines/nvenc/*.c),\
	$(eval CFLAGS_$(f:.c=) := $(CFLAGS_lib/engines/nvenc)))

$(B)/lib/engines/hvcal-engine-nvenc.so: $(NVENC_OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic,-z,defs -o $@ $^ $(LDLIBS_engine_nvenc)
