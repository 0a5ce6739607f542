// SPDX-License-Identifier: MIT
/* What the driver says, as errno and in words. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "vaapi.h"

static const struct {
	VAStatus status;
	int error;
	const char *reason;
} table[] = {
	{ VA_STATUS_ERROR_ALLOCATION_FAILED, ENOMEM, "the GPU or the machine is out of memory" },
	{ VA_STATUS_ERROR_NOT_ENOUGH_BUFFER, ENOBUFS, "the coded picture does not fit its buffer" },
	{ VA_STATUS_ERROR_MAX_NUM_EXCEEDED, EBUSY, "the driver takes no more streams" },
	{ VA_STATUS_ERROR_HW_BUSY, EAGAIN, "the encoder is busy" },
	{ VA_STATUS_ERROR_SURFACE_BUSY, EAGAIN, "the surface is in use" },
	{ VA_STATUS_ERROR_TIMEDOUT, ETIMEDOUT, "the encoder does not finish (does it hang?)" },
	{ VA_STATUS_ERROR_INVALID_DISPLAY, ENODEV, "the device is gone" },
	{ VA_STATUS_ERROR_ENCODING_ERROR, EIO, "the encoder failed (was the GPU reset?)" },
	{ VA_STATUS_ERROR_DECODING_ERROR, EIO, "the engine failed (was the GPU reset?)" },
	{ VA_STATUS_ERROR_OPERATION_FAILED, EIO, "the driver failed (was the GPU reset?)" },
	{ VA_STATUS_ERROR_UNSUPPORTED_PROFILE, EOPNOTSUPP, "the driver does not know the profile" },
	{ VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT, EOPNOTSUPP,
	  "the driver does not encode this profile" },
	{ VA_STATUS_ERROR_UNSUPPORTED_RT_FORMAT, EOPNOTSUPP,
	  "the driver does not encode this pixel format" },
	{ VA_STATUS_ERROR_UNSUPPORTED_BUFFERTYPE, EOPNOTSUPP,
	  "the driver does not take one of the parameters" },
	{ VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE, EOPNOTSUPP,
	  "the driver does not import this memory" },
	{ VA_STATUS_ERROR_INVALID_IMAGE_FORMAT, EOPNOTSUPP,
	  "the driver does not take this pixel format" },
	{ VA_STATUS_ERROR_ATTR_NOT_SUPPORTED, EOPNOTSUPP, "the driver lacks an attribute" },
	{ VA_STATUS_ERROR_FLAG_NOT_SUPPORTED, EOPNOTSUPP, "the driver lacks a flag" },
	{ VA_STATUS_ERROR_UNIMPLEMENTED, EOPNOTSUPP, "the driver has no such call" },
	{ VA_STATUS_ERROR_RESOLUTION_NOT_SUPPORTED, EINVAL,
	  "the driver does not encode pictures of this size" },
	{ VA_STATUS_ERROR_INVALID_CONFIG, EINVAL, "the driver does not take the configuration" },
	{ VA_STATUS_ERROR_INVALID_CONTEXT, EIO, "the driver has lost the context" },
	{ VA_STATUS_ERROR_INVALID_SURFACE, EINVAL, "the driver does not take the surface" },
	{ VA_STATUS_ERROR_INVALID_BUFFER, EINVAL, "the driver does not take a buffer" },
	{ VA_STATUS_ERROR_INVALID_IMAGE, EINVAL, "the driver does not take the image" },
	{ VA_STATUS_ERROR_INVALID_PARAMETER, EINVAL, "the driver does not take a parameter" },
	{ VA_STATUS_ERROR_INVALID_VALUE, EINVAL, "the driver does not take a value" },
};

int vaapi_errno(VAStatus status)
{
	if (status == VA_STATUS_SUCCESS)
		return 0;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].status == status)
			return -table[i].error;
	return -EIO;
}

const char *vaapi_reason(VAStatus status)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].status == status)
			return table[i].reason;
	return "the driver fails for a reason of its own";
}

void vaapi_log(struct hvcal_engine_ctx *ctx, int level, const char *format, ...)
{
	char line[256];
	va_list args;
	int at = snprintf(line, sizeof(line), "vaapi %s: ", ctx->node);

	if (at < 0 || (size_t)at >= sizeof(line))
		return;
	va_start(args, format);
	vsnprintf(line + at, sizeof(line) - (size_t)at, format, args);
	va_end(args);
	ctx->host->log(ctx->host->cookie, level, line);
}

int vaapi_failed(struct hvcal_engine_ctx *ctx, const char *what, VAStatus status)
{
	vaapi_log(ctx, LOG_ERR, "%s: %s (VA status %#x)", what, vaapi_reason(status),
		  (unsigned int)status);
	return vaapi_errno(status);
}
