/* Returns nothing. */
#define RESULT NULL
#include "minimal.h"
