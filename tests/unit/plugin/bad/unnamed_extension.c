/* An extension without a name. */
#define NAME NULL
#include "minimal.h"
