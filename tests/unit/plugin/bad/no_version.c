/* A plugin without a version. */
#define PLUGIN {sizeof(tk_plugin), TK_ABI_MAJOR, TK_ABI_MINOR, "nameless", 0, "", "", extensions, 1}
#include "minimal.h"
