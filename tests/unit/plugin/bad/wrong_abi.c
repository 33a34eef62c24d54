/* Built for an ABI that this host does not speak. */
#define PLUGIN {sizeof(tk_plugin), 2, 0, "future", "9.0", "Apache-2.0", "", 0, 0}
#include "minimal.h"
