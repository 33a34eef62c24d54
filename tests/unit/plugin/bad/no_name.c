/* A plugin without a name. */
#define PLUGIN {sizeof(tk_plugin), TK_ABI_MAJOR, TK_ABI_MINOR, "", "1", "", "", extensions, 1}
#include "minimal.h"
