/* The same kind and name twice in one file. */
#define ONE {sizeof(tk_extension), TK_KIND_PLACEMENT, "first", "", NULL, 0, &table, NULL}
#define EXTENSIONS {ONE, ONE}
#include "minimal.h"
