// SPDX-License-Identifier: MIT
/*
 * The system calls of a worker. What is not listed does not happen: it fails with
 * EPERM and is logged once, so that a library that can do without goes on. What no
 * encoder asks for in good faith ends the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include "hvcald.h"
#include "sandbox.h"

#define NAMES 512	/* system calls whose name the log has */

#define CALL(name) SCMP_SYS(name)

static const int allowed[] = {
	/* memory */
	CALL(brk), CALL(mmap), CALL(munmap), CALL(mremap), CALL(mprotect), CALL(madvise),
	CALL(msync), CALL(mincore), CALL(mlock), CALL(mlock2), CALL(munlock), CALL(mlockall),
	CALL(munlockall), CALL(membarrier), CALL(memfd_create), CALL(mbind),
	CALL(get_mempolicy), CALL(set_mempolicy), CALL(pkey_alloc), CALL(pkey_mprotect),
	CALL(pkey_free),
	/* threads */
	CALL(futex), CALL(futex_waitv), CALL(set_robust_list), CALL(get_robust_list), CALL(rseq),
	CALL(set_tid_address), CALL(gettid), CALL(getpid), CALL(getppid), CALL(arch_prctl),
	CALL(exit), CALL(exit_group), CALL(sched_yield), CALL(sched_getaffinity),
	CALL(sched_setaffinity), CALL(sched_getscheduler), CALL(sched_getparam),
	CALL(sched_get_priority_max), CALL(sched_get_priority_min), CALL(getpriority),
	CALL(getcpu), CALL(restart_syscall),
	/* signals */
	CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(rt_sigpending),
	CALL(rt_sigtimedwait), CALL(rt_sigsuspend), CALL(sigaltstack), CALL(signalfd4),
	CALL(pause), CALL(alarm),
	/* time */
	CALL(clock_gettime), CALL(clock_getres), CALL(clock_nanosleep), CALL(nanosleep),
	CALL(gettimeofday), CALL(time), CALL(times), CALL(timer_create), CALL(timer_settime),
	CALL(timer_gettime), CALL(timer_getoverrun), CALL(timer_delete), CALL(timerfd_create),
	CALL(timerfd_settime), CALL(timerfd_gettime), CALL(setitimer), CALL(getitimer),
	/* open files */
	CALL(read), CALL(readv), CALL(pread64), CALL(preadv), CALL(write), CALL(writev),
	CALL(pwrite64), CALL(lseek), CALL(close), CALL(close_range), CALL(fstat), CALL(statx),
	CALL(newfstatat), CALL(stat), CALL(lstat), CALL(statfs), CALL(fstatfs), CALL(access),
	CALL(faccessat), CALL(faccessat2), CALL(readlink), CALL(readlinkat), CALL(getdents64),
	CALL(getcwd), CALL(fcntl), CALL(flock), CALL(dup), CALL(dup2), CALL(dup3), CALL(pipe),
	CALL(pipe2), CALL(eventfd2), CALL(ftruncate), CALL(fallocate), CALL(fadvise64),
	CALL(fsync), CALL(fdatasync), CALL(umask),
	/* waiting */
	CALL(poll), CALL(ppoll), CALL(select), CALL(pselect6), CALL(epoll_create),
	CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait),
	CALL(epoll_pwait2), CALL(wait4), CALL(waitid),
	/* who and where */
	CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid), CALL(getresuid),
	CALL(getresgid), CALL(getgroups), CALL(capget), CALL(uname), CALL(sysinfo),
	CALL(getrandom), CALL(getrlimit), CALL(getrusage),
	/* Mesa asks whether two descriptors are one GPU */
	CALL(kcmp),
};

/* First bytes of the numbers of an ioctl; terminals are not among them. */
static const unsigned char ioctl_types[] = {
	0xE7,	/* HVCAL */
	'd',	/* DRM: amdgpu, i915, xe, nouveau */
	'F',	/* NVIDIA, control and GPU nodes */
	'm',	/* NVIDIA, modeset */
	0x00,	/* NVIDIA, unified memory: plain numbers */
	'K',	/* AMD, compute */
	'V',	/* V4L2 */
	'|',	/* media controller */
	'b',	/* DMA-BUF */
	'>',	/* sync_file */
	'H',	/* DMA heaps */
	'u',	/* udmabuf */
};

/* About threads and names; nothing that gives or takes rights. */
static const int prctls[] = {
	PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_DUMPABLE, PR_SET_TIMERSLACK,
	PR_GET_TIMERSLACK, PR_CAPBSET_READ,
};

/* Nobody asks for these by mistake. */
static const int deadly[] = {
	CALL(execve), CALL(execveat), CALL(ptrace), CALL(process_vm_readv),
	CALL(process_vm_writev), CALL(pidfd_getfd), CALL(bpf), CALL(perf_event_open),
	CALL(userfaultfd), CALL(init_module), CALL(finit_module), CALL(delete_module),
	CALL(kexec_load), CALL(mount), CALL(umount2), CALL(pivot_root), CALL(chroot),
	CALL(unshare), CALL(setns), CALL(keyctl), CALL(add_key), CALL(request_key),
	CALL(setuid), CALL(setgid), CALL(setresuid), CALL(setresgid), CALL(setgroups),
};

