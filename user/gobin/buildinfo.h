/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The build information that the linker puts at the start of the data segment: Go version, main
 * module and package.  Both formats: pointers to Go strings (up to Go 1.17) and inline strings
 * (from 1.18).  Also the version string itself, for executables that some tool relieved of their
 * build information.  Used by gobin.c only.  Source: debug/buildinfo/buildinfo.go of Go 1.18 and
 * 1.27, cmd/link/internal/ld/data.go (buildinfo).
 */
#ifndef GOTIDE_GOBIN_BUILDINFO_H
#define GOTIDE_GOBIN_BUILDINFO_H

#include "gobin/elf.h"
#include "gobin/version.h"

struct buildinfo {
	struct goversion version;
	char module[256]; /* path of the main module, or "" */
	char main_path[256]; /* path of the main package, or "" */
};

/*
 * -ENOENT: no build information; -EBADMSG: there is some, but it is damaged or names no version.
 */
int buildinfo_read(struct elf *e, struct buildinfo *ret) _must_check_;

/*
 * The version by the value of runtime.buildVersion: the one Go string in the data segment whose
 * bytes are, to their end, the name of a release.  -ENOENT if there is none, or several that
 * disagree.
 */
int buildinfo_find_version(struct elf *e, struct goversion *ret) _must_check_;

#endif
