// SPDX-License-Identifier: MIT
/* The driver's libraries, which are there or not. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nvenc.h"

#define LIB_CUDA "libcuda.so.1"
#define LIB_ENCODE "libnvidia-encode.so.1"
/* NODELETE: these libraries keep threads and thread data, unloading is not for them */
#define OPEN_FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)

typedef NVENCSTATUS(NVENCAPI * max_version_fn)(uint32_t *version);
typedef NVENCSTATUS(NVENCAPI * create_fn)(NV_ENCODE_API_FUNCTION_LIST *list);

void nvenc_say(const struct nvenc_reason *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->text, r->len, fmt, ap);
	va_end(ap);
}

/* Is it missing, or there and broken? The loader's text tells. */
static int refuse_library(const char *name, const char *missing, const struct nvenc_reason *r)
{
	const char *text = dlerror();

	/* it may also be a library that this one needs */
	if (text && !strncmp(text, name, strlen(name)) &&
	    strstr(text, "cannot open shared object file")) {
		nvenc_say(r, "%s is not installed: %s", name, missing);
		return -ELIBACC;
	}
	nvenc_say(r, "%s cannot be loaded: %s", name, text ? text : "no reason given");
	return -ELIBBAD;
}

static void close_library(void **handle)
{
	if (*handle)
		dlclose(*handle);
	*handle = NULL;
}

int nvenc_load_cuda(struct nvenc_lib *lib, const struct nvenc_reason *r)
{
	const char *lacks = NULL;
	const char *path = lib->cuda_path ? lib->cuda_path : LIB_CUDA;

	lib->cuda_handle = dlopen(path, OPEN_FLAGS);
	if (!lib->cuda_handle)
		return refuse_library(path, "there is no NVIDIA driver here", r);
	/* versioned names are macros of neither header: what is written is looked up */
#define FIND(name) \
	do { \
		void *at = dlsym(lib->cuda_handle, #name); \
		if (!at) \
			lacks = #name; \
		memcpy(&lib->cu.name, &at, sizeof(at)); \
	} while (0);
	NVENC_CUDA_FUNCTIONS(FIND)
#undef FIND
	if (!lacks)
		return 0;
	nvenc_say(r, "the NVIDIA driver is too old: its " LIB_CUDA " has no %s; 470 or later is needed",
		  lacks);
	close_library(&lib->cuda_handle);
	return -ELIBSCN;
}

/* Drivers keep all older versions of the interface, so newer ones do. */
static int negotiate(struct nvenc_lib *lib, const struct nvenc_reason *r)
{
	const uint32_t driver = lib->driver_api, needed = nvenc_versions_oldest();

	lib->versions = nvenc_versions_for(driver);
	if (lib->versions)
		return 0;
	nvenc_say(r, "the NVIDIA driver is too old: it speaks NVENC API %u.%u, this plug-in needs %u.%u; install a newer driver%s",
		  driver >> 4, driver & 15, needed >> 4, needed & 15,
		  needed > NVENC_VERSION(11, 1) ? ", or build the plug-in with older headers" : "");
	return -ELIBSCN;
}

static int load_functions(struct nvenc_lib *lib, const struct nvenc_reason *r)
{
	void *version_at = dlsym(lib->encode_handle, "NvEncodeAPIGetMaxSupportedVersion");
	void *create_at = dlsym(lib->encode_handle, "NvEncodeAPICreateInstance");
	max_version_fn max_version;
	create_fn create;
	NVENCSTATUS status;
	int ret;

	if (!version_at || !create_at) {
		nvenc_say(r, "%s lacks its entry points: it is no NVENC library", LIB_ENCODE);
		return -ELIBBAD;
	}
	memcpy(&max_version, &version_at, sizeof(max_version));
	memcpy(&create, &create_at, sizeof(create));
	status = max_version(&lib->driver_api);
	if (status != NV_ENC_SUCCESS) {
		nvenc_say(r, "the NVIDIA driver does not tell its NVENC version: %s",
			  nvenc_status_name(status));
		return -EIO;
	}
	ret = negotiate(lib, r);
	if (ret)
		return ret;
	memset(&lib->api, 0, sizeof(lib->api));
	lib->api.version = lib->versions->functions;
	status = create(&lib->api);
	if (status == NV_ENC_SUCCESS)
		return 0;
	nvenc_say(r, "the NVIDIA driver gives no NVENC interface: %s", nvenc_status_name(status));
	return status == NV_ENC_ERR_INVALID_VERSION ? -ELIBSCN : -EIO;
}

int nvenc_load_encode(struct nvenc_lib *lib, const struct nvenc_reason *r)
{
	const char *path = lib->encode_path ? lib->encode_path : LIB_ENCODE;
	int ret;

	lib->encode_handle = dlopen(path, OPEN_FLAGS);
	if (!lib->encode_handle)
		return refuse_library(path,
				      "install the driver's encode library; containers need the driver capability \"video\"",
				      r);
	ret = load_functions(lib, r);
	if (ret)
		close_library(&lib->encode_handle);
	return ret;
}

void nvenc_unload(struct nvenc_lib *lib)
{
	close_library(&lib->encode_handle);
	close_library(&lib->cuda_handle);
}
