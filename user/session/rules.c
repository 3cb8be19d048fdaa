/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/rules.h"

#include "base/log.h"
#include "base/text.h"
#include "target/procfs.h"

bool rules_want(const struct filter *f, const struct watch *w, pid_t pid)
{
	char exe[TARGET_PATH_MAX] = "", cgroup[CGROUP_TEXT_MAX] = "";
	struct procfs_stat st = { 0 };
	bool is_deleted;

	if (!f || !f->rules.n)
		return true;
	if (filter_asks(f, FILTER_NAME)) {
		if (procfs_stat(w->proc_root, pid, &st) ||
		    procfs_exe_path(w->proc_root, pid, exe, sizeof(exe), &is_deleted))
			log_debug("pid %d: its name cannot be read", pid);
	}
	if (filter_asks(f, FILTER_CGROUP))
		watch_cgroups(w, pid, cgroup, sizeof(cgroup));
	const char *ns = filter_asks(f, FILTER_NAMESPACE) ? watch_namespace(w, pid) : NULL;

	return filter_wants(f, &(struct filter_subject){
				       .comm = st.comm,
				       .exe = text_base_name(exe),
				       .cgroup = cgroup,
				       .pod_namespace = ns,
			       });
}
