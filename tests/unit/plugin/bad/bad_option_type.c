/* An option of a type that does not exist. */
#include <tokamak/plugin.h>
static const tk_option_spec specs[] = {{"size", 17, 0, NULL, ""}};
#define OPTIONS specs, 1
#include "minimal.h"
