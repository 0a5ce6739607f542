// SPDX-License-Identifier: MIT
/*
 * One code of NVENC may mean two things, and two codes the same. What callers
 * can act on is told apart here: no session left (another GPU, or software), no
 * memory (smaller, or later), device gone (open anew), busy (again).
 */
#include <errno.h>
#include <stdio.h>
#include <syslog.h>

#include "nvenc.h"

/* With this much left a session is not refused for want of memory. */
#define MEMORY_ENOUGH (256UL << 20)

/* Of CUDA, which dynlink_cuda.h does not name. */
#define CUDA_OUT_OF_MEMORY	2
#define CUDA_NO_DEVICE		100
#define CUDA_INVALID_DEVICE	101
#define CUDA_ECC		214
#define CUDA_PERMISSION		800
#define CUDA_UNSUPPORTED	801
#define CUDA_NOT_READY_YET	802
#define CUDA_DRIVER_MISMATCH	803

/* How code 10 is meant: NVENC has no code of its own for its session limit. */
static bool is_session_limit(const struct nvenc_failure *f)
{
	if (!f->opening)
		return false;
	return f->status == NV_ENC_ERR_INCOMPATIBLE_CLIENT_KEY ||
	       (f->status == NV_ENC_ERR_OUT_OF_MEMORY && f->memory_unused >= MEMORY_ENOUGH);
}

int nvenc_errno(const struct nvenc_failure *f)
{
	if (is_session_limit(f))
		return -ENOSPC;
	switch ((int)f->status) {
	case NV_ENC_SUCCESS:
		return 0;
	case NV_ENC_ERR_NO_ENCODE_DEVICE:
	case NV_ENC_ERR_UNSUPPORTED_DEVICE:
		return -EOPNOTSUPP;
	case NV_ENC_ERR_INVALID_ENCODERDEVICE:
	case NV_ENC_ERR_INVALID_DEVICE:
	case NV_ENC_ERR_DEVICE_NOT_EXIST:
		return -ENODEV;
	case NV_ENC_ERR_INVALID_PARAM:
	case NV_ENC_ERR_UNSUPPORTED_PARAM:
		return -EINVAL;
	case NV_ENC_ERR_OUT_OF_MEMORY:
		return -ENOMEM;
	case NV_ENC_ERR_LOCK_BUSY:
	case NV_ENC_ERR_ENCODER_BUSY:
		return -EBUSY;
	case NV_ENC_ERR_NOT_ENOUGH_BUFFER:
		return -ENOBUFS;
	case NV_ENC_ERR_INVALID_VERSION:
		return -ELIBSCN;
	case NV_ENC_ERR_INCOMPATIBLE_CLIENT_KEY:
		return -EACCES;
	case NV_ENC_ERR_UNIMPLEMENTED:
		return -ENOSYS;
	case NV_ENC_ERR_NEED_MORE_INPUT:
		return -EAGAIN;
	case NV_ENC_ERR_MAP_FAILED:
	case NV_ENC_ERR_RESOURCE_REGISTER_FAILED:
		return -EFAULT;
	case NV_ENC_ERR_INVALID_PTR:
	case NV_ENC_ERR_INVALID_EVENT:
	case NV_ENC_ERR_INVALID_CALL:
	case NV_ENC_ERR_ENCODER_NOT_INITIALIZED:
	case NV_ENC_ERR_EVENT_NOT_REGISTERD:
	case NV_ENC_ERR_RESOURCE_NOT_REGISTERED:
	case NV_ENC_ERR_RESOURCE_NOT_MAPPED:
		return -EPROTO;
	default:
		return -EIO;
	}
}

const char *nvenc_meaning(const struct nvenc_failure *f)
{
	if (is_session_limit(f))
		return "the driver's limit of encode sessions is reached; close one, or use another engine";
	switch (nvenc_errno(f)) {
	case 0:
		return "fine";
	case -EOPNOTSUPP:
		return "this GPU has no video encoder";
	case -ENODEV:
		return "the GPU is gone; its streams must be opened anew";
	case -EINVAL:
		return "NVENC does not take these parameters";
	case -ENOMEM:
		return "the GPU is out of memory";
	case -EBUSY:
		return "the encoder stays busy";
	case -ENOBUFS:
		return "the packet is larger than NVENC's buffer for it";
	case -ELIBSCN:
		return "the driver does not know this version of the interface";
	case -EACCES:
		return "the driver refuses the client's key";
	case -ENOSYS:
		return "this driver does not implement it";
	case -EAGAIN:
		return "NVENC wants more pictures first";
	case -EFAULT:
		return "NVENC cannot reach the memory of the picture";
	case -EPROTO:
		return "NVENC was called wrongly; this is a bug of hvcal-engine-nvenc.so";
	default:
		return "NVENC failed and does not say why";
	}
}

