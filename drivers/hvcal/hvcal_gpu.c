// SPDX-License-Identifier: GPL-2.0
/*
 * PCI display devices. That one is there does not mean that it can encode: a GPU
 * is a place where a provider may register an engine.
 *
 * The bus notifier runs first and the scan after it, under the same mutex, so
 * that no device is missed or listed twice. It is called under the device lock
 * of somebody else's probe: what may take time is left to a work.
 */
#include <linux/device.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "hvcal_internal.h"

#if IS_ENABLED(CONFIG_PCI)

struct hvcal_gpu {
	struct list_head link;
	struct pci_dev *pdev;
	u32 id;
};

static LIST_HEAD(gpus);
static DEFINE_MUTEX(gpu_lock);	/* the list, its numbers and its generation */
static u32 gpu_next_id = 1;
static u64 gpu_generation;

static bool is_display(const struct pci_dev *pdev)
{
	return (pdev->class >> 16) == PCI_BASE_CLASS_DISPLAY;
}

static struct hvcal_gpu *gpu_find_locked(const struct pci_dev *pdev)
{
	struct hvcal_gpu *g;

	lockdep_assert_held(&gpu_lock);

	list_for_each_entry(g, &gpus, link)
		if (g->pdev == pdev)
			return g;
	return NULL;
}

static void gpu_add(struct pci_dev *pdev)
{
	struct hvcal_gpu *g;

	mutex_lock(&gpu_lock);
	if (!gpu_find_locked(pdev)) {
		g = kzalloc(sizeof(*g), GFP_KERNEL);
		if (g) {
			g->pdev = pci_dev_get(pdev);
			g->id = gpu_next_id++;
			list_add_tail(&g->link, &gpus);
			gpu_generation++;
		}
	}
	mutex_unlock(&gpu_lock);
}

/* What happened to a device, to be acted on outside of its lock. */
struct gpu_news {
	struct work_struct work;
	struct pci_dev *pdev;
	unsigned long action;
};

static void gpu_news_work(struct work_struct *work)
{
	struct gpu_news *news = container_of(work, struct gpu_news, work);
	struct hvcal_gpu *g;
	u32 id = 0;

	if (news->action == BUS_NOTIFY_ADD_DEVICE)
		gpu_add(news->pdev);

	mutex_lock(&gpu_lock);
	g = gpu_find_locked(news->pdev);
	if (g) {
		gpu_generation++;
		id = g->id;
		if (news->action == BUS_NOTIFY_REMOVED_DEVICE) {
			list_del(&g->link);
			pci_dev_put(g->pdev);
			kfree(g);
		}
	}
	mutex_unlock(&gpu_lock);

	/* Engines need the driver: without it they are no more. */
	if (id && (news->action == BUS_NOTIFY_UNBOUND_DRIVER ||
		   news->action == BUS_NOTIFY_REMOVED_DEVICE))
		hvcal_engine_retire_gpu(id);
	pci_dev_put(news->pdev);
	kfree(news);
}

static int gpu_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);
	struct gpu_news *news;

	if (!is_display(pdev))
		return NOTIFY_DONE;
	switch (action) {
	case BUS_NOTIFY_ADD_DEVICE:
	case BUS_NOTIFY_BOUND_DRIVER:
	case BUS_NOTIFY_UNBOUND_DRIVER:
	case BUS_NOTIFY_REMOVED_DEVICE:
		break;
	default:
		return NOTIFY_DONE;
	}
	news = kzalloc(sizeof(*news), GFP_KERNEL);
	if (!news)
		return NOTIFY_DONE;
	INIT_WORK(&news->work, gpu_news_work);
	news->pdev = pci_dev_get(pdev);
	news->action = action;
	queue_work(hvcal.wq, &news->work);
	return NOTIFY_DONE;
}

static struct notifier_block gpu_nb = { .notifier_call = gpu_notify };

