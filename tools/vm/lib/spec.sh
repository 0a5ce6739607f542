# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What one run of a virtual machine is to do, as files for its initramfs.
# Uses hvcal-vm's option variables.
# shellcheck disable=SC2154

# quote STRING: for a POSIX shell.
quote() {
	local q=\'

	printf '%s' "$q${1//$q/$q\\$q$q}$q"
}

# fresh DIR: is it where the machine has a fresh file system?
fresh() {
	case $1/ in
	/tmp/* | /var/tmp/* | /run/* | /dev/shm/*) return 0 ;;
	esac
	return 1
}

# add_module FILE [PARAM...]
add_module() {
	local file=$1 name

	shift
	name=${file##*/}
	name=${name%.ko*}
	case " $added " in
	*" ${name//-/_} "*) return 0 ;;
	esac
	added="$added ${name//-/_}"
	name=$(printf '%03d-%s.ko' "$count" "$name")
	count=$((count + 1))
	"$here/module-cat" "$file" >"$spec/mods/$name" || return 1
	spec_modules+="$name $*"$'\n'
}

# add_probe NAME: with what it depends on.
add_probe() {
	local files file

	files=$("$here/module-files" "$image" "$1") || return 1
	for file in $files; do
		add_module "$file" || return 1
	done
}

# add_given "PATH.ko PARAM=VALUE...": with what it needs of the kernel's own.
add_given() {
	local file=$1 params='' need

	if [ ! -e "$file" ]; then
		params=${file#* }
		file=${file%% *}
	fi
	[ -r "$file" ] || { say "no module $file"; return 1; }
	for need in $(modinfo -F depends "$file" 2>/dev/null | tr ',' ' '); do
		case " $given " in
		*" ${need//-/_} "*) continue ;;
		esac
		add_probe "$need" || return 1
	done
	# shellcheck disable=SC2086
	add_module "$file" $params
}

# spec_write DIR COMMAND...
spec_write() {
	local spec=$1 added='' given='' count=0 spec_modules='' item i
	local mounts='' keep=''

	shift
	mkdir -p "$spec/mods"
	for item in "${modules[@]}"; do
		item=${item%% *}
		item=${item##*/}
		item=${item%.ko*}
		given="$given ${item//-/_}"
	done
	for item in "${probes[@]}"; do
		add_probe "$item" || return 1
	done
	for item in "${modules[@]}"; do
		add_given "$item" || return 1
	done

	for i in "${!rw[@]}"; do
		rw[i]=$(realpath -e "${rw[i]}") || return 1
		[ -d "${rw[i]}" ] || { say "${rw[i]}: not a directory"; return 1; }
		[ "${rw[i]}" != / ] || { say "not / for --rw"; return 1; }
		mounts+="hvrw$i ${rw[i]}"$'\n'
	done
	for item in "$(pwd -P)" "${ro[@]}"; do
		item=$(realpath -e "$item") || return 1
		! fresh "$item" || keep+="$item"$'\n'
	done

	cat >"$spec/run.conf" <<-EOF
	hv_rw=$(quote "$mounts")
	hv_keep=$(quote "$keep")
	hv_modules=$(quote "$spec_modules")
	hv_cwd=$(quote "$(pwd -P)")
	EOF
	{
		for item in "${env[@]}"; do
			echo "export $(quote "$item")"
		done
		printf exec
		for item in "$@"; do
			printf ' %s' "$(quote "$item")"
		done
		echo
	} >"$spec/command"
}
