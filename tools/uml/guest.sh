# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # the options are set by hvcal-uml
# One UML guest: its job directory, its pipes, its end.  For hvcal-uml.
#
# Four FIFOs lead out of the guest, each to a line of its own: con0 the kernel
# log, ttyS1 and ttyS2 the command's output and errors, ttyS3 the status.  The
# serial lines are raw, so bytes arrive unchanged.

splats='BUG:|WARNING:|Oops|Kernel panic|KASAN|UBSAN|KCSAN'
splats+='|INFO: (possible|task|rcu|trying)|refcount_t|ODEBUG'
splats+='|suspicious RCU|kmemleak: [1-9][0-9]* new|unreferenced object'

guest_open() {
	local f

	job=$(mktemp -d "${TMPDIR:-/tmp}/hvcal-uml.XXXXXX")
	case $job in
	*[[:space:]]*) rmdir "$job"; die "white space in $job" ;;
	esac
	for f in log out err status; do
		mkfifo "$job/$f"
	done
	cp "$uml_dir/init" "$job/init"
	guest='' status='' readers=()
}

guest_close() {
	guest_kill
	[ ${#readers[@]} -eq 0 ] || kill "${readers[@]}" 2>/dev/null || :
	rm -rf "$job"
}

# guest_kill: the guest made itself a session, and its processes are in it.
guest_kill() {
	[ -n "$guest" ] || return 0
	while kill -KILL -- "-$guest" 2>/dev/null ||
		kill -KILL "$guest" 2>/dev/null; do
		sleep 0.01
	done
	guest=
}

# guest_job COMMAND...: what init has to do, as shell code.
guest_job() {
	local m d rest

	echo 'modules=() params=()'
	for m in "${modules[@]}"; do
		rest=${m#"${m%% *}"}
		printf 'modules+=(%q) params+=(%q)\n' \
			"$(realpath "${m%% *}")" "${rest# }"
	done
	printf 'rw=('
	for d in "${rw[@]}"; do printf '%q ' "$(realpath "$d")"; done
	printf ')\nro=('
	for d in "${ro[@]}"; do printf '%q ' "$(realpath "$d")"; done
	printf ')\nenv=('
	[ ${#env[@]} -eq 0 ] || printf '%q ' "${env[@]}"
	printf ')\nleaks=%q cwd=%q\ncommand=(' "$leaks" "$(pwd -P)"
	printf '%q ' "$@"
	printf ')\n'
}

# guest_memory_dir: where a file as large as the guest's memory fits, memory
# first.  Containers may have 64 MiB of /dev/shm.
guest_memory_dir() {
	local dir

	for dir in /dev/shm "${TMPDIR:-/tmp}" "$uml_cache"; do
		[ -w "$dir" ] || continue
		if [ "$(df -m --output=avail "$dir" | tail -n 1)" -gt "$mem" ]
		then
			echo "$dir"
			return
		fi
	done
	die "no room for $mem MiB of guest memory"
}

# guest_log_room: the kernel drops what a full log pipe cannot take, so make it
# 1 MiB (F_SETPIPE_SZ).  Sets log_fd, which holds both ends.
guest_log_room() {
	exec {log_fd}<>"$job/log"
	perl -e 'fcntl STDIN, 1031, 1 << 20' <&"$log_fd"
}

guest_boot() {
	local memory_dir echo_fd

	exec {echo_fd}>/dev/null
	[ -z "$verbose" ] || exec {echo_fd}>&2
	memory_dir=$(guest_memory_dir) || exit
	guest_log_room
	tee "$job/kernel.log" <"$job/log" >&"$echo_fd" {log_fd}>&- &
	readers+=($!)
	cat "$job/out" {log_fd}>&- &
	readers+=($!)
	cat "$job/err" >&2 {log_fd}>&- &
	readers+=($!)

	# shellcheck disable=SC2086 # several arguments in append
	TMPDIR=$memory_dir "$kdir/linux" \
		mem="${mem}M" ncpus="$cpus" seccomp=on \
		uml_dir="$job" umid=guest \
		root=/dev/root rootfstype=hostfs rootflags=/ ro \
		con0=null,fd:3 con=null ssl=null \
		ssl1=null,fd:4 ssl2=null,fd:5 ssl3=null,fd:6 \
		console=tty0 rcupdate.rcu_cpu_stall_timeout=120 panic_on_oops=1 oops=panic random.trust_cpu=on \
		init="$job/init" HVCAL_JOB="$job" $append \
		</dev/null >"$job/boot.log" 2>&1 \
		3>&"$log_fd" 4>"$job/out" 5>"$job/err" 6>"$job/status" \
		{log_fd}>&- {echo_fd}>&- &
	guest=$!
	# Its death is no news for the shell to print.
	disown "$guest"
	guest_log_opened
	exec {echo_fd}>&-
	# Waits for the guest's side, which then has the only writing end: a
	# dead guest is an end of file.
	exec {status_fd}<"$job/status"
}

# guest_log_opened: leave the log to its reader and the guest, once the reader
# has it open.
guest_log_opened() {
	until [ "/proc/${readers[0]}/fd/0" -ef "$job/log" ] ||
		! kill -0 "${readers[0]}" 2>/dev/null; do
		sleep 0.01
	done
	exec {log_fd}>&-
}

# guest_wait: sets status to the command's, "timeout", or nothing if the guest
# died.
guest_wait() {
	local rc=0

	IFS= read -r -t "$limit" status <&"$status_fd" || rc=$?
	[ "$rc" -eq 0 ] || status=
	[ "$rc" -le 128 ] || status=timeout
}

# guest_stop: let it power off, then make sure; all output has arrived after.
guest_stop() {
	local _

	[ "$status" = timeout ] ||
		IFS= read -r -t 10 _ <&"$status_fd" || :
	guest_kill
	wait "${readers[@]}" || :
	readers=()
	cat "$job/boot.log" >>"$job/kernel.log"
}

# guest_complaints: the kernel log since the guest was ready for modules, or all
# of it if it never was.  The debug kernel's own boot has an RCU complaint
# (os_start_secondary() frees memory on a processor that is not yet online).
guest_complaints() {
	if grep -q 'hvcal-uml: start$' "$job/kernel.log"; then
		sed '1,/hvcal-uml: start$/d' "$job/kernel.log"
	else
		cat "$job/kernel.log"
	fi
}

guest_splat() { guest_complaints | grep -E "$splats" >"$job/complaints"; }

# guest_splat_text: the log from shortly before the first complaint.  All is read:
# a pipe that nobody reads to its end would be this script's end, too.
guest_splat_text() {
	local first

	first=$(guest_complaints | grep -nE "$splats" | sed -n '1s/:.*//p')
	guest_complaints |
		sed -n "$((first > 3 ? first - 3 : 1)),$((first + 60))p"
}
