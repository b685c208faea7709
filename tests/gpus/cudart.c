/* Stands for NVIDIA's libcudart where there is no GPU: "device memory" is memory of the process.
 *
 * It refuses what a GPU would refuse (addresses that are not its own, copies past the end) and
 * copies to the host only when the stream is waited for, so that a forgotten wait is found out.
 */

#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, LAUNCH_FAILURE = 719 };
enum { PROCESSORS = 16, MAJOR = 75, MINOR = 76 };
enum { TO_DEVICE = 1, TO_HOST = 2 };
enum { MOST = 256 };

static struct { char *start; size_t size; } memory[MOST];
static struct { void *target; const void *source; size_t size; void *stream; } pending[MOST];
static int copies, streams;
static char gpu_name[256] = "Stand-in";
static int devices = 1, capability[2] = {8, 7}, processors = 8;
static char failing[64];
static int failure;

/* What tests turn and ask; a GPU has none of these. */
void stand_in_reset(void) {
  devices = 1; strcpy(gpu_name, "Stand-in"); capability[0] = 8; capability[1] = 7; processors = 8;
  failing[0] = 0;
}
void stand_in_gpu(const char *name, int major, int minor, int count) {
  strncpy(gpu_name, name, 255); capability[0] = major; capability[1] = minor; processors = count;
}
void stand_in_devices(int count) { devices = count; }
void stand_in_fail(const char *function, int code) { strncpy(failing, function, 63); failure = code; }
int stand_in_held(void) {
  int held = streams;
  for (int i = 0; i < MOST; i++) held += memory[i].start != NULL;
  return held;
}

#define MAY_FAIL if (!strcmp(failing, __func__)) return failure

static int on_device(const void *address, size_t size) {
  for (int i = 0; i < MOST; i++)
    if (memory[i].start && (char *)address >= memory[i].start &&
        (char *)address + size <= memory[i].start + memory[i].size) return 1;
  return 0;
}

int cudaGetDeviceCount(int *count) { MAY_FAIL; *count = devices; return SUCCESS; }

int cudaGetDeviceProperties(char *properties, int device) {
  MAY_FAIL;
  if (device) return INVALID_VALUE;
  memcpy(properties, gpu_name, sizeof gpu_name);
  return SUCCESS;
}

int cudaDeviceGetAttribute(int *value, int attribute, int device) {
  MAY_FAIL;
  if (device) return INVALID_VALUE;
  switch (attribute) {
    case PROCESSORS: *value = processors; return SUCCESS;
    case MAJOR: *value = capability[0]; return SUCCESS;
    case MINOR: *value = capability[1]; return SUCCESS;
    default: return INVALID_VALUE;
  }
}

int cudaMalloc(void **address, size_t size) {
  MAY_FAIL;
  for (int i = 0; i < MOST; i++)
    if (!memory[i].start) {
      memory[i].start = malloc(size); memory[i].size = size; *address = memory[i].start;
      return SUCCESS;
    }
  return OUT_OF_MEMORY;
}

int cudaFree(void *address) {
  MAY_FAIL;
  for (int i = 0; i < MOST; i++)
    if (memory[i].start && memory[i].start == address) {
      free(memory[i].start); memory[i].start = NULL;
      return SUCCESS;
    }
  return INVALID_VALUE;
}

int cudaStreamCreate(void **stream) { MAY_FAIL; *stream = malloc(1); streams++; return SUCCESS; }

int cudaStreamDestroy(void *stream) { MAY_FAIL; free(stream); streams--; return SUCCESS; }

int cudaMemcpyAsync(void *target, const void *source, size_t size, int direction, void *stream) {
  MAY_FAIL;
  if (!on_device(direction == TO_DEVICE ? target : source, size) || copies == MOST)
    return INVALID_VALUE;
  if (direction == TO_DEVICE) { memcpy(target, source, size); return SUCCESS; }
  if (direction != TO_HOST) return INVALID_VALUE;
  pending[copies].target = target; pending[copies].source = source;
  pending[copies].size = size; pending[copies].stream = stream; copies++;
  return SUCCESS;
}

int cudaStreamSynchronize(void *stream) {
  MAY_FAIL;
  int left = 0;
  for (int i = 0; i < copies; i++)
    if (pending[i].stream == stream) memcpy(pending[i].target, pending[i].source, pending[i].size);
    else pending[left++] = pending[i];
  copies = left;
  return SUCCESS;
}

const char *cudaGetErrorString(int code) {
  switch (code) {
    case OUT_OF_MEMORY: return "out of memory";
    case NO_DEVICE: return "no CUDA-capable device is detected";
    case LAUNCH_FAILURE: return "unspecified launch failure";
    default: return "invalid argument";
  }
}
