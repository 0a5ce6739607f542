/* SPDX-License-Identifier: MIT */
#ifndef HVCAL_TEST_FUZZ_H
#define HVCAL_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* HVCAL_TEST_FUZZ_H */
