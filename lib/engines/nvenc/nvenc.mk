# SPDX-License-Identifier: MIT
# NVENC: headers only; the driver's libraries are opened when it runs.

NVENC_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard lib/engines/nvenc/*.c))

# The folder that ffnvcodec is in; NVENC_INCLUDE=FOLDER takes another one.
NVENC_INCLUDE := $(shell tools/nvenc-headers)
# $(call nvenc-knows-av1,FOLDER)
nvenc-knows-av1 = $(shell grep -qs NV_ENC_CODEC_AV1_GUID $1/ffnvcodec/nvEncodeAPI.h && echo yes)

## nvenc-headers: fetches headers that know AV1, if this machine has none; nothing is installed
.PHONY: nvenc-headers
nvenc-headers:
	@tools/nvenc-headers --fetch

ifneq ($(NVENC_INCLUDE),)
ENGINES += nvenc
LDLIBS_engine_nvenc := -ldl
ifeq ($(call nvenc-knows-av1,$(NVENC_INCLUDE)),)
$(info engine nvenc: without AV1, these headers are too old; `make nvenc-headers` fetches newer ones)
endif
CFLAGS_lib/engines/nvenc := $(if $(filter-out /usr/include,$(NVENC_INCLUDE)),-I$(NVENC_INCLUDE))
$(foreach f,$(wildcard lib/engines/nvenc/*.c),\
	$(eval CFLAGS_$(f:.c=) := $(CFLAGS_lib/engines/nvenc)))

# Other headers: compiled anew.
$(B)/.nvenc-include: FORCE
	@mkdir -p $(@D)
	@echo '$(NVENC_INCLUDE)' | cmp -s - $@ || echo '$(NVENC_INCLUDE)' > $@

$(NVENC_OBJS): $(B)/.nvenc-include

$(B)/lib/engines/hvcal-engine-nvenc.so: $(NVENC_OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic,-z,defs -o $@ $^ $(LDLIBS_engine_nvenc)
else
ENGINES_LEFT_OUT += nvenc
$(info engine nvenc: not built, libffmpeg-nvenc-dev missing)
endif
