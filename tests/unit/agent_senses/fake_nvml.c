/* What the agent asks of NVIDIA's library, answered for three devices of which the second has fallen off its bus. */
#include <stdio.h>
#include <string.h>

#ifndef INIT
#define INIT 0
#endif
#ifndef COUNT
#define COUNT 3
#endif

static int devices[COUNT + 1];

int nvmlInit_v2(void) { return INIT; }

int nvmlDeviceGetCount_v2(unsigned int *count) { *count = COUNT; return 0; }

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
  if (index == 1) return 15; /* NVML_ERROR_GPU_IS_LOST */
  *device = &devices[index];
  return 0;
}

int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
  snprintf(name, length, "NVIDIA Test %d\xff", (int)((int *)device - devices));
  return 0;
}

int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *figures) {
  if (device == &devices[2]) return 3; /* NVML_ERROR_NOT_SUPPORTED: shares the machine's memory */
  figures[0] = 80ULL << 30; figures[1] = 79ULL << 30; figures[2] = 1ULL << 30;
  return 0;
}

#ifndef OLD
int nvmlDeviceGetUtilizationRates(void *device, unsigned int *figures) {
  if (device == &devices[2]) return 3;
  figures[0] = 37; figures[1] = 5;
  return 0;
}
#endif
