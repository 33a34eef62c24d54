/* An extension without functions. */
#define FUNCTIONS NULL
#include "minimal.h"