int hvcal_gpu_init(void)
{
	struct pci_dev *pdev = NULL;
	int ret = bus_register_notifier(&pci_bus_type, &gpu_nb);

	if (ret)
		return ret;
	for_each_pci_dev(pdev)
		if (is_display(pdev))
			gpu_add(pdev);
	return 0;
}

void hvcal_gpu_exit(void)
{
	struct hvcal_gpu *g, *tmp;

	bus_unregister_notifier(&pci_bus_type, &gpu_nb);
	flush_workqueue(hvcal.wq);
	list_for_each_entry_safe(g, tmp, &gpus, link) {
		pci_dev_put(g->pdev);
		kfree(g);
	}
	INIT_LIST_HEAD(&gpus);
}

u32 hvcal_gpu_lookup(const char *slot, int *numa_node)
{
	struct hvcal_gpu *g;
	u32 id = 0;

	mutex_lock(&gpu_lock);
	list_for_each_entry(g, &gpus, link) {
		if (strcmp(pci_name(g->pdev), slot))
			continue;
		id = g->id;
		if (numa_node)
			*numa_node = dev_to_node(&g->pdev->dev);
	}
	mutex_unlock(&gpu_lock);
	return id;
}

bool hvcal_gpu_exists(u32 id)
{
	struct hvcal_gpu *g;
	bool found = false;

	mutex_lock(&gpu_lock);
	list_for_each_entry(g, &gpus, link)
		found = found || g->id == id;
	mutex_unlock(&gpu_lock);
	return found;
}

/* DRM minors are children of the device, known by their names alone. */
static int render_minor(struct device *dev, void *data)
{
	s32 *minor = data;

	if (sscanf(dev_name(dev), "renderD%d", minor) != 1)
		*minor = -1;
	return *minor >= 0;
}

static u32 gpu_count_engines(u32 gpu)
{
	struct hvcal_engine *e;
	unsigned long flags;
	u32 n = 0;

	spin_lock_irqsave(&hvcal.lock, flags);
	list_for_each_entry(e, &hvcal.engines, link)
		n += e->gpu == gpu;
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return n;
}

static void gpu_describe_locked(struct hvcal_gpu *g, struct hvcal_gpu_info *info)
{
	struct pci_dev *pdev = g->pdev;
	struct device_driver *drv;

	memset(info, 0, sizeof(*info));
	info->id = g->id;
	info->vendor = pdev->vendor;
	info->device = pdev->device;
	info->subsystem = (u32)pdev->subsystem_vendor << 16 | pdev->subsystem_device;
	info->revision = pdev->revision;
	info->numa_node = dev_to_node(&pdev->dev);
	info->render_minor = -1;
	device_for_each_child(&pdev->dev, &info->render_minor, render_minor);
	info->engines = gpu_count_engines(g->id);
	strscpy(info->slot, pci_name(pdev), sizeof(info->slot));
	/* the device lock keeps the driver from going away meanwhile */
	device_lock(&pdev->dev);
	drv = pdev->dev.driver;
	if (drv)
		strscpy(info->driver, drv->name, sizeof(info->driver));
	device_unlock(&pdev->dev);
}

int hvcal_gpu_info(u32 index, struct hvcal_gpu_info *info, u32 *total, u64 *generation)
{
	struct hvcal_gpu *g;
	u32 n = 0;

	mutex_lock(&gpu_lock);
	list_for_each_entry(g, &gpus, link)
		if (n++ == index)
			gpu_describe_locked(g, info);
	*total = n;
	*generation = gpu_generation;
	mutex_unlock(&gpu_lock);
	return index < n ? 0 : -ENOENT;
}

#else /* no PCI: no GPUs to be found */

int hvcal_gpu_init(void)
{
	return 0;
}

void hvcal_gpu_exit(void)
{
}

u32 hvcal_gpu_lookup(const char *slot, int *numa_node)
{
	return 0;
}

bool hvcal_gpu_exists(u32 id)
{
	return false;
}

int hvcal_gpu_info(u32 index, struct hvcal_gpu_info *info, u32 *total, u64 *generation)
{
	*total = 0;
	*generation = 0;
	return -ENOENT;
}

#endif
