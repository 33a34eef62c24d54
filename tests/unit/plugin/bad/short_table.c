/* A function table from a smaller struct. */
#define TABLE {24, minimal_create, minimal_destroy, minimal_choose}
#include "minimal.h"
