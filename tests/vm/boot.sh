#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# boot.sh KERNEL OUTDIR [STEPS]: boots one of the kernels of kernels.txt in QEMU with gotide and the Go
# test programs, and leaves in OUTDIR what its steps (tests/vm/init; "agent": that one alone) said, and
# the console.  Everything is in an initramfs and nothing in the guest is loaded as a module: Debian's
# cloud kernels have no file system to share with the host built in.  The processor is emulated, for
# hosts without KVM.
# Exit 77 with a reason on the last line where there is no QEMU, or no such kernel.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUTPUT=${OUTPUT:-.output}
STATIC=$OUTPUT/static
TIME_LIMIT_S=${GOTIDE_VM_LIMIT_S:-600}
OLD=1.19 NEW=1.27
kernel=${1:?boot.sh KERNEL OUTDIR}
out=${2:?boot.sh KERNEL OUTDIR}
steps=${3:-all}

skip() {
	echo "$*"
	exit 77
}

need() {
	local tool

	[ "$(uname -m)" = x86_64 ] || skip "gotide for the guests is built for x86-64 only"
	for tool in qemu-system-x86_64 busybox cpio; do
		command -v "$tool" >/dev/null || skip "$tool is missing: scripts/setup.sh --vm installs it"
	done
	scripts/fetch-kernels.sh "$kernel" || exit
}

# goprog VERSION NAME AS
goprog() {
	scripts/build-goprog.sh -o "$OUTPUT/goprog" --go "$1" --flavour stripped "$2" >&2
	cp "$OUTPUT/goprog/$1/$2.stripped" "$root/$3"
}

# What is in the guest: one folder, packed uncompressed.
pack() {
	local root=$out/root tools=("$STATIC/live/probecount" "$STATIC/live/spancount" "$STATIC/vm/only")

	nice make STATIC=1 OUTPUT="$STATIC" all "${tools[@]}" >"$out/make.log" 2>&1 ||
		{ cat "$out/make.log" >&2; exit 1; }
	mkdir -p "$root/bin"
	cp tests/vm/init "$root/init"
	cp "$(command -v busybox)" "$root/bin/busybox"
	cp "$STATIC/gotide" "${tools[@]}" "$root/bin"
	strip "$root/bin/gotide" "$root"/bin/*count
	goprog $OLD count count-old
	goprog $NEW count count-new
	goprog $NEW leak leak-new
	goprog $NEW busy bin/busy-new
	goprog $NEW exiter exiter-new
	goprog $NEW spans spans-new
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$out/initramfs.cpio"
	rm -rf "$root"
}

# Haswell: with "max" QEMU 7.2 offers what its emulation of 6.12 stumbles over; and where it emulates
# cmpxchg16b, 6.12 comes back from kmalloc() with random flags and dies of a double fault, once in
# some minutes.  Two processors, since much of what can go wrong needs a second one.  The first serial
# line is the console, the second brings the results.
boot() {
	timeout -k 5 "$TIME_LIMIT_S" nice qemu-system-x86_64 -M q35 -accel tcg,thread=multi \
		-cpu Haswell-v4,-cx16 -smp 2 -m 1024 -kernel "$vmlinuz" -initrd "$out/initramfs.cpio" \
		-append 'console=ttyS0 quiet loglevel=4 panic=-1 reboot=t tsc=reliable'" gotide.steps=$steps" \
		-display none -nodefaults -no-reboot -monitor none \
		-serial "file:$out/console" -serial "file:$out/results.tar" \
		</dev/null >"$out/qemu.log" 2>&1
}

need
rm -rf "$out"
mkdir -p "$out"
vmlinuz=$(scripts/fetch-kernels.sh --list | awk -v name="$kernel" '$1 == name { print $3 }')
pack
if ! boot || ! tar -x -C "$out" -f "$out/results.tar"; then
	echo "no results from the guest within $TIME_LIMIT_S s; its console ends:" >&2
	tail -n 40 "$out/console" "$out/qemu.log" >&2
	exit 1
fi
rm "$out/initramfs.cpio"
