// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_gpu.c"

#if IS_ENABLED(CONFIG_PCI)

/* Devices that no bus knows. */
static u32 fakes;

static void fake_release(struct device *dev)
{
	fakes--;
	kfree(to_pci_dev(dev));
}

static struct pci_dev *fake_make(struct kunit *test, const char *slot, u32 class)
{
	struct pci_dev *pdev = kzalloc(sizeof(*pdev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	fakes++;
	pdev->class = class << 8;
	pdev->vendor = 0x1234;
	pdev->device = 0x5678;
	device_initialize(&pdev->dev);
	pdev->dev.release = fake_release;
	set_dev_node(&pdev->dev, 0);
	KUNIT_ASSERT_EQ(test, dev_set_name(&pdev->dev, "%s", slot), 0);
	return pdev;
}

static int notify(struct pci_dev *pdev, unsigned long action)
{
	int ret = gpu_notify(&gpu_nb, action, &pdev->dev);

	flush_workqueue(hvcal.wq);
	return ret;
}

static u32 count(void)
{
	struct hvcal_gpu_info info;
	u64 generation;
	u32 total;

	hvcal_gpu_info(0, &info, &total, &generation);
	return total;
}

#define VGA	0x0300	/* PCI_CLASS_DISPLAY_VGA */
#define NIC	0x0200
#define SLOT	"0000:01:00.0"

static void display_comes_and_goes(struct kunit *test)
{
	struct pci_dev *pdev = fake_make(test, SLOT, VGA);
	u64 generation = gpu_generation;
	struct hvcal_gpu_info info = {};
	u32 id, total;
	u64 now;
	int node = 5;

	KUNIT_EXPECT_EQ(test, hvcal_gpu_lookup(SLOT, NULL), 0);
	notify(pdev, BUS_NOTIFY_ADD_DEVICE);
	id = hvcal_gpu_lookup(SLOT, &node);
	KUNIT_EXPECT_NE(test, id, 0);
	KUNIT_EXPECT_EQ(test, node, dev_to_node(&pdev->dev));
	KUNIT_EXPECT_TRUE(test, hvcal_gpu_exists(id));
	KUNIT_EXPECT_FALSE(test, hvcal_gpu_exists(id + 1));
	KUNIT_EXPECT_EQ(test, hvcal_gpu_lookup("0000:01:00.1", NULL), 0);
	KUNIT_EXPECT_EQ(test, hvcal_gpu_info(0, &info, &total, &now), 0);
	KUNIT_EXPECT_EQ(test, total, 1);
	KUNIT_EXPECT_GT(test, now, generation);
	KUNIT_EXPECT_EQ(test, info.id, id);
	KUNIT_EXPECT_EQ(test, info.vendor, 0x1234);
	KUNIT_EXPECT_EQ(test, info.device, 0x5678);
	KUNIT_EXPECT_EQ(test, info.render_minor, -1);
	KUNIT_EXPECT_STREQ(test, info.slot, SLOT);
	KUNIT_EXPECT_EQ(test, hvcal_gpu_info(1, &info, &total, &now), -ENOENT);

	/* the bus and the scan may both find it */
	gpu_add(pdev);
	KUNIT_EXPECT_EQ(test, count(), 1);

	notify(pdev, BUS_NOTIFY_REMOVED_DEVICE);
	KUNIT_EXPECT_EQ(test, hvcal_gpu_lookup(SLOT, NULL), 0);
	KUNIT_EXPECT_EQ(test, count(), 0);
	/* another time, another number */
	notify(pdev, BUS_NOTIFY_ADD_DEVICE);
	KUNIT_EXPECT_GT(test, hvcal_gpu_lookup(SLOT, NULL), id);
	notify(pdev, BUS_NOTIFY_REMOVED_DEVICE);
	pci_dev_put(pdev);
	KUNIT_EXPECT_EQ(test, fakes, 0);
}

static void other_devices_are_none_of_ours(struct kunit *test)
{
	struct pci_dev *nic = fake_make(test, SLOT, NIC), *vga;

	vga = fake_make(test, "0000:02:00.0", VGA);
	KUNIT_EXPECT_EQ(test, notify(nic, BUS_NOTIFY_ADD_DEVICE), NOTIFY_DONE);
	KUNIT_EXPECT_EQ(test, notify(vga, BUS_NOTIFY_BIND_DRIVER), NOTIFY_DONE);
	KUNIT_EXPECT_EQ(test, count(), 0);
	/* nobody has kept them */
	pci_dev_put(nic);
	pci_dev_put(vga);
	KUNIT_EXPECT_EQ(test, fakes, 0);
}

static void engines_go_with_the_driver(struct kunit *test)
{
	struct pci_dev *pdev = fake_make(test, SLOT, VGA);
	struct hvcal_engine_register reg = rig_registration();
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_gpu_info info;
	struct hvcal_engine *e;
	u64 generation, now;
	u32 total;

	notify(pdev, BUS_NOTIFY_ADD_DEVICE);
	rig_engine(test, p);
	strscpy(reg.slot, SLOT, sizeof(reg.slot));
	reg.numa_node = 5;
	e = rig_engine_as(test, p, &reg);
	KUNIT_EXPECT_EQ(test, e->gpu, hvcal_gpu_lookup(SLOT, NULL));
	KUNIT_EXPECT_EQ(test, e->numa_node, dev_to_node(&pdev->dev));
	KUNIT_EXPECT_EQ(test, hvcal_gpu_info(0, &info, &total, &generation), 0);
	KUNIT_EXPECT_EQ(test, info.engines, 1);

	notify(pdev, BUS_NOTIFY_BOUND_DRIVER);
	KUNIT_EXPECT_EQ(test, hvcal_gpu_info(0, &info, &total, &now), 0);
	KUNIT_EXPECT_EQ(test, info.engines, 1);
	KUNIT_EXPECT_GT(test, now, generation);
	notify(pdev, BUS_NOTIFY_UNBOUND_DRIVER);
	KUNIT_EXPECT_EQ(test, hvcal_gpu_info(0, &info, &total, &now), 0);
	KUNIT_EXPECT_EQ(test, info.engines, 0);
	/* the device is there still, and so is the engine that needs none */
	KUNIT_EXPECT_TRUE(test, list_is_singular(&hvcal.engines));

	rig_engine_as(test, p, &reg);
	KUNIT_EXPECT_FALSE(test, list_is_singular(&hvcal.engines));
	notify(pdev, BUS_NOTIFY_REMOVED_DEVICE);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&hvcal.engines));
	pci_dev_put(pdev);
	KUNIT_EXPECT_EQ(test, fakes, 0);
}

static struct kunit_case gpu_cases[] = {
	KUNIT_CASE(display_comes_and_goes),
	KUNIT_CASE(other_devices_are_none_of_ours),
	KUNIT_CASE(engines_go_with_the_driver),
	{}
};

static struct kunit_suite gpu_suite = {
	.name = "hvcal_gpu",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = gpu_cases,
};

kunit_test_suite(gpu_suite);

#endif
