# SPDX-License-Identifier: MIT
# The VA-API engine, of several files.

$(eval $(call engine-from-pkg,vaapi,libva libva-drm,libva-dev))

VAAPI_SRCS := $(wildcard lib/engines/vaapi/*.c)
$(foreach f,$(VAAPI_SRCS),$(eval CFLAGS_$(f:.c=) := $(CFLAGS_lib/engines/vaapi)))

$(B)/lib/engines/hvcal-engine-vaapi.so: $(VAAPI_SRCS:%.c=$(B)/%.o)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic,-z,defs \
		-o $@ $^ $(LDLIBS_engine_vaapi) -lm -pthread

# has no hardware to run on here: selftests/vaapi.mk brings a driver
CONFORMANCE_ELSEWHERE += vaapi
