/* The same option twice. */
#include <tokamak/plugin.h>
static const tk_option_spec specs[] = {{"size", TK_INTEGER, 0, NULL, ""}, {"size", TK_INTEGER, 0, NULL, ""}};
#define OPTIONS specs, 2
#include "minimal.h"
