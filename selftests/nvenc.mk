# SPDX-License-Identifier: MIT
# The nvenc plug-in without a GPU: on a libcuda and a libnvidia-encode of our own.

ifneq ($(filter nvenc,$(ENGINES)),)
# For machines with the driver: the report, and what compiles it there.
HWPROBE := $(B)/selftests/nvenc/hwprobe
ALL += $(HWPROBE)
CFLAGS_selftests/nvenc/hwprobe := $(CFLAGS_lib/engines/nvenc)
$(HWPROBE): $(HWPROBE).o $(NVENC_OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ldl

## hw-nvenc: what selftests/nvenc/hw-nvenc needs on a machine with NVIDIA's driver
.PHONY: hw-nvenc
hw-nvenc: $(HWPROBE)
	@mkdir -p $(B)/selftests/nvenc/include
	@cp -r $(NVENC_INCLUDE)/ffnvcodec \
		$(B)/selftests/nvenc/include/
	@echo "there: selftests/nvenc/hw-nvenc $(B); bring $(B)/selftests/nvenc"

ifeq ($(shell pkg-config --exists x264 x265 aom && echo yes),yes)
STUB_DIR := $(B)/selftests/nvenc
STUB_CUDA := $(STUB_DIR)/libcuda.so.1
STUB_ENCODE := $(STUB_DIR)/libnvidia-encode.so.1
STUB_OPTIONS := nvenc.libcuda=$(STUB_CUDA),nvenc.libencode=$(STUB_ENCODE)
STUB_CODECS := $(patsubst %,$(STUB_DIR)/%.o,stub_codec stub_av1 stub_mode)
# those with the headers of NVENC in them
STUB_PARTS := stub_encode stub_config stub_picture stub_state
STUB_LIBS := $(shell pkg-config --libs x264 x265 aom) -lm
ALL += $(STUB_CUDA) $(STUB_ENCODE)

# In conformance-nvenc; without the stub it would skip.
CONFORMANCE_ARGS_nvenc := --option $(STUB_OPTIONS)

# Pictures in "CUDA" memory through the module, in the process that has them
VM_PRIVATE := $(STUB_DIR)/vm_private
ALL += $(VM_PRIVATE)
CFLAGS_selftests/nvenc/vm_private := $(CFLAGS_lib/engines/nvenc)
$(VM_PRIVATE): $(VM_PRIVATE).o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBHVCAL_LIBS)
SUITES_VM += lib-private:"$(VM_PRIVATE) $(B)/lib/engines $(STUB_DIR)"

NVENC_TESTED := $(STUB_PARTS) stub_cuda test_nvenc_device vm_private
$(foreach f,$(NVENC_TESTED),$(eval CFLAGS_selftests/nvenc/$(f) := $(CFLAGS_lib/engines/nvenc)))
$(patsubst %,$(STUB_DIR)/%.o,$(NVENC_TESTED) hwprobe): $(B)/.nvenc-include
CFLAGS_selftests/nvenc/stub_codec := $(shell pkg-config --cflags x264 x265)
CFLAGS_selftests/nvenc/stub_av1 := $(shell pkg-config --cflags aom)

$(STUB_CUDA): $(STUB_DIR)/stub_cuda.o $(STUB_DIR)/stub_mode.o
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic,-soname,libcuda.so.1 -o $@ $^

# As the driver's: it needs libcuda, and finds the one that is loaded already.
link-stub = $(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic,-soname,libnvidia-encode.so.1 \
	-Wl,-rpath,'$$ORIGIN' -o $@ $^ $(STUB_LIBS)
$(STUB_ENCODE): $(STUB_PARTS:%=$(STUB_DIR)/%.o) $(STUB_CODECS) $(STUB_CUDA)
	$(link-stub)

# An older driver and an older plug-in, of the headers that this machine has itself.
NVENC_OLD_INCLUDE := $(filter-out $(NVENC_INCLUDE),$(shell pkg-config --silence-errors \
	--variable=includedir ffnvcodec))
ifneq ($(NVENC_OLD_INCLUDE),)
OLD_DIR := $(STUB_DIR)/old
OLD_ENCODE := $(OLD_DIR)/libnvidia-encode.so.1
OLD_ENGINE := $(OLD_DIR)/engines/hvcal-engine-nvenc.so
ALL += $(OLD_DIR)/libcuda.so.1 $(OLD_ENCODE) $(OLD_ENGINE)

$(OLD_DIR)/%.o: %.c $(B)/.nvenc-include
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -I$(NVENC_OLD_INCLUDE) -MMD -MP -c -o $@ $<

$(OLD_DIR)/libcuda.so.1: $(STUB_CUDA)
	@mkdir -p $(@D)
	cp $< $@

$(OLD_ENCODE): $(STUB_PARTS:%=$(OLD_DIR)/selftests/nvenc/%.o) $(STUB_CODECS) \
		$(OLD_DIR)/libcuda.so.1
	$(link-stub)

$(OLD_ENGINE): $(patsubst %.c,$(OLD_DIR)/%.o,$(wildcard lib/engines/nvenc/*.c))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic,-z,defs -o $@ $^ $(LDLIBS_engine_nvenc)
endif

# The report, where it can work and where it cannot
SUITES += unit-nvenc-report:"selftests/nvenc/report $(HWPROBE) $(STUB_DIR)"

# On the host of the conformance tests, each mode of the stub
ifeq ($(shell pkg-config --exists cmocka && echo yes),yes)
TEST_NVENC := $(B)/selftests/nvenc/test_nvenc
ALL += $(TEST_NVENC)
TEST_NVENC_RUN := env CMOCKA_MESSAGE_OUTPUT=TAP $(TEST_NVENC)
SUITES += unit-nvenc:"$(TEST_NVENC_RUN) $(B)/lib/engines $(STUB_DIR)"
ifneq ($(NVENC_OLD_INCLUDE),)
SUITES += unit-nvenc-old-driver:"$(TEST_NVENC_RUN) $(B)/lib/engines $(OLD_DIR)"
SUITES += unit-nvenc-old:"$(TEST_NVENC_RUN) $(OLD_DIR)/engines $(OLD_DIR)"
endif

$(foreach f,test_nvenc test_nvenc_open test_nvenc_work test_nvenc_loss test_nvenc_device \
	test_nvenc_av1,\
	$(eval CPPFLAGS_selftests/nvenc/$(f) := -Ilib/src))

$(TEST_NVENC): $(addprefix $(TEST_NVENC),.o _open.o _work.o _loss.o _device.o _av1.o) \
		$(CONFORMANCE_PARTS) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(CONFORMANCE_LIBS) $(LIBHVCAL_LIBS)
endif
endif
endif
