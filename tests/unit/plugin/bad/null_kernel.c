/* A kernel without code. */
#include <tokamak/plugin.h>
static const tk_kernel list[] = {{sizeof(tk_kernel), {"acme.op", 7}, 1, "reference", NULL}};
static const tk_kernels kernels = {sizeof(tk_kernels), list, 1};
#define KIND TK_KIND_KERNELS
#define FUNCTIONS &kernels
#include "minimal.h"
