/* One function of the table is missing. */
#define TABLE {sizeof(tk_placement), minimal_create, minimal_destroy, NULL}
#include "minimal.h"
