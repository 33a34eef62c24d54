/* An extension from a smaller struct. */
#define EXTENSION_SIZE 24
#include "minimal.h"