const char *nvenc_status_name(NVENCSTATUS status)
{
	static const char *const names[] = {
#define NAME(what) [NV_ENC_##what] = "NV_ENC_" #what
		NAME(SUCCESS), NAME(ERR_NO_ENCODE_DEVICE), NAME(ERR_UNSUPPORTED_DEVICE),
		NAME(ERR_INVALID_ENCODERDEVICE), NAME(ERR_INVALID_DEVICE),
		NAME(ERR_DEVICE_NOT_EXIST), NAME(ERR_INVALID_PTR), NAME(ERR_INVALID_EVENT),
		NAME(ERR_INVALID_PARAM), NAME(ERR_INVALID_CALL), NAME(ERR_OUT_OF_MEMORY),
		NAME(ERR_ENCODER_NOT_INITIALIZED), NAME(ERR_UNSUPPORTED_PARAM),
		NAME(ERR_LOCK_BUSY), NAME(ERR_NOT_ENOUGH_BUFFER), NAME(ERR_INVALID_VERSION),
		NAME(ERR_MAP_FAILED), NAME(ERR_NEED_MORE_INPUT), NAME(ERR_ENCODER_BUSY),
		NAME(ERR_EVENT_NOT_REGISTERD), NAME(ERR_GENERIC),
		NAME(ERR_INCOMPATIBLE_CLIENT_KEY), NAME(ERR_UNIMPLEMENTED),
		NAME(ERR_RESOURCE_REGISTER_FAILED), NAME(ERR_RESOURCE_NOT_REGISTERED),
		NAME(ERR_RESOURCE_NOT_MAPPED),
#undef NAME
	};

	if ((unsigned int)status < sizeof(names) / sizeof(names[0]) && names[status])
		return names[status];
	return "an error that is newer than this plug-in";
}

int nvenc_cuda_errno(CUresult result)
{
	switch ((int)result) {
	case CUDA_SUCCESS:
		return 0;
	case CUDA_OUT_OF_MEMORY:
		return -ENOMEM;
	case CUDA_NO_DEVICE:
	case CUDA_INVALID_DEVICE:
	case CUDA_ECC:
		return -ENODEV;
	case CUDA_PERMISSION:
		return -EACCES;
	case CUDA_UNSUPPORTED:
		return -EOPNOTSUPP;
	case CUDA_NOT_READY_YET:
		return -EBUSY;
	case CUDA_DRIVER_MISMATCH:
		return -ELIBSCN;
	default:
		return -EIO;
	}
}

void nvenc_log(const struct hvcal_engine_ctx *c, int level, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!c->host->log)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->host->log(c->host->cookie, level, line);
}

int nvenc_fail(struct hvcal_engine_ctx *c, const char *call, NVENCSTATUS status, bool opening)
{
	struct nvenc_failure f = { .status = status, .opening = opening };
	int ret;

	if (status == NV_ENC_ERR_OUT_OF_MEMORY)
		f.memory_unused = nvenc_cuda_unused(c);
	ret = nvenc_errno(&f);
	/* one line for a lost device, not one for each of its frames */
	if (ret != -ENODEV || !atomic_exchange(&c->lost, true))
		nvenc_log(c, ret == -ENOSPC ? LOG_NOTICE : LOG_ERR,
			  "nvenc: %s on %s: %s (%s, %d)", call, c->name, nvenc_meaning(&f),
			  nvenc_status_name(status), (int)status);
	return ret;
}

int nvenc_cuda_fail(struct hvcal_engine_ctx *c, const char *call, CUresult result)
{
	const char *name = NULL;
	int ret = nvenc_cuda_errno(result);

	c->lib.cu.cuGetErrorName(result, &name);
	if (ret != -ENODEV || !atomic_exchange(&c->lost, true))
		nvenc_log(c, LOG_ERR, "nvenc: %s on %s: %s (%d)", call, c->name,
			  name ? name : "unknown error of CUDA", (int)result);
	return ret;
}
