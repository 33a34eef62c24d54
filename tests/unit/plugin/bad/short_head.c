/* Claims a size that does not even hold the version. */
#define PLUGIN {4, TK_ABI_MAJOR, TK_ABI_MINOR, 0, 0, 0, 0, 0, 0}
#include "minimal.h"
