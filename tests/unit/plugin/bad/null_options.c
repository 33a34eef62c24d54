/* Says it has options and shows none. */
#define OPTIONS NULL, 2
#include "minimal.h"
