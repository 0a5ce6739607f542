// SPDX-License-Identifier: MIT
#include "plugin.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "hvcal-engine-"
#define SUFFIX ".so"
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-"

static int name_valid(const char *name, size_t len)
{
	return len > 0 && len < HVCAL_NAME_LEN && strspn(name, NAME_CHARS) >= len;
}

/* ------------------------------------------------------------------------ */
/* Finding                                                                  */

static struct hvcal_plugin *append(struct hvcal_plugins *p, const char *name,
				   size_t len)
{
	struct hvcal_plugin *list = realloc(p->list, (p->count + 1) * sizeof(*list));

	if (!list)
		return NULL;
	p->list = list;
	list += p->count++;
	memset(list, 0, sizeof(*list));
	memcpy(list->name, name, len);
	return list;
}

struct hvcal_plugin *hvcal_plugins_find(struct hvcal_plugins *p, const char *name)
{
	for (unsigned int i = 0; i < p->count; i++)
		if (!strcmp(p->list[i].name, name))
			return &p->list[i];
	return NULL;
}

/* Is @name of length @len in the comma separated @names? No list: yes. */
static int wanted(const char *names, const char *name, size_t len)
{
	if (!names || !*names)
		return 1;
	for (size_t n; *names; names += n + (names[n] == ',')) {
		n = strcspn(names, ",");
		if (n == len && !memcmp(names, name, n))
			return 1;
	}
	return 0;
}

static int scan_folder(struct hvcal_plugins *p, const char *folder,
		       const char *names)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int ret = 0;

	if (!dir) /* no such folder: no plug-ins there */
		return errno == ENOMEM ? -ENOMEM : 0;
	while (!ret && (entry = readdir(dir))) {
		const char *name = entry->d_name + strlen(PREFIX);
		struct hvcal_plugin *plugin;
		char key[HVCAL_NAME_LEN];
		size_t len = strlen(entry->d_name);

		if (len <= strlen(PREFIX SUFFIX) ||
		    strncmp(entry->d_name, PREFIX, strlen(PREFIX)) ||
		    strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX))
			continue;
		len -= strlen(PREFIX SUFFIX);
		if (!name_valid(name, len) || !wanted(names, name, len))
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)len, name);
		if (hvcal_plugins_find(p, key))
			continue;
		plugin = append(p, name, len);
		if (!plugin || asprintf(&plugin->path, "%s/%s", folder, entry->d_name) < 0) {
			if (plugin)
				plugin->path = NULL;
			ret = -ENOMEM;
		}
	}
	closedir(dir);
	return ret;
}

