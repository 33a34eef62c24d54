/* While MAJOR is 0, another MINOR is another ABI. */
#define PLUGIN {sizeof(tk_plugin), TK_ABI_MAJOR, TK_ABI_MINOR + 6, "future", "9.0", "Apache-2.0", "", 0, 0}
#include "minimal.h"
