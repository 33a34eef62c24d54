/* Takes a (kind, name) that minimal.so has. */
#include "minimal.h"
