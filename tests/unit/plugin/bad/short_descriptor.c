/* The right ABI, but the descriptor ends behind its head. */
#define PLUGIN {16, TK_ABI_MAJOR, TK_ABI_MINOR, 0, 0, 0, 0, 0, 0}
#include "minimal.h"