/* Entries for names that were asked for and that no folder has. */
static int add_missing(struct hvcal_plugins *p, const char *names)
{
	for (size_t n; names && *names; names += n + (names[n] == ',')) {
		struct hvcal_plugin *plugin;
		char key[HVCAL_NAME_LEN];

		n = strcspn(names, ",");
		if (!name_valid(names, n))
			return -EINVAL;
		snprintf(key, sizeof(key), "%.*s", (int)n, names);
		if (hvcal_plugins_find(p, key))
			continue;
		plugin = append(p, names, n);
		if (!plugin)
			return -ENOMEM;
		plugin->error = -ENOENT;
		snprintf(plugin->reason, sizeof(plugin->reason),
			 "no " PREFIX "%s" SUFFIX " in %s; it is built only where its library is installed",
			 key, p->path);
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct hvcal_plugin *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int hvcal_plugins_scan(const char *path, const char *names,
		       struct hvcal_plugins **out)
{
	struct hvcal_plugins *p = calloc(1, sizeof(*p));
	char *folders = NULL, *state, *folder;
	int ret = -ENOMEM;

	if (!p)
		return -ENOMEM;
	if (!path)
		path = secure_getenv("HVCAL_ENGINE_PATH");
	if (!path || !*path)
		path = HVCAL_ENGINE_DIR;
	p->path = strdup(path);
	folders = strdup(path);
	if (!p->path || !folders)
		goto out;
	for (folder = strtok_r(folders, ":", &state); folder;
	     folder = strtok_r(NULL, ":", &state)) {
		ret = scan_folder(p, folder, names);
		if (ret)
			goto out;
	}
	ret = add_missing(p, names);
	if (!ret && p->count)
		qsort(p->list, p->count, sizeof(*p->list), by_name);
out:
	free(folders);
	if (ret)
		hvcal_plugins_unload(&p);
	else
		*out = p;
	return ret;
}

void hvcal_plugins_unload(struct hvcal_plugins **plugins)
{
	struct hvcal_plugins *p = plugins ? *plugins : NULL;

	if (!p)
		return;
	for (unsigned int i = 0; i < p->count; i++)
		free(p->list[i].path);
	free(p->list);
	free(p->path);
	free(p);
	*plugins = NULL;
}

/* ------------------------------------------------------------------------ */
/* Loading                                                                  */

static int refuse(struct hvcal_plugin *p, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct hvcal_plugin *p, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->reason, sizeof(p->reason), fmt, ap);
	va_end(ap);
	p->error = error;
	return error;
}

/* What dlopen() could not do, in words: mostly a library that is not there. */
static int refuse_dlopen(struct hvcal_plugin *p, const char *text)
{
	static const char missing[] = ": cannot open shared object file";
	const char *at = text ? strstr(text, missing) : NULL;

	if (at && strncmp(text, p->path, at - text))
		return refuse(p, -ELIBACC, "needs %.*s, which is not installed",
			      (int)(at - text), text);
	return refuse(p, -ELIBBAD, "cannot be loaded: %s", text ? text : "no reason given");
}

static int check_ops(struct hvcal_plugin *p, const struct hvcal_engine_plugin *ops)
{
	/* the gate: nothing behind these two is looked at before they are right */
	if (ops->abi != HVCAL_ENGINE_ABI)
		return refuse(p, -ELIBSCN, "%s is of engine ABI %u, this HVCAL has %u; install the plug-in that came with it",
			      p->path, ops->abi, HVCAL_ENGINE_ABI);
	if (ops->size != sizeof(*ops))
		return refuse(p, -ELIBSCN, "%s has an operation table of %u bytes instead of %zu; rebuild it",
			      p->path, ops->size, sizeof(*ops));
	if (!ops->name || strcmp(ops->name, p->name))
		return refuse(p, -ELIBBAD, "%s calls itself %s; a plug-in bears the name of its file",
			      p->path, ops->name ? ops->name : "nothing");
	if (!ops->create || !ops->destroy || !ops->open || !ops->encode ||
	    !ops->reconfigure || !ops->flush || !ops->close ||
	    !ops->description || !ops->license)
		return refuse(p, -ELIBBAD, "%s lacks an operation that every engine has",
			      p->path);
	return 0;
}

int hvcal_plugin_load(struct hvcal_plugin *p)
{
	const struct hvcal_engine_plugin *ops;
	void *handle;
	int ret;

	if (p->ops || p->error)
		return p->error;
	handle = dlopen(p->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle)
		return refuse_dlopen(p, dlerror());
	ops = dlsym(handle, "hvcal_engine_plugin");
	/* RTLD_NODELETE: what dlsym() found stays valid */
	dlclose(handle);
	if (!ops)
		return refuse(p, -ELIBBAD, "%s is no engine plug-in: it has no symbol hvcal_engine_plugin",
			      p->path);
	ret = check_ops(p, ops);
	if (!ret)
		p->ops = ops;
	return ret;
}

int hvcal_plugins_load(const char *path, const char *names,
		       struct hvcal_plugins **out)
{
	int ret = hvcal_plugins_scan(path, names, out);

	for (unsigned int i = 0; !ret && i < (*out)->count; i++)
		hvcal_plugin_load(&(*out)->list[i]);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* Engines                                                                  */

static const char *cap_wrong(const struct hvcal_engine_cap *cap)
{
	if (cap->op != HVCAL_OP_ENCODE && cap->op != HVCAL_OP_DECODE &&
	    cap->op != HVCAL_OP_PROCESS)
		return "a capability without an operation";
	if (!cap->codec)
		return "a capability without a codec";
	if (!cap->depth_mask || cap->flags & ~HVCAL_CAP_FLAGS_ALL)
		return "a capability without bit depths, or with unknown flags";
	if (!cap->min_width || !cap->min_height || cap->max_width < cap->min_width ||
	    cap->max_height < cap->min_height)
		return "a capability without a range of sizes";
	if (!cap->formats[0])
		return "a capability without pixel formats";
	return NULL;
}

static const char *desc_wrong(const struct hvcal_engine_desc *d)
{
	if (strnlen(d->name, sizeof(d->name)) == sizeof(d->name) ||
	    !name_valid(d->name, strlen(d->name)))
		return "an engine without a valid name";
	if (strnlen(d->slot, sizeof(d->slot)) == sizeof(d->slot))
		return "an endless PCI address";
	if (d->kind < HVCAL_ENGINE_HARDWARE || d->kind > HVCAL_ENGINE_TEST)
		return "an unknown kind";
	if (d->flags & ~(HVCAL_ENGINE_MAP_SOURCE | HVCAL_ENGINE_MAP_TARGET |
			 HVCAL_ENGINE_DEVICE_MEMORY))
		return "unknown flags";
	if (d->slots < 1 || d->slots > 1024 || d->session_depth < 1 ||
	    d->session_depth > 64)
		return "slots outside 1..1024 or a session depth outside 1..64";
	if (d->ncaps < 1 || d->ncaps > sizeof(d->caps) / sizeof(d->caps[0]))
		return "no capabilities, or too many";
	for (unsigned int i = 0; i < d->ncaps; i++) {
		const char *wrong = cap_wrong(&d->caps[i]);

		if (wrong)
			return wrong;
	}
	return NULL;
}

int hvcal_plugin_engine_create(const struct hvcal_plugin *plugin,
			       const struct hvcal_engine_host *host,
			       unsigned int index,
			       struct hvcal_plugin_engine *engine,
			       char *reason, size_t reason_len)
{
	struct hvcal_plugin_engine e = { .ops = plugin->ops };
	const char *wrong;
	int ret;

	if (!plugin->ops) {
		snprintf(reason, reason_len, "%s", plugin->reason);
		return plugin->error ? plugin->error : -EINVAL;
	}
	reason[0] = '\0';
	e.desc.numa_node = -1;
	ret = e.ops->create(host, index, &e.desc, &e.ctx, reason, reason_len);
	if (ret) {
		if (!reason[0])
			snprintf(reason, reason_len, "the plug-in says: %s", strerror(-ret));
		return ret;
	}
	wrong = desc_wrong(&e.desc);
	if (wrong) {
		snprintf(reason, reason_len, "the plug-in describes %s; this is a bug of hvcal-engine-%s.so",
			 wrong, plugin->name);
		e.ops->destroy(e.ctx);
		return -EPROTO;
	}
	*engine = e;
	return 0;
}

void hvcal_plugin_engine_destroy(struct hvcal_plugin_engine *engine)
{
	if (!engine || !engine->ops)
		return;
	engine->ops->destroy(engine->ctx);
	memset(engine, 0, sizeof(*engine));
}
