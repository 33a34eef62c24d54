/* A kind that this host has never heard of. */
#define KIND 99
#include "minimal.h"
