/* Nothing in it, though the versions agree. */
#define PLUGIN {sizeof(tk_plugin), TK_ABI_MAJOR, TK_ABI_MINOR, "empty", "1", "", "", extensions, 0}
#include "minimal.h"
