// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stddef.h>

#include <hvcal/common.h>

#define STR_(x) #x
#define STR(x) STR_(x)

uint32_t hvcal_version(void)
{
	return HVCAL_API_VERSION;
}

const char *hvcal_version_string(void)
{
	return STR(HVCAL_API_MAJOR) "." STR(HVCAL_API_MINOR) "." STR(HVCAL_API_PATCH);
}

/* One meaning each, as in uapi/hvcal.h. */
static const struct {
	int error;
	const char *text;
} meanings[] = {
	{ 0, "success" },
	{ EINVAL, "a value is not allowed here" },
	{ E2BIG, "a field is set that this version does not know, or data is too long" },
	{ EFAULT, "a pointer does not lead to memory" },
	{ ENOENT, "there is no such thing" },
	{ EACCES, "this user may not do that" },
	{ EPERM, "this user may not do that" },
	{ EBUSY, "in use" },
	{ EAGAIN, "not now: get packets, then try again" },
	{ ENOSPC, "admission refused: the engines do not have that much time left" },
	{ EUSERS, "this user has reached a limit" },
	{ ENOTCONN, "no engine can do this" },
	{ ENODEV, "the engine or the device is gone" },
	{ ENODATA, "end of stream" },
	{ ETIMEDOUT, "too late" },
	{ ECANCELED, "cancelled" },
	{ EXDEV, "the buffer is on a device that the engine cannot reach" },
	{ EMSGSIZE, "too small" },
	{ EPROTO, "the other side breaks the protocol" },
	{ EOPNOTSUPP, "known, but not available here" },
	{ ENOTTY, "unknown to this kernel module" },
	{ ENOMEM, "out of memory" },
	{ EMFILE, "too many open files in this process" },
	{ ENFILE, "too many open files in this system" },
	{ EBADF, "not an open file descriptor" },
	{ EIO, "the engine has failed" },
	{ EOVERFLOW, "a size is too large" },
	{ EINTR, "interrupted" },
};

const char *hvcal_strerror(int error)
{
	size_t i;

	if (error > 0)
		return error == 1 ? "a notice" : "not an error of libhvcal";
	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].error == -error)
			return meanings[i].text;
	return "unexpected error";
}
