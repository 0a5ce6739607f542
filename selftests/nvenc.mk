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
	@cp -r $(shell pkg-config --variable=includedir ffnvcodec)/ffnvcodec \
		$(B)/selftests/nvenc/include/
	@echo "there: selftests/nvenc/hw-nvenc $(B); bring $(B)/selftests/nvenc"

ifeq ($(shell pkg-config --exists x264 x265 && echo yes),yes)
STUB_CUDA := $(B)/selftests/nvenc/libcuda.so.1
STUB_ENCODE := $(B)/selftests/nvenc/libnvidia-encode.so.1
STUB_OPTIONS := nvenc.libcuda=$(STUB_CUDA),nvenc.libencode=$(STUB_ENCODE)
NVENC_STUB_OBJS := $(addprefix $(B)/selftests/nvenc/,stub_encode.o stub_picture.o \
	stub_state.o stub_codec.o stub_mode.o)
ALL += $(STUB_CUDA) $(STUB_ENCODE)

# In conformance-nvenc; without the stub it would skip.
CONFORMANCE_ARGS_nvenc := --option $(STUB_OPTIONS)

# Pictures in "CUDA" memory through the module, in the process that has them
VM_PRIVATE := $(B)/selftests/nvenc/vm_private
ALL += $(VM_PRIVATE)
CFLAGS_selftests/nvenc/vm_private := $(CFLAGS_lib/engines/nvenc)
$(VM_PRIVATE): $(VM_PRIVATE).o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBHVCAL_LIBS)
SUITES_VM += lib-private:"$(VM_PRIVATE) $(B)/lib/engines $(B)/selftests/nvenc"

$(foreach f,stub_encode stub_picture stub_state stub_cuda test_nvenc_device,\
	$(eval CFLAGS_selftests/nvenc/$(f) := $(CFLAGS_lib/engines/nvenc)))
CFLAGS_selftests/nvenc/stub_codec := $(shell pkg-config --cflags x264 x265)

$(STUB_CUDA): $(B)/selftests/nvenc/stub_cuda.o $(B)/selftests/nvenc/stub_mode.o
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic,-soname,libcuda.so.1 -o $@ $^

# As the driver's: it needs libcuda, and finds the one that is loaded already.
$(STUB_ENCODE): $(NVENC_STUB_OBJS) $(STUB_CUDA)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic,-soname,libnvidia-encode.so.1 \
		-Wl,-rpath,'$$ORIGIN' -o $@ $^ $(shell pkg-config --libs x264 x265) -lm

# The report, where it can work and where it cannot
SUITES += unit-nvenc-report:"selftests/nvenc/report $(HWPROBE) $(B)/selftests/nvenc"

# On the host of the conformance tests, each mode of the stub
ifeq ($(shell pkg-config --exists cmocka && echo yes),yes)
TEST_NVENC := $(B)/selftests/nvenc/test_nvenc
ALL += $(TEST_NVENC)
SUITES += unit-nvenc:"env CMOCKA_MESSAGE_OUTPUT=TAP $(TEST_NVENC) $(B)/lib/engines $(B)/selftests/nvenc"

$(foreach f,test_nvenc test_nvenc_open test_nvenc_work test_nvenc_device,\
	$(eval CPPFLAGS_selftests/nvenc/$(f) := -Ilib/src))

$(TEST_NVENC): $(addprefix $(TEST_NVENC),.o _open.o _work.o _device.o) \
		$(CONFORMANCE_PARTS) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(CONFORMANCE_LIBS) $(LIBHVCAL_LIBS)
endif
endif
endif