/* A signal handler has no argument of its own. Written before the filter is loaded. */
static struct {
	const char *engine;
	const char *names[NAMES];
	atomic_bool told[NAMES];
} log_state;

static bool is_deadly(int nr)
{
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		if (deadly[i] == nr)
			return true;
	return false;
}

/* As hvcald_say(), of what may be called in a signal handler. */
static void tell(int nr, bool kill)
{
	bool known = nr >= 0 && nr < NAMES;
	const char *const parts[] = {
		"hvcald: engine ", log_state.engine, ": system call ",
		known && log_state.names[nr] ? log_state.names[nr] : "(unknown)",
		kill ? " is not allowed: killed\n" : " is not allowed: refused\n",
	};
	char line[160];
	size_t used = 0;
	ssize_t unheard;

	if (known && atomic_exchange(&log_state.told[nr], true))
		return;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (const char *at = parts[i]; *at && used < sizeof(line); at++)
			line[used++] = *at;
	unheard = write(STDERR_FILENO, line, used);
	(void)unheard;
}

/* What the system call that was stopped returns; false: not known how here. */
static bool set_return(ucontext_t *context, long value)
{
#if defined(__x86_64__)
	context->uc_mcontext.gregs[REG_RAX] = value;
	return true;
#elif defined(__aarch64__)
	context->uc_mcontext.regs[0] = value;
	return true;
#else
	(void)context;
	(void)value;
	return false;
#endif
}

static void stopped(int sig, siginfo_t *info, void *context)
{
	bool kill = is_deadly(info->si_syscall) || !set_return(context, -EPERM);

	tell(info->si_syscall, kill);
	if (!kill)
		return;
	signal(sig, SIG_DFL);
	raise(sig);
}

static int allow_with(scmp_filter_ctx f, int nr, struct scmp_arg_cmp cmp)
{
	return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, nr, 1, &cmp);
}

static int add_lists(scmp_filter_ctx f)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		ret = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; !ret && i < sizeof(prctls) / sizeof(prctls[0]); i++)
		ret = allow_with(f, CALL(prctl), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)prctls[i]));
	for (size_t i = 0; !ret && i < sizeof(ioctl_types); i++)
		ret = allow_with(f, CALL(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00,
							 (scmp_datum_t)ioctl_types[i] << 8));
	return ret;
}

/* Those that depend on what is asked for. */
static int add_special(scmp_filter_ctx f)
{
	const scmp_datum_t clone_seen = CLONE_THREAD | CLONE_NEWNS | CLONE_NEWCGROUP |
		CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	const scmp_datum_t creates = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
	struct scmp_arg_cmp own_limits[] = { SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0) };
	struct scmp_arg_cmp own_nice[] = { SCMP_A0(SCMP_CMP_EQ, PRIO_PROCESS),
					   SCMP_A1(SCMP_CMP_EQ, 0) };
	const scmp_datum_t pid = (scmp_datum_t)getpid();
	int ret;

	/* threads, not processes; clone3's flags cannot be seen, glibc then takes clone */
	ret = allow_with(f, CALL(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, clone_seen, CLONE_THREAD));
	if (!ret)
		ret = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
	/* files that are there, as they are */
	if (!ret)
		ret = allow_with(f, CALL(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, creates, 0));
	if (!ret)
		ret = allow_with(f, CALL(open), SCMP_A1(SCMP_CMP_MASKED_EQ, creates, 0));
	/* signals to itself */
	if (!ret)
		ret = allow_with(f, CALL(tgkill), SCMP_A0(SCMP_CMP_EQ, pid));
	if (!ret)
		ret = allow_with(f, CALL(kill), SCMP_A0(SCMP_CMP_EQ, pid));
	/* reading its own limits */
	if (!ret)
		ret = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, CALL(prlimit64), 2, own_limits);
	/* x265 makes its thread pools nicer; the other way its limit forbids */
	if (!ret)
		ret = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, CALL(setpriority), 2, own_nice);
	/* stdio asks whether a file is a terminal */
	if (!ret)
		ret = allow_with(f, CALL(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, TCGETS));
	return ret;
}

static int catch_stopped(const char *name)
{
	struct sigaction action = {
		.sa_sigaction = stopped, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK,
	};

	log_state.engine = name;
	for (int i = 0; i < NAMES; i++)
		log_state.names[i] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);
	return sigaction(SIGSYS, &action, NULL) ? -errno : 0;
}

int hvcald_filter_load(const char *name)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_TRAP);
	int ret;

	if (!f)
		return -ENOMEM;
	ret = catch_stopped(name);
	/* another instruction set is a way round the numbers of this one */
	if (!ret)
		ret = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* 200 calls: a tree instead of a list */
	if (!ret)
		ret = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!ret)
		ret = add_lists(f);
	if (!ret)
		ret = add_special(f);
	if (!ret)
		ret = seccomp_load(f);
	seccomp_release(f);
	if (ret)
		hvcald_say("engine %s: no sandbox, filtering system calls: %s (--no-sandbox runs without)",
			   name, strerror(-ret));
	return ret;
}
