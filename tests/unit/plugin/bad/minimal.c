/* A correct plugin: shows that the others fail for what they change, not for what they share. */
#include "minimal.h"
