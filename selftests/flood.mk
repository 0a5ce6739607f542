# SPDX-License-Identifier: MIT
# What a client that floods does to others. A bench, not a part of check.

FLOOD := $(B)/selftests/flood/bench-flood
FLOOD_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard selftests/flood/*.c)) \
	$(addprefix $(B)/selftests/kselftest/lib/,client.o dmabuf.o node.o provider.o scale.o state.o storm.o)

ALL += $(FLOOD)
$(FLOOD): $(FLOOD_OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) $(KSELFTEST_WRAP) -o $@ $^

## bench-flood: a real-time stream beside clients of another user that flood; FLOOD_OPTIONS
BENCHES += bench-flood
.PHONY: bench-flood
bench-flood: all
	@mkdir -p $(B)/bench; ko=$$(tools/kernel/module uml 2>/dev/null | tail -n 1); \
	tools/uml/hvcal-uml --module "$$ko" --env KS_SCALE=4 --rw $(B)/bench -- \
		$(FLOOD) --json $(B)/bench/flood.json $(FLOOD_OPTIONS)
